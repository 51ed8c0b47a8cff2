/** Seeds as tests: what fails is told in one line that repeats it. */
import { describe, expect, it } from 'vitest';
import { noTotals, type Totals, withReport } from './covered.js';
import { judge } from './verdict.js';

const perTest = 50;

/** Requirement 67. */
export function testSeeds(first: number, count: number): void {
  describe(`seeds ${first} to ${first + count - 1}`, () => {
    let totals: Totals = noTotals();
    for (let from = first; from < first + count; from += perTest) {
      it(`from ${from}`, { timeout: 600_000 }, async () => {
        for (let seed = from; seed < from + perTest; seed++) {
          const verdict = await judge(seed);
          if (!verdict.ok) throw new Error(`${verdict.failure.what}: ${verdict.failure.command}`);
          totals = withReport(totals, verdict.report);
        }
      });
    }

    it('met every sort of trouble', () => {
      const { undecided, ...met } = totals;
      for (const [what, times] of Object.entries(met)) expect(times, what).toBeGreaterThan(0);
      // The checker gives up on a key now and then, where many hasty clients leave outcomes open.
      expect(undecided).toBeLessThan(count / 20);
    });
  });
}
