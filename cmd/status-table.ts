/** The table of `cluster status`. */
import type { NodeStatus } from './status.js';
import { type Colour, type Columns, hasColours, layTable } from './table.js';

const columns: Columns<NodeStatus> = [
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
  return layTable(columns, nodes, leftColumns, colourOf, colours);
}
