/** Seeded random runs of whole clusters; a failure names the seed that reproduces it. */
import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.js';
import { withLearner, without } from './membership.js';
import type { SimNode } from './sim-node.js';
import { generator } from './support.js';

const electionTicks = 10;
/** Requirement 19: twenty of the longest election timeouts. */
const livenessTicks = 20 * 2 * electionTicks;

function options(seed: number) {
  const random = generator(seed ^ 0x5bd1e995);
  return {
    seed,
    voters: random(2) === 0 ? 3 : 5,
    spares: 2,
    loss: random(3) === 0 ? 0 : random(15),
    duplicate: random(10),
    delayMax: 1 + random(8),
    writeDelayMax: 1 + random(12),
    config: {
      appendBytesMax: 100 + random(600),
      inflightBytesMax: 800 + random(2000),
      inflightAppendsMax: 1 + random(6),
      committedBytesMax: 100 + random(1000),
      logWindowBytesMax: 200 + random(1500),
      logWritesMax: 1 + random(4),
      uncommittedBytesMax: 4000,
      readTokensMax: 8,
    },
  };
}

function disturb(cluster: Cluster, crashes: number): void {
  const { random, nodes } = cluster;
  const node = nodes[random(nodes.length)]!;
  const other = nodes[random(nodes.length)]!;
  const chance = random(1000);
  if (chance < crashes) crashSome(cluster, node);
  else if (chance < 150) {
    if (node.core === null) cluster.start(node);
  } else if (chance < 165) cluster.isolate(node.id);
  else if (chance < 180) cluster.cutLink(node.id, other.id);
  else if (chance < 210) cluster.heal();
  else if (chance < 240) cluster.takeSnapshot(node);
  else if (chance < 250 && node.core !== null) {
    cluster.act(node.id, (core) => core.transferLeadership(other.id));
  } else if (chance < 290) changeMembers(cluster, node);
  else if (chance < 300 && node.core !== null) {
    cluster.act(node.id, (core) => core.unreachable(other.id));
  }
}

/** Mostly one node, now and then all at once; half of them are back at once. */
function crashSome(cluster: Cluster, node: SimNode): void {
  const { random, nodes } = cluster;
  const down = random(6) === 0 ? nodes : [node];
  for (const one of down) {
    cluster.crash(one);
    if (one.core === null && random(2) === 0) cluster.start(one);
  }
}

/** Adds, promotes, removes; now and then replaces several voters at once. */
function changeMembers(cluster: Cluster, asked: SimNode): void {
  const { random, nodes } = cluster;
  // Also a leader that was deposed and does not know it yet.
  const leader = asked.core?.role === 'leader' ? asked.core : cluster.leader;
  if (leader === null) return;
  const { configuration } = leader.status();
  const id = nodes[random(nodes.length)]!.id;
  const voters = configuration.voters.length;
  let next = configuration;
  if (configuration.learners.includes(id)) {
    // As operators do: a learner without any configuration could not vote yet.
    const peer = leader.status().peers.find((one) => one.id === id);
    if ((peer?.matchIndex ?? 0) === 0) return;
    next = withLearner(configuration, id, 'promote');
  } else if (configuration.voters.includes(id)) {
    if (voters > 2) next = without(configuration, id);
  } else next = withLearner(configuration, id, 'learn');
  if (random(2) === 0 && next.voters.length > 3) next = without(next, next.voters[0]!);
  cluster.act(leader.id, (core) => core.changeConfiguration(next));
}

function leaderNode(cluster: Cluster, otherwise: SimNode): SimNode {
  const { leader } = cluster;
  return leader === null ? otherwise : cluster.node(leader.id);
}

function settle(cluster: Cluster): void {
  cluster.heal();
  cluster.loss = 0;
  cluster.duplicate = 0;
  cluster.delayMax = 2;
  cluster.writeDelayMax = 3;
  for (const node of cluster.nodes) if (node.core === null) cluster.start(node);
  const target = () => {
    const { leader } = cluster;
    if (leader === null || !leader.readyToServe) return false;
    const { configuration } = leader.status();
    const members = [...configuration.voters, ...configuration.learners];
    return (
      configuration.outgoing.length === 0 &&
      members.every((id) => cluster.node(id).applied === leader.lastLogIndex)
    );
  };
  cluster.until('agreement', livenessTicks, target);
}

function runSeed(seed: number): Cluster {
  const cluster = new Cluster(options(seed));
  try {
    const crashes = cluster.random(60);
    for (let ticks = 0; ticks < 400; ticks++) {
      disturb(cluster, crashes);
      const { random, nodes } = cluster;
      const node = nodes[random(nodes.length)]!;
      if (random(2) === 0) cluster.propose(random(2) === 0 ? node : leaderNode(cluster, node));
      if (random(3) === 0) cluster.read(node);
      cluster.step(() => random(40) === 0);
    }
    settle(cluster);
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  }
  return cluster;
}

describe('random clusters', () => {
  for (let block = 0; block < 8; block++) {
    const seeds = `seeds ${block * 50} to ${block * 50 + 49}`;
    test(`requirements 12, 24, 63: ${seeds}: safe, then live`, () => {
      let reads = 0;
      let committed = 0;
      let snapshots = 0;
      for (let seed = block * 50; seed < block * 50 + 50; seed++) {
        const cluster = runSeed(seed);
        reads += cluster.readsConfirmed;
        committed += cluster.highestCommit;
        snapshots += cluster.snapshotsInstalled;
      }
      expect(committed).toBeGreaterThan(50 * 10);
      expect(reads).toBeGreaterThan(50);
      expect(snapshots).toBeGreaterThan(5);
    });
  }
});
