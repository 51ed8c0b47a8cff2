/** Recorded histories of real clusters with their published verdicts. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { check, defaultBounds } from '../../jepsen-lite/check.js';
import { parseHistory } from '../../jepsen-lite/history.js';
import { firstWrongReturn } from './brute-force.js';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const data = path.join(root, '../shared/data/histories');
const table = path.join(data, 'VERDICTS.tsv');
const isHere = existsSync(table);
if (!isHere) console.warn(`skipped: the histories are not at ${data}`);

const published = isHere
  ? readFileSync(table, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('\t') as [string, string])
  : [];
/** The worst needs 529: far below a second, and far above what a slip would cost. */
const stepsMax = 20_000;

describe.runIf(isHere)('published verdicts', () => {
  const spent: { file: string; ms: number; steps: number }[] = [];

  it('are those of 55 histories', () => {
    expect(published).toHaveLength(55);
  });

  it.each(published)('%s: %s', (file, verdict) => {
    const start = performance.now();
    const history = parseHistory(readFileSync(path.join(data, file), 'utf8'));
    const report = check(history, { ...defaultBounds, stepsMax });
    spent.push({ file, ms: Math.round(performance.now() - start), steps: report.steps });
    expect(report.verdict).toBe(verdict);
    expect(report.failure?.isShortest).toBe(verdict === 'linearizable' ? undefined : true);
  });

  it('the prefix of a wrong one is explained without its last operation, by plain values', () => {
    const wrong = published.filter(([, verdict]) => verdict === 'not linearizable');
    for (const [file] of wrong) {
      const { init, operations } = parseHistory(readFileSync(path.join(data, file), 'utf8'));
      const { offending, explained, key } = check({ init, operations }).failure!;
      const before = operations.filter((each) => each.key === key && each.ret < offending.ret);
      const order = explained.map(({ operation }) => operation);
      expect(before.filter((each) => !order.includes(each))).toEqual([]);
      // In single file the order is the only one left to try.
      const inFile = order.map((operation, at) => {
        const isKnown = before.includes(operation);
        const { result: _, ...asked } = { result: undefined, ...operation.action };
        const action = isKnown ? operation.action : (asked as typeof operation.action);
        return { ...operation, action, outcome: 'ok' as const, call: 2 * at, ret: 2 * at };
      });
      expect(firstWrongReturn(init, inFile), file).toBe(null);
    }
  });

  afterAll(() => {
    const [slowest] = spent.sort((a, b) => b.ms - a.ms);
    console.log(`slowest of ${spent.length}: ${JSON.stringify(slowest)}`);
  });
});
