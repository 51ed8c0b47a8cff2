/** One test per rule on snapshots in the core (Figure 13; requirements 22, 46 and 47). */
import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.js';
import {
  ack,
  append,
  Bench,
  bytes,
  configurationOf,
  heartbeat,
  leaderBench,
  restoredLog,
  three,
} from './support.js';

const wider = configurationOf(['n1', 'n2', 'n3', 'n4']);

function meta(lastIncludedIndex: number, lastIncludedTerm: number) {
  return { lastIncludedIndex, lastIncludedTerm, configuration: wider };
}

function follower(terms: number[], commit: number): Bench {
  const bench = new Bench('n1', restoredLog({ configuration: three, terms, commit, term: 3 }));
  return heartbeat(bench, 3).sync().forget();
}

describe('requirement 46: a received snapshot', () => {
  test('of an old term is ignored', () => {
    const bench = follower([1, 1], 3);
    expect(bench.core.snapshotReceived('n2', 2, meta(9, 2)).action).toBe('ignore');
  });

  test('at or below the commit index is ignored, and the leader is told how far we are', () => {
    const bench = follower([1, 1], 3);
    expect(bench.core.snapshotReceived('n2', 3, meta(3, 1)).action).toBe('ignore');
    expect(bench.pump().take('append-response')).toMatchObject([{ success: true, index: 3 }]);
  });

  test('with a matching entry keeps the suffix', () => {
    const bench = follower([1, 1, 2, 2], 1);
    const verdict = bench.core.snapshotReceived('n2', 3, meta(3, 1));
    expect(verdict).toEqual({ action: 'restore', keepsLog: true });
    bench.core.snapshotRestored(meta(3, 1));
    expect(bench.core.lastLogIndex).toBe(5);
    expect([bench.core.lastApplied, bench.core.commitIndex]).toEqual([3, 3]);
  });

  test.each([
    ['another term at its index', 3, 2],
    ['an index beyond the log', 9, 2],
  ])('with %s takes the place of the whole log', (_, index, term) => {
    const bench = follower([1, 1, 1, 1], 1);
    const verdict = bench.core.snapshotReceived('n2', 3, meta(index, term));
    expect(verdict).toEqual({ action: 'restore', keepsLog: false });
    bench.core.snapshotRestored(meta(index, term));
    const { lastLogIndex, configuration } = bench.core.status();
    expect([lastLogIndex, configuration]).toEqual([index, wider]);
    expect(bench.core.termAt(index)).toBe(term);
    expect(bench.pump().take('append-response')).toMatchObject([{ success: true, index }]);
    append(bench, 3, [term, index], [3], index + 1).sync();
    expect(bench.applied.at(-1)?.index).toBe(index + 1);
    expect(bench.writes.at(-1)).toMatchObject({ truncateFrom: null });
  });

  test('in place of the log voids the acks of what that held', () => {
    const bench = follower([1, 1], 1);
    append(bench, 3, [1, 3], [3], 1);
    append(bench, 3, [3, 4], [3, 3, 3], 1);
    const write = bench.pending!;
    // The snapshot comes between the end of this write and the start of the next one.
    bench.core.written(write.seq);
    bench.inFlight.shift();
    const verdict = bench.core.snapshotReceived('n2', 3, meta(5, 3));
    expect(verdict).toEqual({ action: 'restore', keepsLog: false });
    bench.core.snapshotRestored(meta(5, 3));
    // Long enough for a write of the commit index alone, behind which an ack could leave.
    expect(bench.tick(10).sync().core.lastLogIndex).toBe(5);
    expect(bench.take('append-response')).toMatchObject([{ success: true, index: 5 }]);
  });

  test('requirement 47: while it is put in place nothing is acked or applied', () => {
    const bench = follower([1, 1], 1);
    const before = bench.applied.length;
    bench.core.snapshotReceived('n2', 3, meta(9, 2));
    append(bench, 3, [2, 9], [3], 10).sync();
    expect(bench.take('append-response')).toEqual([]);
    expect(bench.applied).toHaveLength(before);
    expect(bench.core.snapshotReceived('n2', 3, meta(12, 2)).action).toBe('ignore');
    heartbeat(bench, 3, 4, 12);
    expect(bench.take('heartbeat-response')).toHaveLength(1);
    expect(bench.tick(100).core.role).toBe('follower');
    expect(bench.core.commitIndex).toBe(9);
  });

  test('ends a candidacy and is ignored by the leader of that term', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three })).tick(19);
    expect(bench.core.snapshotReceived('n2', 1, meta(9, 1)).action).toBe('restore');
    expect(bench.core.role).toBe('follower');
    const leader = leaderBench();
    const verdict = leader.core.snapshotReceived('n2', leader.core.term, meta(99, 1));
    expect(verdict.action).toBe('ignore');
    expect(leader.core.role).toBe('leader');
  });
});

describe('a leader', () => {
  function compacted(): Bench {
    const bench = leaderBench(three, { logWindowBytesMax: 200 });
    bench.core.unreachable('n3');
    for (let at = 0; at < 20; at++) {
      bench.core.propose(bytes(`x${at}`));
      bench.sync();
      ack(bench, 'n2', bench.core.lastLogIndex);
    }
    bench.core.snapshotSaved({ ...meta(20, 2), configuration: three }, 15);
    return bench;
  }

  function alive(bench: Bench): Bench {
    bench.tick(2);
    return bench.step({ kind: 'heartbeat-response', from: 'n3', term: 2, round: 3 });
  }

  test('sends a snapshot when disk no longer has the entries, once', () => {
    const bench = alive(compacted());
    expect(bench.snapshots).toEqual(['n3']);
    alive(bench.forget());
    expect(bench.snapshots).toEqual(['n3']);
    expect(bench.take('append-request').filter((m) => m.to === 'n3')).toEqual([]);
  });

  test('goes on after the snapshot when the follower acks it', () => {
    const bench = alive(compacted());
    bench.core.snapshotSent('n3', true, { ...meta(20, 2), configuration: three });
    ack(bench.forget(), 'n3', 20);
    expect(bench.core.status().peers[1]).toMatchObject({ state: 'replicate', matchIndex: 20 });
    expect(bench.take('append-request')[0]).toMatchObject({ to: 'n3', prevLogIndex: 20 });
  });

  test('a lost ack of the snapshot is found out by a probe at its end', () => {
    const bench = alive(compacted());
    bench.core.snapshotSent('n3', true, { ...meta(20, 2), configuration: three });
    alive(bench.forget());
    expect(bench.take('append-request')[0]).toMatchObject({ to: 'n3', prevLogIndex: 20 });
  });

  test('starts anew after a failure, at the next answer', () => {
    const bench = alive(compacted());
    bench.core.snapshotSent('n3', false, null);
    expect(bench.pump().snapshots).toHaveLength(1);
    expect(alive(bench).snapshots).toHaveLength(2);
  });

  test('falls back to a snapshot when old entries were compacted while they were read', () => {
    const bench = leaderBench(three, { logWindowBytesMax: 200 });
    bench.core.unreachable('n3');
    for (let at = 0; at < 20; at++) {
      bench.core.propose(bytes(`x${at}`));
      ack(bench.sync(), 'n2', bench.core.lastLogIndex);
    }
    alive(bench);
    expect(bench.old).toHaveLength(1);
    bench.core.oldEntriesRead('n3', null);
    expect(bench.pump().snapshots).toEqual(['n3']);
  });
});

describe('clusters', () => {
  test('a node away through compaction comes back by snapshot', () => {
    const cluster = new Cluster({ seed: 5, voters: 3, config: { logWindowBytesMax: 300 } });
    cluster.until('leader', 400, () => cluster.leader?.readyToServe === true);
    const leader = cluster.node(cluster.leader!.id);
    const away = cluster.nodes.find((node) => node !== leader)!;
    cluster.crash(away);
    for (let at = 0; at < 60; at++) {
      cluster.propose(leader);
      cluster.step();
    }
    cluster.takeSnapshot(leader);
    cluster.start(away);
    cluster.until('catch-up', 100, () => away.applied === leader.core?.lastLogIndex);
    expect(cluster.snapshotsInstalled).toBe(1);
  });
});
