/** Whole clusters in known bad situations: figure 8, requirements 13 to 20, one-way cuts. */
import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.js';
import {
  ack,
  append,
  Bench,
  bytes,
  command,
  configEntry,
  configurationOf,
  elect,
  restoredLog,
} from './support.js';

const electionTicks = 10;
const longestTimeout = 2 * electionTicks;

function running(voters: number, seed: number, changes = {}): Cluster {
  const cluster = new Cluster({ seed, voters, delayMax: 2, writeDelayMax: 2, ...changes });
  cluster.until('leader', 20 * longestTimeout, () => cluster.leader?.readyToServe === true);
  return cluster;
}

/** A proposal made now is applied by the leader it was made to. */
function commitsWithin(cluster: Cluster, ticks: number): number {
  let index = Number.POSITIVE_INFINITY;
  let leader = '';
  return cluster.until('commit', ticks, () => {
    const current = cluster.leader;
    if (current === null || !current.readyToServe) return false;
    if (current.id !== leader) {
      leader = current.id;
      index = current.lastLogIndex + 1;
      cluster.propose(cluster.node(leader));
    }
    return cluster.node(leader).applied >= index;
  });
}

function others(cluster: Cluster, id: string): string[] {
  return cluster.nodes.map((node) => node.id).filter((other) => other !== id);
}

describe('figure 8', () => {
  test('requirement 12: an entry of an old term on a majority is not committed by counting', () => {
    const configuration = configurationOf(['n1', 'n2', 'n3', 'n4', 'n5']);
    // (c): n1 leads again, in term 4, and has its entry 2 of term 2 on n2 and n3.
    const log = restoredLog({ configuration, terms: [2], term: 3, commit: 1 });
    const bench = new Bench('n1', log);
    elect(bench);
    expect(bench.core.term).toBe(4);
    for (const from of ['n2', 'n3']) ack(bench, from, 2);
    expect(bench.core.commitIndex).toBe(1);
    // (d): n5, with an entry 2 of term 3, may still overwrite it.
    append(bench, 5, [1, 1], [command(3, 2)], 1, 'n5').sync();
    expect(bench.core.termAt(2)).toBe(3);
    // (e): had n1 got its own entry of term 4 to a majority, both would have been committed.
    const lucky = new Bench('n1', log);
    elect(lucky);
    for (const from of ['n2', 'n3']) ack(lucky, from, 3);
    expect(lucky.core.commitIndex).toBe(3);
  });
});

describe('elections', () => {
  test('requirement 19: simultaneous time-outs end in one leader within 20 timeouts', () => {
    for (let seed = 0; seed < 10_000; seed++) {
      const cluster = new Cluster({ seed, voters: 3 + 2 * (seed % 2), delayMax: 3 });
      cluster.until('leader', 20 * longestTimeout, () => cluster.leader !== null);
    }
  });

  test('requirement 14: higher term and shorter log beside lower term and longer log', () => {
    for (let seed = 0; seed < 50; seed++) {
      const cluster = new Cluster({ seed, voters: 3 });
      const first = configEntry(1, 1, configurationOf(['n1', 'n2', 'n3']));
      const [short, long, dead] = cluster.nodes;
      for (const node of cluster.nodes) cluster.crash(node);
      short!.disk.hardState = { term: 5, votedFor: null, commit: 1 };
      short!.disk.entries = [first];
      long!.disk.hardState = { term: 3, votedFor: null, commit: 1 };
      long!.disk.entries = [first, command(3, 2), command(3, 3)];
      cluster.start(short!);
      cluster.start(long!);
      expect(dead!.core).toBeNull();
      const elected = () => cluster.leader?.readyToServe === true;
      cluster.until('leader', 10 * longestTimeout, elected);
      expect(cluster.leader?.id).toBe('n2');
    }
  });

  test('requirement 13: a follower that was cut off comes back without an election', () => {
    const cluster = running(3, 7);
    const leader = cluster.leader!;
    const { term } = leader;
    const [away] = others(cluster, leader.id);
    cluster.isolate(away!);
    cluster.run(10 * longestTimeout);
    cluster.heal();
    cluster.run(5 * longestTimeout);
    expect([cluster.leader?.id, cluster.leader?.term]).toEqual([leader.id, term]);
  });

  test('requirement 15: an isolated leader stops within one election timeout', () => {
    const cluster = running(3, 8);
    const leader = cluster.leader!;
    cluster.isolate(leader.id);
    cluster.run(electionTicks + 1);
    expect(leader.role).not.toBe('leader');
    expect(leader.propose(bytes('x'))).toMatchObject({ ok: false });
  });

  test('requirement 56: a dead leader is replaced fast where its connections broke', () => {
    const cluster = running(3, 9);
    cluster.checkLease = false;
    cluster.run(longestTimeout);
    const dead = cluster.leader!.id;
    cluster.crash(cluster.node(dead));
    for (const id of others(cluster, dead))
      cluster.act(id, (core) => core.peerConnectionLost(dead));
    const ticks = cluster.until('leader', longestTimeout, () => cluster.leader !== null);
    expect(ticks).toBeLessThan(electionTicks);
  });

  test('a transfer hands over within a few ticks', () => {
    const cluster = running(5, 10);
    const [target] = others(cluster, cluster.leader!.id);
    cluster.act(cluster.leader!.id, (core) => core.transferLeadership(target!));
    cluster.until('transfer', electionTicks, () => cluster.leader?.id === target);
  });
});

describe('requirement 16: one-way cuts that last for ever', () => {
  const cuts: readonly [string, (cluster: Cluster, leader: string) => void][] = [
    [
      'the leader cannot hear',
      (cluster, leader) => {
        for (const id of others(cluster, leader)) cluster.cutLink(id, leader);
      },
    ],
    [
      'the leader cannot be heard',
      (cluster, leader) => {
        for (const id of others(cluster, leader)) cluster.cutLink(leader, id);
      },
    ],
    [
      'one follower cannot hear',
      (cluster, leader) => {
        const [deaf] = others(cluster, leader);
        for (const id of others(cluster, deaf!)) cluster.cutLink(id, deaf!);
      },
    ],
    [
      'one follower cannot hear the leader only',
      (cluster, leader) => cluster.cutLink(leader, others(cluster, leader)[0]!),
    ],
  ];

  for (const [name, cut] of cuts) {
    for (const voters of [3, 5]) {
      test(`${name}, ${voters} nodes: a working leader, and terms stay`, () => {
        for (let seed = 20; seed < 35; seed++) {
          const cluster = running(voters, seed);
          cut(cluster, cluster.leader!.id);
          cluster.run(longestTimeout);
          commitsWithin(cluster, 10 * longestTimeout);
          const { term } = cluster.leader!;
          cluster.run(20 * longestTimeout);
          commitsWithin(cluster, longestTimeout);
          expect(cluster.leader!.term - term).toBeLessThanOrEqual(2);
        }
      });
    }
  }
});

describe('requirement 17: partitions of five nodes', () => {
  test('a ring: each node talks with two neighbours only', () => {
    for (let seed = 40; seed < 50; seed++) {
      const cluster = running(5, seed);
      for (let a = 0; a < 5; a++) {
        for (let b = 0; b < 5; b++) {
          const apart = Math.min((a - b + 5) % 5, (b - a + 5) % 5);
          if (apart === 2) cluster.cutLink(`n${a + 1}`, `n${b + 1}`);
        }
      }
      commitsWithin(cluster, 10 * longestTimeout);
      const before = cluster.electionsWon;
      cluster.run(20 * longestTimeout);
      commitsWithin(cluster, longestTimeout);
      expect(cluster.electionsWon - before).toBeLessThanOrEqual(2);
    }
  });

  test('a bridge: one node sees both halves', () => {
    for (let seed = 50; seed < 60; seed++) {
      const cluster = running(5, seed);
      for (const left of ['n1', 'n2']) {
        for (const right of ['n4', 'n5']) {
          cluster.cutLink(left, right);
          cluster.cutLink(right, left);
        }
      }
      commitsWithin(cluster, 10 * longestTimeout);
    }
  });

  test('the majority goes on and the minority follows after healing', () => {
    const cluster = running(5, 60);
    const minority = [cluster.leader!.id, others(cluster, cluster.leader!.id)[0]!];
    for (const inside of minority) {
      for (const outside of others(cluster, inside)) {
        if (minority.includes(outside)) continue;
        cluster.cutLink(inside, outside);
        cluster.cutLink(outside, inside);
      }
    }
    cluster.run(longestTimeout);
    commitsWithin(cluster, 10 * longestTimeout);
    expect(minority).not.toContain(cluster.leader!.id);
    cluster.heal();
    const same = () => cluster.nodes.every((node) => node.applied === cluster.leader?.lastLogIndex);
    cluster.until('agreement', 10 * longestTimeout, same);
  });
});
