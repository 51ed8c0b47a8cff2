/** The table of `cluster status`. Colours only on a terminal and without NO_COLOR. */
import type { NodeStatus } from './status.js';

type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

const codes: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

export function hasColours(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';
}

export function paint(text: string, colour: Colour, colours = hasColours()): string {
  return colours ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
}

const columns: readonly (readonly [title: string, cell: (node: NodeStatus) => string])[] = [
  ['node', (node) => node.node],
  ['role', (node) => node.role],
  ['term', (node) => count(node.term)],
  ['commit', (node) => count(node.commit)],
  ['applied', (node) => count(node.applied)],
  ['lag', (node) => count(node.lag)],
  ['keys', (node) => count(node.keys)],
  ['memory', (node) => bytes(node.memory)],
  ['clients', (node) => count(node.clients)],
  ['address', (node) => node.address],
];
/** Names and addresses stand left, numbers right. */
const leftColumns = ['node', 'role', 'address'];

function count(value: number | null): string {
  return value === null ? '-' : String(value);
}

function bytes(value: number | null): string {
  if (value === null) return '-';
  const units = ['B', 'K', 'M', 'G', 'T'];
  let unit = 0;
  let rest = value;
  for (; rest >= 1024 && unit < units.length - 1; unit++) rest /= 1024;
  return unit === 0 ? `${value}B` : `${rest.toFixed(1)}${units[unit]}`;
}

function colourOf({ role }: NodeStatus): Colour | null {
  if (role === 'leader') return 'green';
  if (role === 'follower' || role === 'learner') return null;
  return role === 'down' ? 'red' : 'yellow';
}

export function statusTable(nodes: readonly NodeStatus[], colours = hasColours()): string {
  const rows = nodes.map((node) => columns.map(([, cell]) => cell(node)));
  const widths = columns.map(([title], at) =>
    Math.max(title.length, ...rows.map((row) => row[at]!.length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => align(cell, widths[at]!, columns[at]![0]))
      .join('  ')
      .trimEnd();
  const head = paint(line(columns.map(([title]) => title)), 'bold', colours);
  const body = rows.map((row, at) => {
    const colour = colourOf(nodes[at]!);
    return colour === null ? line(row) : paint(line(row), colour, colours);
  });
  return [head, ...body].join('\n');
}

function align(cell: string, width: number, title: string): string {
  return leftColumns.includes(title) ? cell.padEnd(width) : cell.padStart(width);
}
