/** Several log writes on their way to the disk at once. */
import { describe, expect, test } from 'vitest';
import { append, Bench, configurationOf, restoredLog } from './support.js';

const configuration = configurationOf(['n1', 'n2', 'n3']);

/** Entry 2 is of term 2. */
function follower(logWritesMax: number): Bench {
  return new Bench('n1', restoredLog({ configuration, terms: [2], commit: 1 }), { logWritesMax });
}

describe('log writes', () => {
  test('writes that only append are on their way together and end in order', () => {
    const bench = append(follower(2), 2, [2, 2], [2]);
    append(bench, 2, [2, 3], [2]);
    append(bench, 2, [2, 4], [2]);
    expect(bench.inFlight.map(({ entries }) => entries.map(({ index }) => index))).toEqual([
      [3],
      [4],
    ]);
    expect(bench.take('append-response')).toEqual([]);
    expect(() => bench.core.written(bench.inFlight[1]!.seq)).toThrow('out of order');
  });

  test('each of them carries its own ack', () => {
    const bench = append(follower(2), 2, [2, 2], [2]);
    append(bench, 2, [2, 3], [2]);
    append(bench, 2, [2, 4], [2]);
    bench.syncOnce();
    expect(bench.take('append-response')).toMatchObject([{ index: 3 }]);
    expect(bench.inFlight).toHaveLength(2);
    bench.sync();
    expect(bench.take('append-response')).toMatchObject([{ index: 4 }, { index: 5 }]);
  });

  test('requirement 3: a truncation waits for the writes before it, and is alone', () => {
    const bench = append(follower(3), 2, [2, 2], [2]);
    append(bench, 2, [2, 3], [2]);
    append(bench, 3, [2, 2], [3, 3], 3, 'n3');
    expect(bench.inFlight.map(({ appends }) => appends)).toEqual([true, true]);
    bench.syncOnce();
    expect(bench.inFlight).toHaveLength(1);
    bench.syncOnce();
    expect(bench.inFlight).toMatchObject([{ appends: false, truncateFrom: 3 }]);
    append(bench, 3, [3, 4], [3], 3, 'n3');
    expect(bench.inFlight).toHaveLength(1);
    expect(bench.applied.map(({ term }) => term)).toEqual([1, 2]);
    bench.sync();
    expect(bench.applied.map(({ term }) => term)).toEqual([1, 2, 3]);
    expect(bench.take('append-response').at(-1)).toMatchObject({ term: 3, index: 5 });
  });

  test('requirement 1: nothing is on its way beside a vote', () => {
    const bench = append(follower(3), 3, [2, 2], [3]);
    append(bench, 3, [3, 3], [3]);
    expect(bench.inFlight).toMatchObject([{ hardState: { term: 3 }, appends: false }]);
    bench.sync();
    expect(bench.take('append-response').at(-1)).toMatchObject({ index: 4 });
  });
});
