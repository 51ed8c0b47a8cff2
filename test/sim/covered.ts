/** What runs of many seeds have covered, summed up. */
import type { Report } from './simulation.js';

export type Totals = Readonly<Record<string, number>>;

export function noTotals(): Totals {
  return { seeds: 0 };
}

export function withReport(totals: Totals, report: Report): Totals {
  const { seed: _seed, trace: _trace, ...counts } = report;
  return sum(totals, { seeds: 1, ...counts });
}

export function sum(some: Totals, more: Totals): Totals {
  const all: Record<string, number> = { ...some };
  for (const [name, value] of Object.entries(more)) all[name] = (all[name] ?? 0) + value;
  return all;
}

/** One line for people. */
export function describe(totals: Totals): string {
  return Object.entries(totals)
    .map(([name, value]) => `${name} ${Math.round(value)}`)
    .join(', ');
}
