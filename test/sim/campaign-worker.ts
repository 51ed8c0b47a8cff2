/** A process of a campaign: takes lists of seeds, answers what became of them. */
import type { Batch } from './campaign.js';
import { noTotals, withReport } from './covered.js';
import { type Failure, judge } from './verdict.js';

async function run(seeds: readonly number[]): Promise<Batch> {
  let totals = noTotals();
  const failures: Failure[] = [];
  for (const seed of seeds) {
    const verdict = await judge(seed);
    if (verdict.ok) totals = withReport(totals, verdict.report);
    else failures.push(verdict.failure);
  }
  return { totals, failures };
}

process.on('unhandledRejection', (error) => {
  throw error;
});
process.on('message', (seeds: readonly number[]) => {
  run(seeds).then(
    (batch) => process.send!(batch),
    (error: unknown) => {
      throw error;
    },
  );
});
