/** Tables for people. Colours only on a terminal and without NO_COLOR. */

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow';
export type Columns<Row> = readonly (readonly [title: string, cell: (row: Row) => string])[];

const codes: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

export function hasColours(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';
}

function paint(text: string, colour: Colour, colours = hasColours()): string {
  return colours ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
}

/** `left`: titles of the columns that stand left; numbers stand right. */
export function layTable<Row>(
  columns: Columns<Row>,
  rows: readonly Row[],
  left: readonly string[],
  colourOf: (row: Row) => Colour | null,
  colours = hasColours(),
): string {
  const cells = rows.map((row) => columns.map(([, cell]) => cell(row)));
  const widths = columns.map(([title], at) =>
    Math.max(title.length, ...cells.map((line) => line[at]!.length)),
  );
  const align = (cell: string, at: number) =>
    left.includes(columns[at]![0]) ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!);
  const line = (texts: readonly string[]) => texts.map(align).join('  ').trimEnd();
  const head = paint(line(columns.map(([title]) => title)), 'bold', colours);
  const body = cells.map((texts, at) => {
    const colour = colourOf(rows[at]!);
    return colour === null ? line(texts) : paint(line(texts), colour, colours);
  });
  return [head, ...body].join('\n');
}
