/** Results as a table, as JSON and as a chart. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { LoadResult } from './load-result.js';

export interface Row {
  readonly scenario: string;
  readonly peer: string;
  readonly result: LoadResult;
}

/** Own throughput divided by a peer's, in the same run. */
export interface Ratio {
  readonly scenario: string;
  readonly to: string;
  readonly value: number;
  /** What the project aims at; null where it has no aim. */
  readonly aim: number | null;
}

export interface Report {
  readonly machine: { readonly cores: number; readonly model: string; readonly node: string };
  readonly settings: Readonly<Record<string, unknown>>;
  readonly rows: Row[];
  readonly ratios: Ratio[];
}

export function newReport(settings: Readonly<Record<string, unknown>>): Report {
  const [first] = cpus();
  const machine = { cores: cpus().length, model: first?.model ?? '', node: process.version };
  return { machine, settings, rows: [], ratios: [] };
}

const columns = ['ops/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'CPU s/M'];

export function tableHead(scenario: string): string {
  return `${scenario.padEnd(40)}${columns.map((name) => name.padStart(11)).join('')}`;
}

export function tableRow({ peer, result }: Row): string {
  const numbers = [
    Math.round(result.opsPerSecond).toLocaleString('en'),
    ...[result.p50Ms, result.p99Ms, result.p999Ms, result.maxMs].map((ms) => ms.toFixed(2)),
    result.cpuSecondsPerMillion.toFixed(1),
  ];
  return `  ${peer.padEnd(38)}${numbers.map((text) => text.padStart(11)).join('')}`;
}

export function ratioLine({ to, value, aim }: Ratio): string {
  const wanted = aim === null ? '' : ` (aim ${aim.toFixed(2)}${value >= aim ? '' : ', missed'})`;
  return `  ratio to ${to}: ${value.toFixed(2)}${wanted}`;
}

export function writeJson(file: string, report: unknown): void {
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}

const bar = { height: 18, gap: 6, left: 420, width: 420 };

export function escapeXml(text: string): string {
  return text.replace(/[<>&"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Bars of the ratios; the line is 1.0. */
export function writeChart(file: string, { ratios, machine }: Report): void {
  const most = Math.max(1.2, ...ratios.map(({ value }) => value));
  const x = (value: number) => bar.left + (value / most) * bar.width;
  const rows = ratios.map(({ scenario, to, value, aim }, at) => {
    const y = 30 + at * (bar.height + bar.gap);
    const color = aim !== null && value < aim ? '#c96' : '#6a9';
    const label = escapeXml(`${scenario} / ${to}`);
    const place = `y="${y}" width="${x(value) - bar.left}" height="${bar.height}"`;
    return [
      `<text x="${bar.left - 8}" y="${y + 13}" text-anchor="end">${label}</text>`,
      `<rect x="${bar.left}" ${place} fill="${color}"/>`,
      `<text x="${x(value) + 4}" y="${y + 13}">${value.toFixed(2)}</text>`,
    ].join('');
  });
  const height = 40 + ratios.length * (bar.height + bar.gap);
  const line = `<line x1="${x(1)}" y1="24" x2="${x(1)}" y2="${height - 8}" stroke="#333"/>`;
  const title = escapeXml(`tgcache / peer; ${machine.cores} cores, Node ${machine.node}`);
  writeFileSync(
    file,
    `<svg xmlns="http://www.w3.org/2000/svg" width="${bar.left + bar.width + 80}" ` +
      `height="${height}" font-family="sans-serif" font-size="12">` +
      `<text x="8" y="16">${title}</text>${rows.join('')}${line}</svg>\n`,
  );
}
