/**
 * `npm run bench -- memory`: resident memory per key against redis-server, on every node. Both
 * ways to count: all of the process, and what came on top of the empty process.
 */
import { readFileSync } from 'node:fs';
import { fillKeys } from './fill.js';
import type { LoadShape } from './loads.js';
import { type Cluster, infoField, startCluster } from './peers/cluster.js';
import { type Peer, until } from './peers/process.js';
import { isInstalled, noPersistence, startRedis } from './peers/redis.js';

const aim = 0.95;
const ttlSeconds = '864000';
const settleMs = 30_000;

/** Bytes. */
interface Resident {
  readonly empty: number;
  readonly filled: number;
}

export async function benchMemory(counts: readonly number[]): Promise<void> {
  for (const keys of counts) {
    const shape = { keys, valueBytes: 100, prefix: 'session:' };
    console.log(`${keys} keys of 20 bytes, values of 100 bytes, a TTL each`);
    const redis = isInstalled('redis-server') ? await ofRedis(shape) : null;
    if (redis !== null) print('redis-server', redis, keys);
    for (const [id, own] of await ofCluster(shape)) {
      print(id, own, keys);
      if (redis === null) continue;
      const whole = own.filled / redis.filled;
      const added = (own.filled - own.empty) / (redis.filled - redis.empty);
      const verdict = whole > aim ? ', missed' : '';
      console.log(
        `    against redis-server ${whole.toFixed(2)} (aim ${aim}${verdict}); without the empty ` +
          `processes ${added.toFixed(2)}`,
      );
    }
  }
}

async function ofRedis(shape: LoadShape): Promise<Resident> {
  const redis = await startRedis('redis', noPersistence);
  try {
    const [empty] = resident(redis);
    await fillKeys(redis, shape, 'EX', ttlSeconds);
    await settle();
    const [filled] = resident(redis);
    return { empty: empty!, filled: filled! };
  } finally {
    await redis.stop();
  }
}

async function ofCluster(shape: LoadShape): Promise<[string, Resident][]> {
  const cluster = await startCluster({ name: 'tgcache' });
  try {
    const leader = await cluster.leaderPort();
    await settle();
    const empty = resident(cluster);
    await fillKeys(cluster, shape, 'EX', ttlSeconds);
    await allThere(cluster, shape.keys);
    await settle();
    const filled = resident(cluster);
    return cluster.nodes.map(({ id, port }, at) => [
      `${id}${port === leader ? ', leader' : ''}`,
      { empty: empty[at]!, filled: filled[at]! },
    ]);
  } finally {
    await cluster.stop();
  }
}

/** Each node has applied all, and its snapshots are written. */
function allThere(cluster: Cluster, keys: number): Promise<true> {
  return until('all nodes to have all keys', async () => {
    for (const { port } of cluster.nodes) {
      if ((await infoField(port, 'memory', 'used_memory')) < keys * 100) return null;
    }
    return true;
  });
}

/** Node gives the room of young objects back when it has been idle for a while. */
const settle = () => new Promise((resolve) => setTimeout(resolve, settleMs));

/** Linux. */
function resident(peer: Peer): number[] {
  return peer.pids().map((pid) => {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return Number(found?.[1]) * 1024;
  });
}

function print(name: string, { empty, filled }: Resident, keys: number): void {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  console.log(
    `  ${name.padEnd(14)} empty ${mib(empty)}, filled ${mib(filled)}: ` +
      `${(filled / keys).toFixed(1)} bytes per key, ${((filled - empty) / keys).toFixed(1)} ` +
      'without the empty process',
  );
}
