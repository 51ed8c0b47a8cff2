/**
 * `npm run bench -- hits`: hit ratios against Redis' policies at equal capacity, in percentage
 * points, and the log bytes that recency costs.
 */
import { median } from '../load-result.js';
import { Progress } from '../progress.js';
import { type Cell, measureCells } from './cells.js';
import { benchLive } from './live.js';
import { redisPolicies } from './redis-model.js';
import { allWorkloads, capacityShares, haveTraces } from './workloads.js';

export interface HitsOptions {
  readonly only?: string;
  readonly policy: string;
  readonly rate: string;
  /** Minutes; 0: no sample over RESP. */
  readonly live: string;
}

/** What the project aims at, against allkeys-lru. */
const aims = { mean: 3, belowShare: 0.05, worst: -3.5, logBytesPerGet: 0.3 } as const;
const percent = (ratio: number) => (ratio * 100).toFixed(2);
const signed = (points: number) => `${points < 0 ? '' : '+'}${points.toFixed(2)}`;
const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export async function benchHits({
  only,
  policy,
  rate,
  live,
}: HitsOptions): Promise<readonly Cell[]> {
  if (!haveTraces()) throw new Error('../shared/data/traces is not there: nothing to replay');
  const names = (await allWorkloads()).map(({ name }) => name);
  const chosen = names.filter((name) => name.includes(only ?? ''));
  const progress = new Progress(process.stderr);
  progress.expect(chosen.length);
  const cells: Cell[] = [];
  const heads = ['capacity', policy, ...redisPolicies, 'points', 'log B/GET'];
  console.log(`${'hits in %'.padEnd(24)}${heads.map((head) => head.padStart(14)).join('')}`);
  const options = { policy, requestsPerSecond: Number(rate) };
  await measureCells(chosen, options, (measured) => {
    cells.push(...measured);
    progress.clear();
    for (const cell of measured) console.log(row(cell));
    progress.step(measured[0]!.workload);
  });
  progress.end();
  summarize(cells);
  if (Number(live) > 0) await benchLive(Number(live));
  return cells;
}

const gain = ({ own, redis }: Cell, over: (typeof redisPolicies)[number]) =>
  (own - redis[over]) * 100;

function row(cell: Cell): string {
  const numbers = [
    `${cell.share * 100}%`,
    percent(cell.own),
    ...redisPolicies.map((policy) => percent(cell.redis[policy])),
    signed(gain(cell, 'allkeys-lru')),
    cell.logBytesPerGet.toFixed(3),
  ];
  return `${cell.workload.padEnd(24)}${numbers.map((text) => text.padStart(14)).join('')}`;
}

function summarize(cells: readonly Cell[]): void {
  for (const policy of redisPolicies) {
    const gains = cells.map((cell) => gain(cell, policy));
    const below = gains.filter((points) => points < -1).length / gains.length;
    const wanted =
      policy === 'allkeys-lru' ? ` (aims ${signed(aims.mean)}, 5%, ${aims.worst})` : '';
    console.log(
      `over ${policy}: mean ${signed(mean(gains))} points, ${percent(below)}% of ${gains.length} ` +
        `cells below -1, worst ${signed(Math.min(...gains))}${wanted}`,
    );
  }
  for (const share of capacityShares) {
    const gains = cells.filter((c) => c.share === share).map((c) => gain(c, 'allkeys-lru'));
    console.log(`  at ${share * 100}% over allkeys-lru: mean ${signed(mean(gains))}`);
  }
  const bytes = cells.map((cell) => cell.logBytesPerGet);
  console.log(
    `log bytes per GET: mean ${mean(bytes).toFixed(3)}, median ${median(bytes).toFixed(3)}, ` +
      `most ${Math.max(...bytes).toFixed(3)} (aim ${aims.logBytesPerGet} for the mean)`,
  );
}
