/** The small parts of the core on their own: quorum, log window, send window, progress. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Inflights } from '../../src/raft/inflights.js';
import { RaftLog } from '../../src/raft/log.js';
import { Progress } from '../../src/raft/progress.js';
import { majorityValue, quorumValue, voteOutcome } from '../../src/raft/quorum.js';
import { RoundClock } from '../../src/raft/round-clock.js';
import { command, configurationOf, restoredLog } from './support.js';

describe('quorum', () => {
  test('the majority value is reached by a majority and no larger one is', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (values) => {
        const ids = values.map((_, at) => `n${at}`);
        const value = majorityValue(ids, (id) => values[Number(id.slice(1))]!);
        const reached = (bound: number) => values.filter((one) => one >= bound).length;
        const needed = Math.floor(values.length / 2) + 1;
        return reached(value) >= needed && reached(value + 1) < needed;
      }),
    );
  });

  test('a joint configuration takes the smaller of both majorities', () => {
    const joint = configurationOf(['n1', 'n4', 'n5'], ['n6'], ['n1', 'n2', 'n3']);
    const match = new Map(Object.entries({ n1: 9, n2: 3, n3: 2, n4: 8, n5: 7, n6: 99 }));
    expect(quorumValue(joint, (id) => match.get(id) ?? 0)).toBe(3);
  });

  test('votes: won, lost or open, in both halves, learners never count', () => {
    const joint = configurationOf(['n1', 'n4', 'n5'], ['n6'], ['n1', 'n2', 'n3']);
    const votes = new Map([['n1', true]]);
    expect(voteOutcome(joint, votes)).toBe('pending');
    votes.set('n4', true).set('n6', true);
    expect(voteOutcome(joint, votes)).toBe('pending');
    votes.set('n2', false).set('n3', false);
    expect(voteOutcome(joint, votes)).toBe('lost');
    votes.set('n2', true);
    expect(voteOutcome(joint, votes)).toBe('won');
  });
});

describe('the log window', () => {
  function log(terms: number[], commit = 0): RaftLog {
    return new RaftLog(restoredLog({ terms, commit }));
  }

  test('finds terms, also just before the window, and nothing beyond', () => {
    const one = log([1, 1, 2]);
    expect([0, 1, 3, 4].map((index) => one.termAt(index))).toEqual([0, 1, 2, null]);
  });

  test('a gap, a term that goes back and a committed truncation are refused', () => {
    const one = log([1, 2], 1);
    expect(() => one.append(command(2, 5))).toThrow(/INVARIANT/);
    expect(() => one.append(command(1, 3))).toThrow(/INVARIANT/);
    expect(() => one.truncateFrom(1)).toThrow(/INVARIANT/);
  });

  test('a restored log must hold every uncommitted entry in memory', () => {
    const full = restoredLog({ terms: [1, 1, 1], commit: 1 });
    const cut = { ...full, entries: full.entries.slice(2), beforeIndex: 2, beforeTerm: 1 };
    expect(() => new RaftLog(cut)).toThrow(/INVARIANT/);
  });

  test('conflict search skips whole terms', () => {
    const one = log([1, 1, 3, 3, 5]);
    expect(one.lastIndexWithTermAtMost(5, 4)).toBe(4);
    expect(one.lastIndexWithTermAtMost(9, 2)).toBe(2);
    expect(one.lastIndexWithTermAtMost(5, 0)).toBe(0);
  });

  test('only applied and durable entries leave memory, and the rest reads the same', () => {
    const one = log([]);
    for (let index = 1; index <= 3000; index++) one.append(command(1, index));
    one.commitTo(3000);
    one.handedOut = 3000;
    one.appliedTo(3000);
    one.evict(0);
    expect(one.firstIndex).toBe(1);
    one.stableTo(2500, 1);
    one.evict(0);
    expect([one.firstIndex, one.lastIndex, one.termAt(2500)]).toEqual([2501, 3000, 1]);
    expect(one.slice(2501, 3000, 1e9).map((entry) => entry.index)[499]).toBe(3000);
    expect(one.bytes).toBeGreaterThan(0);
    one.stableTo(3000, 1);
    one.evict(0);
    expect([one.bytes, one.lastTerm]).toEqual([0, 1]);
    one.append(command(2, 3001));
    expect(one.termAt(3001)).toBe(2);
  });

  test('a slice holds at least one entry and respects its bytes', () => {
    const one = log([1, 1, 1, 1]);
    expect(one.slice(1, 4, 0)).toHaveLength(1);
    expect(one.slice(2, 4, 140)).toHaveLength(2);
  });
});

describe('the send window', () => {
  test('is bounded in appends and bytes, and frees through an index', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(50)), { maxLength: 60 }), (steps) => {
        const window = new Inflights(4, 100);
        let model: { last: number; bytes: number }[] = [];
        let last = 0;
        for (const [send, size] of steps) {
          if (send && !window.full) {
            window.add(++last, size);
            model.push({ last, bytes: size });
          } else if (!send) {
            window.freeTo(last - (size % 5));
            model = model.filter((one) => one.last > last - (size % 5));
          }
          expect(window.count).toBe(model.length);
          expect(window.bytes).toBe(model.reduce((sum, one) => sum + one.bytes, 0));
          expect(window.count).toBeLessThanOrEqual(4);
        }
      }),
    );
  });

  test('one append larger than the window may be under way', () => {
    const window = new Inflights(4, 100);
    expect(window.full).toBe(false);
    window.add(1, 5000);
    expect(window.full).toBe(true);
  });
});

describe('progress', () => {
  const bounds = { inflightAppendsMax: 2, inflightBytesMax: 1000 };

  test('probe sends once, replicate fills the window, an ack frees it', () => {
    const progress = new Progress('n2', 5, 0, bounds);
    progress.sentEntries(6, 10);
    expect([progress.maySend, progress.nextIndex]).toEqual([false, 5]);
    expect(progress.acked(6)).toBe(true);
    expect([progress.state, progress.nextIndex]).toEqual(['replicate', 7]);
    progress.sentEntries(7, 10);
    progress.sentEntries(8, 10);
    expect([progress.maySend, progress.nextIndex]).toEqual([false, 9]);
    progress.acked(7);
    expect(progress.maySend).toBe(true);
  });

  test('matchIndex never goes back and nextIndex stays above it', () => {
    const progress = new Progress('n2', 5, 0, bounds);
    progress.acked(9);
    expect(progress.acked(4)).toBe(false);
    progress.becomeProbe(2, false);
    expect([progress.matchIndex, progress.nextIndex]).toEqual([9, 10]);
  });

  test('each refused probe moves back by at least one', () => {
    const progress = new Progress('n2', 9, 0, bounds);
    expect(progress.rejected(8, 8)).toBe(true);
    expect(progress.nextIndex).toBe(8);
    expect(progress.rejected(8, 2)).toBe(false);
    expect(progress.rejected(7, 2)).toBe(true);
    expect(progress.nextIndex).toBe(3);
  });

  test('a snapshot ends by an ack that the log can follow', () => {
    const progress = new Progress('n2', 1, 0, bounds);
    progress.becomeSnapshot(20);
    progress.acked(10);
    expect(progress.state).toBe('snapshot');
    progress.acked(20);
    expect(progress.state).toBe('replicate');
  });
});

test('a round is dated by the tick of its sending', () => {
  const clock = new RoundClock(4);
  clock.sent(1, 10);
  clock.sent(2, 10);
  clock.sent(3, 12);
  expect([1, 2, 3, 4].map((round) => clock.sentTick(round))).toEqual([10, 10, 12, 12]);
  for (let tick = 13; tick < 40; tick++) clock.sent(tick, tick);
  expect(clock.sentTick(1)).toBe(Number.NEGATIVE_INFINITY);
});
