/** One test per rule on entries, acks and the commit index (Figure 2, requirements 2 and 21-25). */
import { describe, expect, test } from 'vitest';
import {
  ack,
  append,
  Bench,
  bytes,
  configurationOf,
  heartbeat,
  leaderBench,
  restoredLog,
  snapshotLog,
  three,
} from './support.js';

function follower(terms: number[] = [], commit = 1): Bench {
  return new Bench('n1', restoredLog({ configuration: three, terms, commit }));
}

function termsOf(bench: Bench): (number | null)[] {
  return Array.from({ length: bench.core.lastLogIndex }, (_, at) => bench.core.termAt(at + 1));
}

describe('a follower', () => {
  test('requirement 2: acks entries only when they are durable', () => {
    const bench = append(follower(), 1, [1, 1], [1, 1]);
    expect(bench.take('append-response')).toEqual([]);
    expect(bench.pending?.afterwards).toMatchObject([{ success: true, index: 3, to: 'n2' }]);
    bench.sync();
    expect(bench.take('append-response')).toMatchObject([{ success: true, index: 3 }]);
  });

  test('acks what is durable already at once', () => {
    const bench = append(follower([1]), 1, [1, 2], []);
    expect(bench.take('append-response')).toMatchObject([{ success: true, index: 2 }]);
    expect(bench.writes).toEqual([]);
  });

  test('gathers what comes during a write, and acks it with the next one', () => {
    const bench = append(follower(), 1, [1, 1], [1]);
    append(bench, 1, [1, 2], [1]);
    append(bench, 1, [1, 3], [1]);
    expect(bench.writes).toHaveLength(1);
    bench.syncOnce();
    expect(bench.writes[1]?.entries.map((entry) => entry.index)).toEqual([3, 4]);
    expect(bench.writes[1]?.afterwards).toMatchObject([{ index: 4 }]);
  });

  test('joins the acks of one turn into the newest', () => {
    const bench = follower([1, 1]);
    const base = { kind: 'append-request', group: 1, from: 'n2', to: 'n1', term: 1 } as const;
    for (const prevLogIndex of [1, 2, 3]) {
      bench.core.step({ ...base, prevLogIndex, prevLogTerm: 1, leaderCommit: 0, entries: [] });
    }
    expect(bench.pump().take('append-response')).toMatchObject([{ index: 3 }]);
  });

  test('refuses an append that does not follow its log, with a hint', () => {
    const bench = append(follower([1, 2, 2]), 4, [4, 9], [4]).sync();
    expect(bench.take('append-response')).toMatchObject([
      { success: false, index: 9, hintIndex: 4, hintTerm: 2 },
    ]);
    append(bench, 4, [3, 4], []);
    expect(bench.take('append-response')).toMatchObject([{ hintIndex: 4, hintTerm: 2 }]);
    append(bench, 4, [1, 4], []);
    expect(bench.take('append-response')).toMatchObject([{ hintIndex: 2, hintTerm: 1 }]);
  });

  test('requirement 3: truncates at a conflict of terms, in one write', () => {
    const bench = append(follower([1, 2, 2]), 3, [1, 2], [3]);
    expect(bench.pending).toMatchObject({ truncateFrom: 3, entries: [{ term: 3, index: 3 }] });
    expect(termsOf(bench)).toEqual([1, 1, 3]);
  });

  test('requirement 21: a late duplicate never truncates what matches', () => {
    const bench = follower([1, 1, 1]);
    append(bench, 1, [1, 1], [1]);
    append(bench, 1, [1, 1], []);
    expect(bench.core.lastLogIndex).toBe(4);
    expect(bench.writes).toEqual([]);
  });

  test('a conflict at or below the commit index stops the node', () => {
    const bench = follower([1, 1], 3);
    expect(() => append(bench, 5, [1, 1], [5, 5, 5])).toThrow(/INVARIANT/);
  });

  test('requirement 23: commits min(leaderCommit, last index this message verified)', () => {
    const bench = follower([1, 1, 1]);
    append(bench, 1, [1, 1], [1], 99);
    expect(bench.core.commitIndex).toBe(2);
    append(bench, 1, [1, 4], [], 3);
    expect(bench.core.commitIndex).toBe(3);
  });

  test('requirement 22: prevLogIndex below the snapshot is matched against it', () => {
    const meta = { lastIncludedIndex: 5, lastIncludedTerm: 2, configuration: three };
    const bench = new Bench('n1', snapshotLog(meta));
    append(bench, 2, [1, 3], [2, 2, 2, 2], 7).sync();
    expect(bench.core.lastLogIndex).toBe(7);
    expect(bench.applied.map((entry) => entry.index)).toEqual([6, 7]);
    append(bench, 2, [1, 2], [2], 7).sync();
    expect(bench.take('append-response').map((m) => m.index)).toEqual([7, 7]);
  });

  test('written() of a truncated entry does not move the stable cursor', () => {
    const bench = append(follower(), 2, [1, 1], [2, 2]);
    append(bench, 3, [1, 1], [3, 3], 3, 'n3');
    expect(bench.writes).toHaveLength(1);
    bench.syncOnce();
    expect(bench.take('append-response').filter((m) => m.term === 3)).toEqual([]);
    expect(bench.applied).toEqual([expect.objectContaining({ index: 1 })]);
    expect(bench.pending).toMatchObject({ truncateFrom: 2, entries: [{ term: 3 }, { term: 3 }] });
    bench.sync();
    expect(bench.take('append-response')).toMatchObject([{ term: 3, index: 3 }]);
    expect(bench.applied).toHaveLength(3);
  });

  test('requirement 9: heartbeats are answered at once, whatever the disk does', () => {
    const bench = append(follower(), 2, [1, 1], [2]);
    expect(bench.pending).not.toBeNull();
    heartbeat(bench, 2, 5);
    expect(bench.take('heartbeat-response')).toMatchObject([{ round: 5 }]);
    heartbeat(bench, 2, 0, 2);
    expect(bench.take('heartbeat-response')).toEqual([]);
    expect(bench.core.commitIndex).toBe(2);
  });

  test('entries are applied in order, once, bounded in bytes per turn', () => {
    const log = restoredLog({ configuration: three, terms: [1, 1, 1, 1], commit: 5 });
    const bench = new Bench('n1', log, { committedBytesMax: 1 });
    const first = bench.core.takeEffects();
    expect(first.committed.map((entry) => entry.index)).toEqual([1]);
    expect(bench.core.hasEffects()).toBe(false);
    bench.core.applied(1);
    bench.pump();
    expect(bench.applied.map((entry) => entry.index)).toEqual([2, 3, 4, 5]);
  });

  test('committed entries that left the window are asked from disk', () => {
    const full = restoredLog({ configuration: three, terms: [1, 1, 1], commit: 3 });
    const log = { ...full, entries: full.entries.slice(2), beforeIndex: 2, beforeTerm: 1 };
    const bench = new Bench('n1', log).pump();
    expect(bench.wanted).toMatchObject([{ from: 1 }]);
    bench.core.committedRead(full.entries.slice(0, 1));
    bench.pump();
    expect(bench.wanted[1]).toMatchObject({ from: 2 });
    bench.core.committedRead(full.entries.slice(1));
    bench.pump();
    expect(bench.applied.map((entry) => entry.index)).toEqual([1, 2, 3]);
  });

  test('saves the commit index now and then, without a sync', () => {
    const bench = append(follower(), 1, [1, 1], [1], 2).sync();
    heartbeat(bench, 1, 0, 2).tick(10);
    expect(bench.writes[1]).toMatchObject({ sync: false, hardState: { term: 1, commit: 2 } });
  });
});

describe('a leader', () => {
  test('sends new entries beside the write and counts itself after it', () => {
    const bench = leaderBench();
    bench.core.propose(bytes('x'));
    bench.pump();
    expect(bench.take('append-request').map((m) => m.to)).toEqual(['n2', 'n3']);
    const index = bench.core.lastLogIndex;
    ack(bench, 'n2', index);
    expect(bench.core.commitIndex).toBe(index - 1);
    bench.sync();
    expect(bench.core.commitIndex).toBe(index);
  });

  test('commits when a majority has it although its own disk is slow, but applies later', () => {
    const bench = leaderBench();
    bench.core.propose(bytes('x'));
    bench.pump();
    const index = bench.core.lastLogIndex;
    ack(bench, 'n2', index);
    ack(bench, 'n3', index);
    expect(bench.core.commitIndex).toBe(index);
    expect(bench.core.lastApplied).toBe(index - 1);
    expect(bench.sync().core.lastApplied).toBe(index);
  });

  test('commits entries of earlier terms only with one of its own (5.4.2)', () => {
    const bench = leaderBench(three, {}, [1, 1]);
    const other = new Bench('n1', restoredLog({ configuration: three, terms: [1, 1], commit: 1 }));
    expect(bench.core.commitIndex).toBe(4);
    other.tick(19).sync();
    for (const preVote of [true, false]) {
      const answer = { preVote, granted: true, requestTerm: 2 };
      other.step({ kind: 'vote-response', from: 'n2', term: preVote ? 1 : 2, ...answer }).sync();
    }
    ack(other, 'n2', 3);
    expect(other.core.commitIndex).toBe(1);
    ack(other, 'n2', 4);
    expect(other.core.commitIndex).toBe(4);
  });

  test('pipelines up to the window and goes on when acks free it', () => {
    const bench = leaderBench(configurationOf(['n1', 'n2']), { inflightAppendsMax: 2 });
    for (let at = 0; at < 4; at++) {
      bench.core.propose(bytes(`x${at}`));
      bench.pump();
    }
    expect(bench.take('append-request')).toHaveLength(2);
    ack(bench, 'n2', bench.core.lastLogIndex - 3);
    const [more] = bench.take('append-request');
    expect(more?.entries.map((entry) => entry.index)).toEqual([5, 6]);
  });

  test('a reject falls back to one probe at a time, above what is known to match', () => {
    const bench = leaderBench(three, {}, [1, 1, 1]);
    for (const data of ['x', 'y']) {
      bench.core.propose(bytes(data));
      bench.pump();
    }
    const { term } = bench.core;
    const reject = { success: false, index: 6, hintIndex: 3, hintTerm: 1 };
    bench.forget().step({ kind: 'append-response', from: 'n2', term, ...reject });
    expect(bench.core.status().peers[0]).toMatchObject({ state: 'probe', matchIndex: 5 });
    expect(bench.take('append-request')).toMatchObject([{ to: 'n2', prevLogIndex: 5 }]);
    bench.core.propose(bytes('z'));
    expect(bench.pump().take('append-request')).toMatchObject([{ to: 'n3' }]);
  });

  test('requirement 24: a late reject at or below matchIndex changes nothing', () => {
    const bench = leaderBench(three, {}, [1, 1, 1]);
    const { term } = bench.core;
    const late = { success: false, index: 3, hintIndex: 0, hintTerm: 0 };
    bench.step({ kind: 'append-response', from: 'n3', term, ...late });
    expect(bench.core.status().peers[1]).toMatchObject({ state: 'replicate', nextIndex: 6 });
  });

  test('backtracks by whole terms (5.3)', () => {
    const bench = new Bench(
      'n1',
      restoredLog({ configuration: three, terms: [1, 4, 4, 4, 4], commit: 1, term: 4 }),
    );
    bench.tick(19).sync();
    for (const preVote of [true, false]) {
      const answer = { preVote, granted: true, requestTerm: 5 };
      bench.step({ kind: 'vote-response', from: 'n2', term: preVote ? 4 : 5, ...answer }).sync();
    }
    bench.forget();
    const reject = { success: false, index: 6, hintIndex: 5, hintTerm: 2 };
    bench.step({ kind: 'append-response', from: 'n3', term: 5, ...reject });
    expect(bench.take('append-request')).toMatchObject([{ to: 'n3', prevLogIndex: 2 }]);
  });

  test('requirement 24: stale acks change nothing', () => {
    const bench = leaderBench();
    const before = bench.core.status().peers;
    ack(bench, 'n2', 1);
    const old = { success: true, index: 2, hintIndex: 0, hintTerm: 0 };
    bench.step({ kind: 'append-response', from: 'n2', term: 1, ...old });
    expect(bench.core.status().peers).toEqual(before);
  });

  test('tells a commit when it is asked to, one message per follower', () => {
    const bench = leaderBench();
    bench.core.propose(bytes('x'));
    bench.sync().forget();
    const index = bench.core.lastLogIndex;
    ack(bench, 'n2', index);
    // n3 has not acked: its heartbeat may not name more than its matchIndex.
    expect(bench.sent).toMatchObject([
      { kind: 'heartbeat-request', to: 'n2', round: 0, leaderCommit: index },
    ]);
    ack(bench.forget(), 'n3', index);
    expect(bench.sent).toMatchObject([{ to: 'n3', round: 0, leaderCommit: index }]);
  });

  test('a commit has no message of its own before that, but a heartbeat names it', () => {
    const bench = leaderBench();
    const { index } = bench.core.propose(bytes('x')) as { index: number };
    bench.sync().forget();
    const { core } = bench;
    const answer = { kind: 'append-response', group: 1, from: 'n2', to: 'n1' } as const;
    core.step({ ...answer, term: core.term, success: true, index, hintIndex: 0, hintTerm: 0 });
    expect(core.takeEffects()).toMatchObject({ committed: [{ index }], messages: [] });
    core.applied(index);
    expect(core.hasEffects()).toBe(false);
    core.requestRead(1);
    const [beat] = core.takeEffects().messages.filter(({ to }) => to === 'n2');
    expect(beat).toMatchObject({ kind: 'heartbeat-request', leaderCommit: index });
    core.tellCommit(index);
    expect(core.takeEffects().messages).toEqual([]);
  });

  test('a commit rides on the next append where there is one', () => {
    const bench = leaderBench();
    bench.core.propose(bytes('x'));
    bench.sync().forget();
    const base = { kind: 'append-response', group: 1, from: 'n2', to: 'n1' } as const;
    const index = bench.core.lastLogIndex;
    const body = { term: bench.core.term, success: true, index, hintIndex: 0, hintTerm: 0 };
    bench.core.step({ ...base, ...body });
    bench.core.propose(bytes('y'));
    bench.pump();
    const toN2 = bench.sent.filter((message) => message.to === 'n2');
    expect(toN2).toMatchObject([{ kind: 'append-request', leaderCommit: index }]);
  });

  test('a lost window recovers: an empty append asks at heartbeat time', () => {
    const bench = leaderBench(configurationOf(['n1', 'n2']), { inflightAppendsMax: 1 });
    const { term } = bench.core;
    bench.core.propose(bytes('x'));
    bench.sync().forget();
    for (let round = 1; round <= 4; round++) {
      bench.tick(2);
      bench.step({ kind: 'heartbeat-response', from: 'n2', term, round });
    }
    const probe = bench.take('append-request')[0];
    expect(probe).toMatchObject({ prevLogIndex: 3, entries: [] });
    const reject = { success: false, index: 3, hintIndex: 2, hintTerm: term };
    bench.forget().step({ kind: 'append-response', from: 'n2', term, ...reject });
    expect(bench.take('append-request')).toMatchObject([
      { prevLogIndex: 2, entries: [{ index: 3 }] },
    ]);
  });

  test('requirement 25: memory stays bounded with a dead follower, served from disk', () => {
    const changes = { logWindowBytesMax: 1000, appendBytesMax: 400, inflightAppendsMax: 2 };
    const bench = leaderBench(three, changes);
    bench.core.unreachable('n3');
    for (let at = 0; at < 200; at++) {
      bench.core.propose(new Uint8Array(50));
      bench.sync();
      ack(bench, 'n2', bench.core.lastLogIndex);
    }
    const { firstLogIndex, lastLogIndex } = bench.core.status();
    expect([firstLogIndex, lastLogIndex]).toEqual([1, 202]);
    expect(bench.core.termAt(150)).toBeNull();
    expect(bench.core.termAt(200)).toBe(2);
    bench.tick(2);
    bench.step({ kind: 'heartbeat-response', from: 'n3', term: 2, round: 3 });
    expect(bench.old).toMatchObject([{ to: 'n3', from: 2 }]);
    bench.step({ kind: 'heartbeat-response', from: 'n3', term: 2, round: 3 });
    expect(bench.old).toHaveLength(1);
  });

  test('old entries from disk are sent after the entry they follow', () => {
    const bench = leaderBench(three, { logWindowBytesMax: 300 });
    bench.core.unreachable('n3');
    for (let at = 0; at < 50; at++) {
      bench.core.propose(bytes(`x${at}`));
      bench.sync();
      ack(bench, 'n2', bench.core.lastLogIndex);
    }
    bench.tick(2).forget();
    bench.step({ kind: 'heartbeat-response', from: 'n3', term: 2, round: 3 });
    // The term of entry 2 left memory too, so the read begins there.
    const stored = bench.writes.flatMap((write) => write.entries);
    expect(bench.old).toMatchObject([{ from: 2 }]);
    bench.core.oldEntriesRead('n3', stored.filter((entry) => entry.index >= 2).slice(0, 4));
    const [sent] = bench.pump().take('append-request');
    expect(sent).toMatchObject({ to: 'n3', prevLogIndex: 2, prevLogTerm: 2 });
    expect(sent?.entries.map((entry) => entry.index)).toEqual([3, 4, 5]);
  });
});
