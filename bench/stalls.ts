/**
 * `npm run bench -- stalls`: what a snapshot and an expiry storm do to latencies and to the event
 * loop of each node.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { closedLoop } from './closed-loop.js';
import { fillKeys } from './fill.js';
import { LoadConnection } from './load-connection.js';
import { type LoadResult, median } from './load-result.js';
import { encodeCommand, keyName, type LoadShape, makeLoad } from './loads.js';
import { openLoop } from './open-loop.js';
import { type BenchNode, type Cluster, infoField, startCluster } from './peers/cluster.js';
import { ask, until } from './peers/process.js';
import { type Stall, stallsFile } from './stall-probe.js';

export interface StallsOptions {
  readonly rounds: number;
  readonly keys: number;
}

const aims = { p999Ratio: 2, stallMs: 20 } as const;
const load = { connections: 50, pipeline: 1, warmUpMs: 500, measureMs: 6000 } as const;
/** All nodes, one after the other, take and compact a snapshot in about this time. */
const throughSnapshotsMsPerKey = 0.024;
/** What filling the log left behind, as garbage and in LevelDB, is gone by then. */
const settleMs = 12_000;
const never = '1024gb';
const atOnce = '64kb';
const storm = { keys: 100_000, overMs: 1000 } as const;
const preload = new URL('./stall-probe-preload.js', import.meta.url).href;

export async function benchStalls({ rounds, keys }: StallsOptions): Promise<void> {
  const shape = { keys, valueBytes: 100 };
  const cluster = await startCluster({
    name: 'tgcache',
    set: [`snapshot-threshold-bytes=${never}`],
    nodeFlags: () => ['--import', preload],
  });
  try {
    const startedAt = performance.now();
    await fillKeys(cluster, shape);
    const msPerKey = (performance.now() - startedAt) / keys;
    const set = makeLoad('SET', shape);
    const { opsPerSecond } = await closedLoop(cluster, set, load);
    const measureMs = Math.max(load.measureMs, keys * throughSnapshotsMsPerKey);
    const half = { ...load, measureMs, opsPerSecond: opsPerSecond / 2 };
    const ratios: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await openLoop(cluster, set, { ...half, measureMs: settleMs });
      clearStalls(cluster);
      const without = await openLoop(cluster, set, half);
      print(cluster, `SET at ${Math.round(half.opsPerSecond)}/s`, without);
      clearStalls(cluster);
      const during = await throughSnapshots(cluster, () => openLoop(cluster, set, half));
      await threshold(cluster, never);
      // Snapshots leave room for the log to grow by half of the last one.
      await fillKeys(cluster, shape);
      ratios.push(during / without.p999Ms);
    }
    console.log(`p99.9 during / without: ${median(ratios).toFixed(2)} (aim ${aims.p999Ratio})`);
    await expiryStorm(cluster, half.opsPerSecond / 5, shape, msPerKey);
  } finally {
    await cluster.stop();
  }
}

/** Until each node has taken its snapshot, one after the other; the worst p99.9 on the way. */
async function throughSnapshots(cluster: Cluster, run: () => Promise<LoadResult>): Promise<number> {
  const before = await snapshots(cluster);
  let worstMs = 0;
  for (let missing = true; missing; ) {
    const running = run();
    await warmedUp();
    await threshold(cluster, atOnce);
    const result = await running;
    const now = await snapshots(cluster);
    const done = now.filter((index, at) => index > before[at]!).length;
    print(cluster, `during snapshot, compaction (${done} of ${now.length} done)`, result);
    clearStalls(cluster);
    worstMs = Math.max(worstMs, result.p999Ms);
    missing = done < now.length;
  }
  return worstMs;
}

/** The first moments of a snapshot copy most: they are measured too. */
async function warmedUp(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2 * load.warmUpMs));
}

async function expiryStorm(
  cluster: Cluster,
  opsPerSecond: number,
  shape: LoadShape,
  msPerKey: number,
): Promise<void> {
  const from = Date.now() + 5000 + 3 * msPerKey * storm.keys;
  const connection = await LoadConnection.open(cluster, 0);
  for (let at = 0; at < storm.keys; at += 1000) {
    // Every tenth or so of all keys, wherever it lies.
    const commands = Array.from({ length: 1000 }, (_, each) => {
      const dueMs = from + ((at + each) * storm.overMs) / storm.keys;
      const key = keyName(Math.floor(((at + each) * shape.keys) / storm.keys));
      return encodeCommand('PEXPIREAT', key, dueMs.toFixed(0));
    });
    await connection.exchange(Buffer.concat(commands), 1000);
  }
  connection.close();
  const expired = await total(cluster, 'stats', 'expired_keys');
  const before = await snapshots(cluster);
  await new Promise((resolve) => setTimeout(resolve, from - 1000 - Date.now()));
  clearStalls(cluster);
  for (const { port } of cluster.nodes) await ask(port, 'CONFIG RESETSTAT');
  const running = openLoop(cluster, makeLoad('SET', shape), { ...load, opsPerSecond });
  await threshold(cluster, atOnce);
  const result = await running;
  await snapshotsAfter(cluster, before);
  print(cluster, `snapshot, ${storm.keys} keys expire in ${storm.overMs} ms`, result);
  const gone = (await total(cluster, 'stats', 'expired_keys')) - expired;
  console.log(`  ${gone / cluster.nodes.length} keys expired on each node`);
}

async function total(cluster: Cluster, section: string, name: string): Promise<number> {
  let sum = 0;
  for (const { port } of cluster.nodes) sum += await infoField(port, section, name);
  return sum;
}

async function threshold(cluster: Cluster, bytes: string): Promise<void> {
  for (const { port } of cluster.nodes) {
    const reply = await ask(port, `CONFIG SET snapshot-threshold-bytes ${bytes}`);
    if (!reply.startsWith('+OK')) throw new Error(reply);
  }
}

function snapshots({ nodes }: Cluster): Promise<number[]> {
  return Promise.all(nodes.map(({ port }) => infoField(port, 'raft', 'snapshot_index')));
}

function snapshotsAfter(cluster: Cluster, before: readonly number[]): Promise<true> {
  return until('a snapshot on each node', async () => {
    const now = await snapshots(cluster);
    return now.every((index, at) => index > before[at]!) ? true : null;
  });
}

function print(cluster: Cluster, what: string, result: LoadResult): void {
  const { p50Ms, p99Ms, p999Ms, maxMs } = result;
  const figures = [p50Ms, p99Ms, p999Ms, maxMs].map((ms) => ms.toFixed(1)).join(' / ');
  const busy = loadavg()[0]!.toFixed(1);
  console.log(`${what}: p50 / p99 / p99.9 / most ${figures} ms (load average ${busy})`);
  for (const node of cluster.nodes) console.log(`  ${node.id}: ${stallLine(node)}`);
}

/**
 * Late is what clients see. Computing is the program's own part. The rest is the machine's: waiting
 * for a CPU, or for a lock whose holder, a thread of the pool, waits for one.
 */
function stallLine(node: BenchNode): string {
  const file = path.join(node.runner.dir, stallsFile);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  const stalls = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Stall);
  const by = (pick: (stall: Stall) => number): Stall | undefined =>
    [...stalls].sort((a, b) => pick(b) - pick(a))[0];
  const [late, computing] = [by(({ lateMs }) => lateMs), by(({ computingMs }) => computingMs)];
  if (late === undefined || computing === undefined) return 'no stall';
  const over = stalls.filter(({ computingMs }) => computingMs > aims.stallMs).length;
  return (
    `most late: ${describe(late)}; most computing: ${describe(computing)}, ${over} over ` +
    `${aims.stallMs} ms`
  );
}

function describe({ lateMs, computingMs, waitingMs }: Stall): string {
  return (
    `${lateMs.toFixed(1)} ms (computing ${computingMs.toFixed(1)}, waiting for a CPU ` +
    `${waitingMs.toFixed(1)})`
  );
}

function clearStalls({ nodes }: Cluster): void {
  for (const { runner } of nodes) writeFileSync(path.join(runner.dir, stallsFile), '');
}
