/**
 * `npm run bench:million-keys`: loads 1,000,000 keys of 100 bytes into a three-node cluster, kills
 * all nodes at once, starts them again and reads every key. Prints the time from the start of the
 * processes until each node serves, whether the digest is that of before, the memory of each node,
 * and the pauses of the event loop.
 */

import { countKeys, fillKeys } from './fill.js';
import { type Cluster, infoField, startCluster } from './peers/cluster.js';
import { ask, until } from './peers/process.js';

const shape = { keys: Number(process.argv[2] ?? 1_000_000), valueBytes: 100 };
const { keys } = shape;

async function report(cluster: Cluster, when: string): Promise<void> {
  for (const { port } of cluster.nodes) {
    const rss = await infoField(port, 'memory', 'used_memory_rss');
    const used = await infoField(port, 'memory', 'used_memory');
    const delay = await infoField(port, 'stats', 'eventloop_delay_max_ms');
    const snapshot = await infoField(port, 'raft', 'snapshot_index');
    const role = (await ask(port, 'ROLE')).includes('master') ? 'leader' : 'follower';
    console.log(
      `  ${when}, ${role.padEnd(8)} resident ${(rss / 2 ** 20).toFixed(0)} MB, keyspace ` +
        `${(used / keys).toFixed(0)} bytes per key, longest event loop pause ${delay} ms, ` +
        `snapshot at ${snapshot}`,
    );
  }
}

/** Ms from the start of the processes until each node answers, and until writes are taken. */
async function restart(cluster: Cluster): Promise<void> {
  await Promise.all(cluster.nodes.map(({ runner }) => runner.kill()));
  const from = performance.now();
  const since = () => `${((performance.now() - from) / 1000).toFixed(2)} s`;
  for (const { runner } of cluster.nodes) runner.start();
  await Promise.all(
    cluster.nodes.map(async ({ port }) => {
      await until('a node to be ready', async () => {
        const size = /^:(\d+)/.exec(await ask(port, 'READONLY\r\nDBSIZE').then(lastLine))?.[1];
        return Number(size) === keys ? true : null;
      });
      console.log(`  a node serves all keys after ${since()}`);
    }),
  );
  const leader = await cluster.leaderPort();
  // No write: it would move the log's clock, and with it the digest.
  await until('a linearizable read', async () =>
    (await ask(leader, 'EXISTS no-such-key')).startsWith(':0') ? true : null,
  );
  console.log(`  a leader serves linearizable reads, and so takes writes, after ${since()}`);
}

const lastLine = (reply: string) => reply.trim().split('\r\n').at(-1) ?? '';

/** Index and digest, equal on all nodes. */
async function digest(cluster: Cluster): Promise<string> {
  return until('equal digests', async () => {
    const replies: string[] = [];
    for (const { port } of cluster.nodes) replies.push(await ask(port, 'DEBUG DIGEST'));
    return replies.every((reply) => reply === replies[0]) ? replies[0]!.trim() : null;
  });
}

async function main(): Promise<void> {
  const cluster = await startCluster({ name: 'tgcache' });
  try {
    const from = performance.now();
    await fillKeys(cluster, shape);
    console.log(`loaded ${keys} keys in ${((performance.now() - from) / 1000).toFixed(1)} s`);
    await until('all nodes to have a snapshot', async () => {
      for (const { port } of cluster.nodes) {
        if ((await infoField(port, 'raft', 'snapshot_index')) === 0) return null;
      }
      return true;
    });
    await report(cluster, 'loaded');
    const before = await digest(cluster);
    await restart(cluster);
    const found = await countKeys(await cluster.leaderPort(), shape);
    const equal = (await digest(cluster)) === before;
    console.log(`  ${found} of ${keys} keys are there, digest ${equal ? 'as' : 'NOT as'} before`);
    if (found !== keys || !equal) process.exitCode = 1;
    await report(cluster, 'restarted');
  } finally {
    await cluster.stop();
  }
}

await main();
