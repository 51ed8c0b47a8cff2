/**
 * `npm run bench:million-keys`: loads 1,000,000 keys of 100 bytes into a three-node cluster, kills
 * all nodes at once, starts them again and reads every key. Prints the time from the start of the
 * processes until each node serves, the memory of each node, and the pauses of the event loop.
 */

import { countValues, fillKeys, type LoadOptions } from './load-generator.js';
import { ask, type Cluster, startCluster, until } from './peers.js';

const keys = Number(process.argv[2] ?? 1_000_000);
const valueBytes = 100;

function load(port: number): LoadOptions {
  const counts = { connections: 1, pipeline: 1, warmUpMs: 0, measureMs: 0 };
  return { host: '127.0.0.1', port, command: 'SET', keys, valueBytes, ...counts };
}

async function field(port: number, section: string, name: string): Promise<number> {
  const info = await ask(port, `INFO ${section}`);
  const found = new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1];
  if (found === undefined) throw new Error(`INFO ${section} without ${name}`);
  return Number(found);
}

async function report(cluster: Cluster, when: string): Promise<void> {
  for (const { port } of cluster.nodes) {
    const rss = await field(port, 'memory', 'used_memory_rss');
    const used = await field(port, 'memory', 'used_memory');
    const delay = await field(port, 'stats', 'eventloop_delay_max_ms');
    const snapshot = await field(port, 'raft', 'snapshot_index');
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
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  const from = performance.now();
  const since = () => `${((performance.now() - from) / 1000).toFixed(2)} s`;
  for (const node of cluster.nodes) node.start();
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
  await until('a write', async () =>
    (await ask(leader, 'SET probe x')).startsWith('+OK') ? true : null,
  );
  console.log(`  the cluster takes writes after ${since()}`);
}

const lastLine = (reply: string) => reply.trim().split('\r\n').at(-1) ?? '';

async function main(): Promise<void> {
  const cluster = await startCluster('tgcache', []);
  try {
    const from = performance.now();
    await fillKeys(load(await cluster.leaderPort()));
    console.log(`loaded ${keys} keys in ${((performance.now() - from) / 1000).toFixed(1)} s`);
    await until('all nodes to have a snapshot', async () => {
      for (const { port } of cluster.nodes) {
        if ((await field(port, 'raft', 'snapshot_index')) === 0) return null;
      }
      return true;
    });
    await report(cluster, 'loaded');
    await restart(cluster);
    const found = await countValues(load(await cluster.leaderPort()));
    console.log(`  ${found} of ${keys} keys read back`);
    if (found !== keys) process.exitCode = 1;
    await report(cluster, 'restarted');
  } finally {
    await cluster.stop();
  }
}

await main();
