/** One test per rule on linearizable reads and leases (dissertation 6.4; requirements 37 to 40). */
import { describe, expect, test } from 'vitest';
import {
  ack,
  append,
  Bench,
  bytes,
  configurationOf,
  elect,
  heartbeat,
  leaderBench,
  restoredLog,
  three,
} from './support.js';

function answerRound(bench: Bench, from: string, round: number): Bench {
  return bench.step({ kind: 'heartbeat-response', from, term: bench.core.term, round });
}

describe('reads on the leader', () => {
  test('requirement 37: a majority answering a round that began after the read confirms it', () => {
    const bench = leaderBench();
    bench.core.requestRead(1);
    const beats = bench.pump().take('heartbeat-request');
    expect(beats.map((m) => m.to)).toEqual(['n2', 'n3']);
    expect(bench.reads).toEqual([]);
    answerRound(bench, 'n2', beats[0]!.round);
    expect(bench.reads).toEqual([{ token: 1, index: bench.core.commitIndex }]);
  });

  test('requirement 38: late answers of an earlier round confirm nothing', () => {
    const bench = leaderBench();
    bench.core.requestRead(1);
    const [first] = bench.pump().take('heartbeat-request');
    bench.core.requestRead(2);
    const [second] = bench.tick().take('heartbeat-request');
    expect(second!.round).toBeGreaterThan(first!.round);
    answerRound(bench, 'n2', first!.round);
    answerRound(bench, 'n3', first!.round);
    expect(bench.reads.map((read) => read.token)).toEqual([1]);
    answerRound(bench, 'n3', second!.round);
    expect(bench.reads.map((read) => read.token)).toEqual([1, 2]);
  });

  test('reads of one turn share a round', () => {
    const bench = leaderBench();
    for (const token of [1, 2, 3]) bench.core.requestRead(token);
    const beats = bench.pump().take('heartbeat-request');
    expect(beats).toHaveLength(2);
    answerRound(bench, 'n3', beats[0]!.round);
    expect(bench.reads.map((read) => read.token)).toEqual([1, 2, 3]);
  });

  test('reads that come while a round is under way share the next one', () => {
    const bench = leaderBench();
    bench.core.requestRead(1);
    const { round } = bench.pump().take('heartbeat-request')[0]!;
    for (const token of [2, 3]) {
      bench.core.requestRead(token);
      expect(bench.pump().take('heartbeat-request')).toEqual([]);
    }
    answerRound(bench, 'n2', round);
    const beats = bench.take('heartbeat-request');
    expect(beats).toMatchObject([{ round: round + 1 }]);
    answerRound(bench, 'n2', round + 1);
    expect(bench.reads.map((read) => read.token)).toEqual([1, 2, 3]);
  });

  describe('a round that follows another closely', () => {
    /** A leader of `voters` whose last round these answered first. */
    function answeredBy(voters: readonly string[], ...quick: string[]): Bench {
      const bench = leaderBench(configurationOf([...voters], ['n9']));
      bench.core.requestRead(1);
      const { round } = bench.pump().take('heartbeat-request')[0]!;
      for (const id of [...quick, ...voters.slice(1)]) answerRound(bench, id, round);
      return bench.forget();
    }

    function asked(bench: Bench): string[] {
      return bench.take('heartbeat-request').map(({ to }) => to);
    }

    test('asks those who were the quickest, as many as it needs', () => {
      const threeOf = answeredBy(['n1', 'n2', 'n3'], 'n3');
      threeOf.core.requestRead(2);
      expect(asked(threeOf.pump())).toEqual(['n3']);
      const fiveOf = answeredBy(['n1', 'n2', 'n3', 'n4', 'n5'], 'n5', 'n3');
      fiveOf.core.requestRead(2);
      expect(asked(fiveOf.pump()).sort()).toEqual(['n3', 'n5']);
    });

    test('asks all voters when those are silent for a tick', () => {
      const bench = answeredBy(['n1', 'n2', 'n3'], 'n2');
      bench.core.requestRead(2);
      expect(asked(bench.pump())).toEqual(['n2']);
      const beats = bench.tick().take('heartbeat-request');
      expect(beats.map(({ to }) => to)).toEqual(['n2', 'n3']);
      answerRound(bench, 'n3', beats[0]!.round);
      expect(bench.reads.map(({ token }) => token)).toEqual([1, 2]);
      // From now on the one that answers.
      bench.core.requestRead(3);
      expect(asked(bench.pump())).toEqual(['n3']);
    });

    test('asks all voters after a pause, and every member with a heartbeat', () => {
      const bench = answeredBy(['n1', 'n2', 'n3'], 'n2');
      expect(asked(bench.tick(2))).toEqual(['n2', 'n3', 'n9']);
      bench.core.requestRead(2);
      expect(asked(bench.tick())).toEqual(['n2', 'n3']);
    });

    test('is so too where one voter alone has led before', () => {
      const bench = leaderBench(configurationOf(['n1'], ['n2']));
      bench.core.requestRead(1);
      const wanted = configurationOf(['n1', 'n2', 'n3']);
      expect(bench.pump().core.changeConfiguration(wanted)).toMatchObject({ ok: true });
      for (const id of ['n2', 'n3']) ack(bench, id, bench.core.lastLogIndex);
      for (const id of ['n2', 'n3']) ack(bench, id, bench.core.lastLogIndex);
      bench.core.requestRead(2);
      const { round } = bench.pump().take('heartbeat-request').at(-1)!;
      for (const id of ['n3', 'n2']) answerRound(bench, id, round);
      bench.forget().core.requestRead(3);
      expect(asked(bench.pump())).toEqual(['n3']);
    });

    test('leaves nobody without the commit index that its own read waits for', () => {
      const bench = answeredBy(['n1', 'n2', 'n3'], 'n2');
      bench.core.propose(new Uint8Array([1]));
      const index = bench.pump().core.lastLogIndex;
      for (const id of ['n2', 'n3']) ack(bench, id, index);
      bench.pump().forget();
      const { term } = bench.core;
      bench.step({ kind: 'read-index-request', from: 'n3', term, token: 77 });
      const beats = bench.pump().take('heartbeat-request');
      expect(beats.map(({ to }) => to)).toEqual(['n2']);
      answerRound(bench, 'n2', beats[0]!.round);
      const told = bench.pump().take('heartbeat-request');
      expect(told).toMatchObject([{ to: 'n3', leaderCommit: index }]);
    });

    test('asks all voters when they change', () => {
      const bench = answeredBy(['n1', 'n2', 'n3'], 'n2');
      const wanted = configurationOf(['n1', 'n2', 'n3', 'n4']);
      expect(bench.core.changeConfiguration(wanted)).toMatchObject({ ok: true });
      bench.core.requestRead(2);
      expect(asked(bench.pump())).toEqual(['n2', 'n3', 'n4']);
    });
  });

  test('a round that is not answered holds later reads up for no more than a tick', () => {
    const bench = leaderBench();
    bench.core.requestRead(1);
    const { round } = bench.pump().take('heartbeat-request')[0]!;
    bench.core.requestRead(2);
    const beats = bench.pump().tick().take('heartbeat-request');
    expect(beats[0]).toMatchObject({ round: round + 1 });
    answerRound(bench, 'n2', round + 1);
    expect(bench.reads.map((read) => read.token)).toEqual([1, 2]);
  });

  test('requirements 37, 39: waits for a committed entry of the own term', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three, terms: [1, 1], commit: 1 }));
    elect(bench);
    bench.core.requestRead(1);
    const round = bench.pump().take('heartbeat-request').at(-1)!.round;
    answerRound(bench, 'n2', round);
    expect(bench.reads).toEqual([]);
    ack(bench, 'n2', bench.core.lastLogIndex);
    const later = bench.take('heartbeat-request').at(-1)!.round;
    expect(later).toBeGreaterThan(round);
    answerRound(bench, 'n2', later);
    expect(bench.reads).toEqual([{ token: 1, index: bench.core.lastLogIndex }]);
  });

  test('a single voter confirms at once', () => {
    const bench = leaderBench(configurationOf(['n1'], ['n2']));
    bench.core.requestRead(9);
    expect(bench.pump().reads).toEqual([{ token: 9, index: bench.core.commitIndex }]);
  });

  test('a joint configuration needs both majorities', () => {
    const joint = configurationOf(['n1', 'n4', 'n5'], [], ['n1', 'n2', 'n3']);
    const bench = new Bench('n1', restoredLog({ configuration: joint }));
    bench.tick(19).sync();
    for (const preVote of [true, false]) {
      for (const from of ['n2', 'n4']) {
        const answer = { preVote, granted: true, requestTerm: 2 };
        bench.step({ kind: 'vote-response', from, term: preVote ? 1 : 2, ...answer }).sync();
      }
    }
    expect(bench.core.role).toBe('leader');
    ack(bench, 'n2', 2);
    expect(bench.core.commitIndex).toBe(0);
    ack(bench, 'n4', 2);
    expect(bench.core.readyToServe).toBe(true);
    bench.forget().core.requestRead(1);
    const { round } = bench.pump().take('heartbeat-request')[0]!;
    answerRound(bench, 'n2', round);
    answerRound(bench, 'n3', round);
    expect(bench.reads).toEqual([]);
    answerRound(bench, 'n5', round);
    expect(bench.reads).toMatchObject([{ token: 1 }]);
  });

  test('stepping down gives up all waiting reads', () => {
    const bench = leaderBench();
    bench.core.requestRead(1);
    bench.pump();
    heartbeat(bench, 9);
    expect(bench.reads).toEqual([{ token: 1, index: -1 }]);
  });

  test('more reads than the bound are refused', () => {
    const bench = leaderBench(three, { readTokensMax: 2 });
    for (const token of [1, 2, 3]) bench.core.requestRead(token);
    expect(bench.pump().reads).toEqual([{ token: 3, index: -1 }]);
  });

  test('answers a follower that asks on behalf of its clients', () => {
    const bench = leaderBench();
    const { term } = bench.core;
    bench.step({ kind: 'read-index-request', from: 'n3', term, token: 5 });
    answerRound(bench, 'n2', bench.take('heartbeat-request')[0]!.round);
    const index = bench.core.commitIndex;
    expect(bench.take('read-index-response')).toMatchObject([{ to: 'n3', token: 5, index }]);
    expect(bench.reads).toEqual([]);
  });
});

describe('reads on a follower', () => {
  function follower(): Bench {
    const bench = new Bench('n1', restoredLog({ configuration: three }));
    return heartbeat(bench, 1).forget();
  }

  test('ask the leader and come back with its index', () => {
    const bench = follower();
    bench.core.requestRead(4);
    expect(bench.pump().take('read-index-request')).toMatchObject([{ to: 'n2', token: 4 }]);
    bench.step({ kind: 'read-index-response', from: 'n2', term: 1, token: 4, index: 8 });
    bench.step({ kind: 'read-index-response', from: 'n2', term: 1, token: 4, index: 8 });
    expect(bench.reads).toEqual([{ token: 4, index: 8 }]);
  });

  test('fail without a leader', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three }));
    bench.core.requestRead(4);
    expect(bench.pump().reads).toEqual([{ token: 4, index: -1 }]);
  });

  test('are given up when the leader or the term changes', () => {
    const bench = follower();
    bench.core.requestRead(4);
    append(bench.pump(), 2, [1, 1], [], 0, 'n3');
    expect(bench.reads).toEqual([{ token: 4, index: -1 }]);
  });

  test('are given up when the answer does not come', () => {
    const bench = follower();
    bench.core.requestRead(4);
    for (let at = 0; at < 20; at++) heartbeat(bench.tick(), 1);
    expect(bench.reads).toEqual([{ token: 4, index: -1 }]);
  });

  test('are refused by a node that does not lead', () => {
    const bench = follower();
    bench.step({ kind: 'read-index-request', from: 'n3', term: 1, token: 6 });
    expect(bench.take('read-index-response')).toMatchObject([{ token: 6, index: -1 }]);
  });
});

describe('requirement 40: the lease (6.4.1)', () => {
  test('counts from the sending of the round that a majority answered', () => {
    const bench = leaderBench();
    expect(bench.core.leaseAgeTicks()).toBe(Number.POSITIVE_INFINITY);
    bench.tick(2);
    const { round } = bench.take('heartbeat-request')[0]!;
    bench.tick(3);
    answerRound(bench, 'n2', round);
    expect(bench.core.leaseAgeTicks()).toBe(3);
    bench.tick(6);
    expect(bench.core.leaseAgeTicks()).toBe(9);
  });

  test('an ack of entries does not prolong it, nor does an old round', () => {
    const bench = leaderBench();
    bench.tick(2);
    const { round } = bench.take('heartbeat-request')[0]!;
    answerRound(bench, 'n2', round).tick(4);
    bench.core.propose(bytes('x'));
    ack(bench.sync(), 'n2', bench.core.lastLogIndex);
    answerRound(bench, 'n2', round);
    expect(bench.core.leaseAgeTicks()).toBe(4);
  });

  test('rests only on nodes that honour leases', () => {
    const bench = leaderBench();
    bench.tick(2);
    const { round } = bench.take('heartbeat-request')[0]!;
    answerRound(bench, 'n2', round);
    expect(bench.core.leaseAgeTicks((id) => id !== 'n2')).toBe(Number.POSITIVE_INFINITY);
    answerRound(bench, 'n3', round);
    expect(bench.core.leaseAgeTicks((id) => id !== 'n2')).toBe(0);
  });

  test('there is none on followers', () => {
    const bench = heartbeat(new Bench('n1', restoredLog({ configuration: three })), 1);
    expect(bench.core.leaseAgeTicks()).toBe(Number.POSITIVE_INFINITY);
  });
});

test('heartbeats tell a follower that lags what is committed beyond its log', () => {
  const bench = new Bench('n1', restoredLog({ configuration: three, terms: [1], commit: 2 }));
  bench.pump();
  expect(bench.core.contact).toBe(null);
  heartbeat(bench, 1, 1, 2, 'n2', 9).pump();
  expect([bench.core.commitIndex, bench.core.contact?.committed]).toEqual([2, 9]);
  heartbeat(bench, 2, 1, 2, 'n3', 12).pump();
  expect(bench.core.contact?.committed).toBe(12);
  bench.tick(20);
  expect(bench.core.contact).toBe(null);
});

test('a new leader does not know yet what leaders before it committed, and tells so', () => {
  const bench = new Bench('n1', restoredLog({ configuration: three, terms: [1, 1], commit: 1 }));
  elect(bench);
  bench.core.requestRead(1);
  const beats = bench.pump().take('heartbeat-request');
  expect(beats.at(-1)).toMatchObject({ leaderCommit: 0, committed: 3 });
  expect([bench.core.commitIndex, bench.core.contact?.committed]).toEqual([1, 4]);
  ack(bench, 'n2', bench.core.lastLogIndex);
  expect([bench.core.commitIndex, bench.core.contact?.committed]).toEqual([4, 4]);
});

test('heartbeats say which answers they take account of: late ones are told from new', () => {
  const bench = leaderBench();
  answerRound(bench, 'n2', 1);
  const beats = bench.tick(2).take('heartbeat-request');
  expect(beats.map(({ to, answered }) => [to, answered])).toEqual([
    ['n2', 1],
    ['n3', 0],
  ]);

  const follower = new Bench('n1', restoredLog({ configuration: three, terms: [1], commit: 2 }));
  heartbeat(follower, 1, 7, 2, 'n2', 2, 4);
  expect(follower.core.contact).toEqual({ term: 1, committed: 2, round: 7, confirmed: 4 });
  heartbeat(follower, 1, 8, 2, 'n2', 9, 7);
  expect(follower.core.contact).toEqual({ term: 1, committed: 9, round: 8, confirmed: 7 });
  heartbeat(follower, 2, 1, 2, 'n3', 9, 0);
  expect(follower.core.contact).toEqual({ term: 2, committed: 9, round: 1, confirmed: 0 });
});

test('a leader is in contact with its majority as far as that answered', () => {
  const bench = leaderBench();
  bench.core.requestRead(1);
  const { round } = bench.pump().take('heartbeat-request').at(-1)!;
  expect(bench.core.contact).toMatchObject({ round, confirmed: 0 });
  answerRound(bench, 'n3', round);
  expect(bench.core.contact).toMatchObject({ round, confirmed: round });
});
