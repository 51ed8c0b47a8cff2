/**
 * `npm run bench -- restart`: loads 1,000,000 keys of 100 bytes into a three-node cluster, kills
 * all nodes at once, starts them again and reads every key. Prints the time from the start of the
 * processes until each node serves, the memory of each node, and the pauses of the event loop.
 * Fails where a key or a value is missing or the nodes differ.
 */
import { loadavg } from 'node:os';
import { countKeys, fillKeys } from './fill.js';
import { cpuSeconds } from './load-result.js';
import { type Cluster, infoField, startCluster } from './peers/cluster.js';
import { ask, until } from './peers/process.js';

const aimSeconds = 3;

async function report(cluster: Cluster, keys: number, when: string): Promise<void> {
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
async function restart(cluster: Cluster, keys: number): Promise<void> {
  await Promise.all(cluster.nodes.map(({ runner }) => runner.kill()));
  const from = performance.now();
  const since = () => {
    const seconds = (performance.now() - from) / 1000;
    return `${seconds.toFixed(2)} s (aim ${aimSeconds}${seconds > aimSeconds ? ', missed' : ''})`;
  };
  for (const { runner } of cluster.nodes) runner.start();
  await Promise.all(
    cluster.nodes.map(async ({ port, runner }) => {
      await until('a node to be ready', async () => {
        const reply = await ask(port, 'READONLY\r\nDBSIZE', 2);
        const size = /^:(\d+)/m.exec(reply)?.[1];
        return Number(size) === keys ? true : null;
      });
      const cpu = cpuSeconds([runner.pid]).toFixed(2);
      console.log(`  a node serves all keys after ${since()}, ${cpu} s of CPU`);
    }),
  );
  const leader = await cluster.leaderPort();
  await until('a write', async () =>
    (await ask(leader, 'DEL no-such-key')).startsWith(':0') ? true : null,
  );
  console.log(`  the cluster takes writes after ${since()}`);
}

/** The digest holds the applied index, which the restart moves: so nodes are compared. */
async function agree(cluster: Cluster): Promise<void> {
  await until('equal digests', async () => {
    const replies: string[] = [];
    for (const { port } of cluster.nodes) replies.push(await ask(port, 'TGCACHE APPLIED'));
    return replies.every((reply) => reply === replies[0]) ? true : null;
  });
}

export async function benchRestart(keys: number): Promise<void> {
  const shape = { keys, valueBytes: 100 };
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
    await report(cluster, keys, 'loaded');
    await agree(cluster);
    console.log(`all nodes killed and started, load average ${loadavg()[0]!.toFixed(1)}`);
    await restart(cluster, keys);
    const found = await countKeys(await cluster.leaderPort(), shape);
    await agree(cluster);
    console.log(`  ${found} of ${keys} keys have their values, all nodes have the same digest`);
    if (found !== keys) process.exitCode = 1;
    await report(cluster, keys, 'restarted');
  } finally {
    await cluster.stop();
  }
}
