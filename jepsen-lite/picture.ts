/**
 * A page with what was found: a line for each process, a bar from call to return for each
 * operation, the offending one in red, and the place of each in an order that explains the rest.
 * One file without scripts or anything to load; all that comes from the history is escaped.
 */
import type { Report } from './check.js';
import type { Failure } from './check-key.js';
import type { Operation } from './history.js';
import { describeOperation, summaryLines } from './summary.js';

/** Beyond this only the last operations of the prefix are drawn. */
const drawnMax = 1000;
const moment = { width: 34, left: 90 } as const;
const row = { height: 40, bar: 28, top: 10 } as const;

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character]!);
}

const style = `
body { font: 14px/1.4 system-ui, sans-serif; margin: 24px; color: #222; background: #fff; }
h1 { font-size: 18px; } .scroll { overflow-x: auto; border: 1px solid #ccc; }
text { font: 11px ui-monospace, monospace; } .process { fill: #555; }
rect { fill: #cfe3f7; stroke: #4a7fb5; } .unknown rect { fill: #f3ead0; stroke: #b59a4a; }
.offending rect { fill: #f7c6c6; stroke: #c22; stroke-width: 2; } line { stroke: #eee; }`;

/** Calls and returns by rank: what counts is their order, and long pauses would hide it. */
function ranksOf(operations: readonly Operation[]): Map<number, number> {
  const times = new Set(operations.flatMap(({ call, ret }) => [call, ret]));
  times.delete(Number.POSITIVE_INFINITY);
  return new Map([...times].sort((a, b) => a - b).map((time, rank) => [time, rank]));
}

interface Drawing {
  readonly failure: Failure;
  readonly ranks: ReadonlyMap<number, number>;
  readonly rows: ReadonlyMap<number, number>;
  /** From 1; of those that are in the order that was found. */
  readonly places: ReadonlyMap<Operation, number>;
  readonly width: number;
}

function drawBar(drawing: Drawing, operation: Operation): string {
  const { failure, ranks, rows, places, width } = drawing;
  const end = failure.offending.ret;
  const isOpen = operation.ret > end;
  const x = moment.left + ranks.get(operation.call)! * moment.width;
  const right = isOpen ? width : moment.left + (ranks.get(operation.ret)! + 0.7) * moment.width;
  const y = row.top + rows.get(operation.process)! * row.height;
  const kind = operation === failure.offending ? 'offending' : isOpen ? 'unknown' : 'known';
  const text = escapeHtml(describeOperation(operation));
  const place = places.get(operation);
  const title = `${text}, line ${operation.line}, called ${operation.call}, ${
    isOpen ? 'not returned' : `returned ${operation.ret}`
  }${place === undefined ? '' : `, place ${place} in the order`}`;
  return (
    `<g class="${kind}"><title>${title}</title>` +
    `<svg x="${x}" y="${y}" width="${right - x}" height="${row.bar}">` +
    `<rect x="1" y="1" width="${right - x - 2}" height="${row.bar - 2}" rx="4"/>` +
    `<text x="5" y="17">${place === undefined ? '' : `${place}. `}${text}</text></svg></g>`
  );
}

function drawFailure(failure: Failure): string {
  const { prefix, explained } = failure;
  const all = [...prefix.known, ...prefix.unknown].map(({ operation }) => operation);
  const drawn = all.sort((a, b) => a.call - b.call).slice(-drawnMax);
  // A long call must not push the marked one out of the picture.
  if (!drawn.includes(failure.offending)) drawn.unshift(failure.offending);
  const ended = drawn.map((each) => (each.ret > failure.offending.ret ? null : each.ret));
  const ranks = ranksOf(
    drawn.map((each, at) => ({ ...each, ret: ended[at] ?? Number.POSITIVE_INFINITY })),
  );
  const processes = [...new Set(drawn.map(({ process }) => process))].sort((a, b) => a - b);
  const rows = new Map(processes.map((process, at) => [process, at]));
  const width = moment.left + (ranks.size + 1) * moment.width;
  const height = row.top * 2 + processes.length * row.height;
  const places = new Map(explained.map(({ operation }, at) => [operation, at + 1]));
  const drawing: Drawing = { failure, ranks, rows, places, width };
  const labels = processes.map((process, at) => {
    const y = row.top + at * row.height;
    const line = `<line x1="0" x2="${width}" y1="${y + row.bar + 6}" y2="${y + row.bar + 6}"/>`;
    return `${line}<text class="process" x="4" y="${y + 18}">process ${process}</text>`;
  });
  const omitted = all.length - drawn.length;
  return [
    omitted > 0 ? `<p>The first ${omitted} operations are left out.</p>` : '',
    '<p>Time runs to the right, by calls and returns. Red: the offending operation. Yellow: not ',
    'returned by then, or its outcome is unknown. The numbers are one order that explains all but ',
    'the offending one. Pointing at a bar shows its details.</p>',
    `<div class="scroll"><svg width="${width}" height="${height}">`,
    ...labels,
    ...drawn.map((operation) => drawBar(drawing, operation)),
    '</svg></div>',
  ].join('\n');
}

/** @param name what the page is about, such as the name of the file */
export function pictureOf(name: string, report: Report): string {
  const [verdict, ...details] = summaryLines(report).map(escapeHtml);
  return [
    '<!DOCTYPE html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<title>${escapeHtml(name)}</title><style>${style}</style></head><body>`,
    `<h1>${escapeHtml(name)}: ${verdict}</h1>`,
    ...details.map((line) => `<p>${line}</p>`),
    report.failure === null ? '' : drawFailure(report.failure),
    '</body></html>\n',
  ].join('\n');
}
