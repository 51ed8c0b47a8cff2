/** A test per rule on terms, votes and leadership (Figure 2; dissertation 3.10, 4.2.3, 6.2, 9.6) */
import { describe, expect, test } from 'vitest';
import {
  ack,
  append,
  awake,
  Bench,
  bytes,
  configurationOf,
  elect,
  heartbeat,
  leaderBench,
  restoredLog,
  snapshotLog,
  three,
} from './support.js';

function follower(terms: number[] = [], term?: number): Bench {
  const spec = { configuration: three, terms, commit: 1 };
  const bench = new Bench('n1', restoredLog(term === undefined ? spec : { ...spec, term }));
  return awake(bench);
}

function voteRequest(
  bench: Bench,
  from: string,
  term: number,
  last: readonly [number, number],
  flags: { preVote?: boolean; transfer?: boolean } = {},
): Bench {
  const [lastLogTerm, lastLogIndex] = last;
  const { preVote = false, transfer = false } = flags;
  const kind = 'vote-request';
  return bench.step({ kind, from, term, preVote, transfer, lastLogTerm, lastLogIndex });
}

describe('terms (5.1)', () => {
  test('a message of a higher term makes any role a follower of that term', () => {
    const bench = leaderBench();
    append(bench, 7, [1, 1], [], 0, 'n3');
    expect(bench.core.role).toBe('follower');
    expect([bench.core.term, bench.core.leader]).toEqual([7, 'n3']);
  });

  test('an append of an old term is refused with the own term and changes nothing', () => {
    const bench = follower([2, 2], 5);
    append(bench, 3, [2, 3], [3]).sync();
    const [answer] = bench.take('append-response');
    expect(answer).toMatchObject({ success: false, term: 5, to: 'n2' });
    expect(bench.core.lastLogIndex).toBe(3);
    expect(bench.core.leader).toBeNull();
  });

  test('a heartbeat of an old term is answered with the own term', () => {
    const bench = follower([], 5);
    heartbeat(bench, 3, 9);
    expect(bench.take('heartbeat-response')).toMatchObject([{ term: 5, round: 0 }]);
  });

  test('messages of another group or for another node are ignored', () => {
    const bench = follower();
    const body = {
      kind: 'heartbeat-request',
      from: 'n2',
      term: 9,
      leaderCommit: 0,
      committed: 0,
      answered: 0,
    } as const;
    bench.core.step({ ...body, group: 2, to: 'n1', round: 1 });
    bench.core.step({ ...body, group: 1, to: 'n3', round: 1 });
    expect(bench.core.term).toBe(1);
  });
});

describe('votes', () => {
  test('requirement 1: a vote leaves only after the write of term and vote', () => {
    const bench = voteRequest(follower(), 'n2', 2, [1, 1]);
    expect(bench.take('vote-response')).toEqual([]);
    expect(bench.pending?.hardState).toMatchObject({ term: 2, votedFor: 'n2' });
    expect(bench.pending?.sync).toBe(true);
    bench.sync();
    expect(bench.take('vote-response')).toMatchObject([{ granted: true, to: 'n2' }]);
  });

  test('requirement 11: one vote per term, and the same candidate gets it again', () => {
    const bench = voteRequest(follower(), 'n2', 2, [1, 1]).sync().forget();
    voteRequest(bench, 'n3', 2, [1, 1]).sync();
    voteRequest(bench, 'n2', 2, [1, 1]).sync();
    const answers = bench.take('vote-response').map((m) => [m.to, m.granted]);
    expect(answers).toEqual([
      ['n3', false],
      ['n2', true],
    ]);
  });

  test('requirement 1: a vote survives a restart', () => {
    const log = restoredLog({ configuration: three, term: 4, votedFor: 'n2' });
    const bench = awake(new Bench('n1', log));
    voteRequest(bench, 'n3', 4, [4, 9]).sync();
    expect(bench.take('vote-response')).toMatchObject([{ granted: false }]);
  });

  test.each([
    // own log ends in (2, 3)
    [[1, 9], false],
    [[2, 2], false],
    [[2, 3], true],
    [[2, 4], true],
    [[3, 1], true],
  ] as const)(
    'requirement 10: a candidate whose log ends in %j is granted: %s (5.4.1)',
    (last, granted) => {
      const bench = voteRequest(follower([2, 2]), 'n2', 9, last).sync();
      expect(bench.take('vote-response')).toMatchObject([{ granted }]);
    },
  );

  test.each([
    [[1, 9], false],
    [[2, 4], false],
    [[2, 5], true],
    [[3, 1], true],
  ] as const)(
    'requirement 10: beside an empty log behind a snapshot at (2, 5), %j is granted: %s',
    (last, granted) => {
      const meta = { lastIncludedIndex: 5, lastIncludedTerm: 2, configuration: three };
      const bench = awake(new Bench('n1', snapshotLog(meta)));
      voteRequest(bench, 'n2', 9, last).sync();
      expect(bench.take('vote-response')).toMatchObject([{ granted }]);
    },
  );

  test('requirement 18: no vote while a leader was heard within the election timeout', () => {
    const bench = heartbeat(follower(), 1).sync().forget().tick(9);
    voteRequest(bench, 'n3', 5, [9, 9]).sync();
    voteRequest(bench, 'n3', 5, [9, 9], { preVote: true }).sync();
    expect(bench.take('vote-response')).toEqual([]);
    expect(bench.core.term).toBe(1);
    bench.tick(1);
    voteRequest(bench, 'n3', 5, [9, 9]).sync();
    expect(bench.take('vote-response')).toMatchObject([{ granted: true }]);
  });

  test('a leader stands by itself, except for a transfer', () => {
    const bench = leaderBench();
    voteRequest(bench, 'n3', 9, [9, 9]);
    expect(bench.core.role).toBe('leader');
    voteRequest(bench, 'n3', 9, [9, 9], { transfer: true }).sync();
    expect(bench.take('vote-response')).toMatchObject([{ granted: true, term: 9 }]);
    expect(bench.core.role).toBe('follower');
  });

  test('a started node stands by a leader it may have had', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three }));
    voteRequest(bench, 'n3', 5, [9, 9]).sync();
    expect(bench.take('vote-response')).toEqual([]);
  });

  test('requirement 8: a node without configuration never votes and never campaigns', () => {
    const bench = new Bench('n1', restoredLog({}));
    expect(bench.core.role).toBe('learner');
    bench.tick(100).sync();
    expect(bench.sent).toEqual([]);
    voteRequest(bench, 'n2', 5, [9, 9]).sync();
    expect(bench.take('vote-response')).toMatchObject([{ granted: false }]);
  });

  test('a learner votes when asked, since it may lack the entry that promoted it', () => {
    const configuration = configurationOf(['n2', 'n3'], ['n1']);
    const bench = awake(new Bench('n1', restoredLog({ configuration })));
    voteRequest(bench, 'n2', 5, [9, 9]).sync();
    expect(bench.take('vote-response')).toMatchObject([{ granted: true }]);
    expect(bench.tick(100).core.role).toBe('learner');
  });
});

describe('pre-vote (9.6)', () => {
  test('requirement 13: the timer asks first and raises no term', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three }));
    bench.tick(19).sync();
    expect(bench.core.role).toBe('pre-candidate');
    expect(bench.core.term).toBe(1);
    expect(bench.writes).toEqual([]);
    expect(bench.take('vote-request')).toMatchObject([
      { to: 'n2', preVote: true, term: 1 },
      { to: 'n3', preVote: true, term: 1 },
    ]);
  });

  test('granting a pre-vote changes nothing and needs no disk', () => {
    const bench = follower();
    voteRequest(bench, 'n2', 1, [1, 1], { preVote: true });
    const [answer] = bench.take('vote-response');
    expect(answer).toMatchObject({ granted: true, preVote: true, requestTerm: 2, term: 1 });
    expect(bench.writes).toEqual([]);
  });

  test('requirement 14: a refused pre-vote carries the higher term, which the asker takes', () => {
    const refuser = follower([], 5);
    voteRequest(refuser, 'n2', 3, [3, 9], { preVote: true });
    expect(refuser.take('vote-response')).toMatchObject([{ granted: false, term: 5 }]);
    const asker = new Bench('n1', restoredLog({ configuration: three, terms: [3] }));
    asker.tick(19);
    const answer = { preVote: true, granted: false, requestTerm: 4 };
    asker.step({ kind: 'vote-response', from: 'n2', term: 5, ...answer });
    expect([asker.core.role, asker.core.term]).toEqual(['follower', 5]);
  });

  test('a grant of a voter that is terms behind counts', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three, terms: [6], term: 6 }));
    bench.tick(19);
    const answer = { preVote: true, granted: true, requestTerm: 7 };
    bench.step({ kind: 'vote-response', from: 'n2', term: 2, ...answer });
    expect(bench.core.role).toBe('candidate');
  });

  test('an answer to an earlier try is not counted', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three }));
    bench.tick(19);
    const answer = { preVote: true, granted: true, requestTerm: 1 };
    bench.step({ kind: 'vote-response', from: 'n2', term: 1, ...answer });
    expect(bench.core.role).toBe('pre-candidate');
  });
});

describe('candidates', () => {
  test('vote requests and the own vote wait for the disk', () => {
    const bench = new Bench('n1', restoredLog({ configuration: configurationOf(['n1']) }));
    bench.tick(19);
    expect(bench.core.role).toBe('candidate');
    bench.syncOnce();
    expect(bench.core.role).toBe('leader');
    const two = new Bench('n1', restoredLog({ configuration: three }));
    two.tick(19);
    const answer = { preVote: true, granted: true, requestTerm: 2 };
    two.forget().step({ kind: 'vote-response', from: 'n3', term: 1, ...answer });
    expect(two.take('vote-request')).toEqual([]);
    expect(two.pending?.hardState).toMatchObject({ term: 2, votedFor: 'n1' });
    two.sync();
    expect(two.take('vote-request')).toMatchObject([{ term: 2 }, { term: 2 }]);
  });

  test('a leader of the same term ends the candidacy', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three })).tick(19);
    heartbeat(bench, 1);
    expect([bench.core.role, bench.core.leader]).toEqual(['follower', 'n2']);
  });

  test('a majority of refusals ends the candidacy', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three })).tick(19);
    for (const from of ['n2', 'n3']) {
      const answer = { preVote: true, granted: false, requestTerm: 2 };
      bench.step({ kind: 'vote-response', from, term: 1, ...answer });
    }
    expect(bench.core.role).toBe('follower');
  });

  test('requirement 19: each try draws its timeout anew', () => {
    const draws: number[] = [];
    const random = (bound: number) => {
      draws.push(bound);
      return 0;
    };
    const bench = new Bench('n1', restoredLog({ configuration: three }), { random });
    bench.tick(30);
    expect(draws.length).toBeGreaterThanOrEqual(4);
    expect(draws.every((bound) => bound === 10)).toBe(true);
  });
});

describe('leadership', () => {
  test('requirement 12: a new leader appends a no-op at once', () => {
    const bench = new Bench('n1', restoredLog({ configuration: three, terms: [1] }));
    elect(bench);
    const appends = bench.take('append-request');
    expect(appends.map((m) => m.to)).toEqual(['n2', 'n3']);
    expect(appends[0]?.entries).toMatchObject([{ kind: 'noop', term: 2, index: 3 }]);
  });

  test('requirement 15: without a majority for one election timeout it steps down', () => {
    const bench = leaderBench();
    bench.tick(9);
    expect(bench.core.role).toBe('leader');
    bench.tick(1);
    expect([bench.core.role, bench.core.leader]).toEqual(['follower', null]);
    expect(bench.core.propose(bytes('x'))).toEqual({ ok: false, reason: 'not-leader' });
  });

  test('learners do not count for check-quorum', () => {
    const bench = leaderBench(configurationOf(['n1', 'n2'], ['n3']));
    for (let at = 0; at < 12; at++) {
      bench.tick();
      const body = { kind: 'heartbeat-response', from: 'n3', term: bench.core.term } as const;
      if (bench.core.role === 'leader') bench.step({ ...body, round: 1 });
    }
    expect(bench.core.role).toBe('follower');
  });

  test('a single voter stays leader for ever', () => {
    const bench = leaderBench(configurationOf(['n1']));
    expect(bench.tick(100).core.role).toBe('leader');
    expect(bench.core.leaseAgeTicks()).toBe(0);
  });

  test('proposals beyond the bound are refused as overloaded', () => {
    const bench = leaderBench(three, { uncommittedBytesMax: 200 });
    expect(bench.core.propose(new Uint8Array(300)).ok).toBe(true);
    expect(bench.core.propose(bytes('x'))).toEqual({ ok: false, reason: 'overloaded' });
    bench.sync();
    ack(bench, 'n2', bench.core.lastLogIndex);
    expect(bench.core.uncommittedBytes).toBe(0);
    expect(bench.core.propose(bytes('x')).ok).toBe(true);
  });
});

describe('leadership transfer (3.10)', () => {
  test('waits until the target has the log, refuses proposals, then asks it to stand', () => {
    const bench = leaderBench();
    bench.core.propose(bytes('x'));
    bench.sync().forget();
    expect(bench.core.transferLeadership('n2')).toBe(true);
    expect(bench.core.transferring).toBe(true);
    expect(bench.pump().take('timeout-now')).toEqual([]);
    expect(bench.core.propose(bytes('y'))).toEqual({ ok: false, reason: 'transferring' });
    ack(bench, 'n2', bench.core.lastLogIndex);
    expect(bench.take('timeout-now')).toMatchObject([{ to: 'n2' }]);
    expect(bench.core.leaseAgeTicks()).toBe(Number.POSITIVE_INFINITY);
  });

  test('is given up after one election timeout', () => {
    const bench = leaderBench();
    bench.core.transferLeadership('n3');
    for (let at = 0; at < 10; at++) {
      bench.step({ kind: 'heartbeat-response', from: 'n2', term: bench.core.term, round: 1 });
      bench.tick();
    }
    expect([bench.core.role, bench.core.transferTarget]).toEqual(['leader', null]);
  });

  test('only to another voter', () => {
    const bench = leaderBench(configurationOf(['n1', 'n2'], ['n3']));
    expect(bench.core.transferLeadership('n3')).toBe(false);
    expect(bench.core.transferLeadership('n1')).toBe(false);
    expect(bench.core.transferLeadership('n9')).toBe(false);
  });

  test('the target stands at once, without pre-vote, and says why', () => {
    const bench = heartbeat(follower(), 1).forget();
    bench.step({ kind: 'timeout-now', from: 'n2', term: 1 }).sync();
    expect(bench.core.role).toBe('candidate');
    expect(bench.take('vote-request')[0]).toMatchObject({
      preVote: false,
      transfer: true,
      term: 2,
    });
  });
});
