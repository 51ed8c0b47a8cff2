/**
 * `npm run bench`: SET and GET at several pipelines on a three-node cluster (fsync, linearizable
 * reads at the leader) beside redis-server, in turns within one run. Prints operations per
 * second, percentiles of the pipeline's round trip, and the ratio of the medians.
 */
import { cpus } from 'node:os';
import { fillKeys, type LoadOptions, type LoadResult, runLoad } from './load-generator.js';
import { hasRedisServer, type Peer, startCluster, startRedis } from './peers.js';

const quick = process.argv.includes('--quick');
const settings = {
  connections: 50,
  valueBytes: 100,
  keys: 100_000,
  rounds: quick ? 3 : 5,
  warmUpMs: quick ? 300 : 1000,
  measureMs: quick ? 1000 : 3000,
  pipelines: [1, 16, 64],
};

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function load(peer: Peer, command: 'SET' | 'GET', pipeline: number): LoadOptions {
  const { host, port } = peer;
  return { ...settings, host, port, command, pipeline };
}

function row(name: string, results: readonly LoadResult[]): string {
  const figure = (pick: (result: LoadResult) => number) => median(results.map(pick));
  const ms = (value: number) => value.toFixed(2).padStart(9);
  const ops = Math.round(figure((r) => r.opsPerSecond))
    .toLocaleString('en')
    .padStart(11);
  const tail = [figure((r) => r.p50Ms), figure((r) => r.p99Ms), figure((r) => r.p999Ms)].map(ms);
  return `  ${name.padEnd(34)}${ops}${tail.join('')}`;
}

async function compare(peers: readonly Peer[], command: 'SET' | 'GET', pipeline: number) {
  const results = new Map<Peer, LoadResult[]>(peers.map((peer) => [peer, []]));
  for (let round = 0; round < settings.rounds; round++) {
    for (const peer of peers) {
      results.get(peer)!.push(await runLoad(load(peer, command, pipeline)));
    }
  }
  console.log(
    `${command}, pipeline ${pipeline}${' '.repeat(16)}   ops/s   p50 ms   p99 ms p99.9 ms`,
  );
  for (const peer of peers) console.log(row(peer.name, results.get(peer)!));
  const own = median(results.get(peers[0]!)!.map((r) => r.opsPerSecond));
  for (const peer of peers.slice(1)) {
    const ratio = own / median(results.get(peer)!.map((r) => r.opsPerSecond));
    console.log(`  ratio to ${peer.name}: ${ratio.toFixed(2)}`);
  }
}

async function main(): Promise<void> {
  const peers: Peer[] = [await startCluster('tgcache, 3 nodes, fsync', [])];
  try {
    if (hasRedisServer()) {
      const always = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
      peers.push(await startRedis('redis-server, appendfsync always', always));
      peers.push(await startRedis('redis-server, no persistence', ['--save', '']));
    } else console.log('redis-server is not installed: no comparison');
    console.log(`${cpus().length} cores, ${cpus()[0]?.model}, Node ${process.version}`);
    console.log(JSON.stringify(settings));
    for (const peer of peers) await fillKeys(load(peer, 'SET', 1));
    for (const command of ['SET', 'GET'] as const) {
      for (const pipeline of settings.pipelines) await compare(peers, command, pipeline);
    }
  } finally {
    for (const peer of peers) await peer.stop();
  }
}

await main();
