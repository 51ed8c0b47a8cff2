/**
 * A sample of the cells over RESP: the same requests at the same pace to a cluster and to one
 * redis-server per policy, each with room for as many keys. Shows that what is computed in process
 * is what clients see. Paced over minutes, as Redis' LRU clock ticks once a second; TTLs shrink
 * with the time that the trace stands for.
 */
import { Redis } from 'ioredis';
import { keyName } from '../loads.js';
import { startCluster } from '../peers/cluster.js';
import type { Peer } from '../peers/process.js';
import { isInstalled, noPersistence, startRedis } from '../peers/redis.js';
import { OwnReplay } from './own-replay.js';
import { RedisModel, redisPolicies } from './redis-model.js';
import { allWorkloads, capacityOf, noTtlMs, type Trace, valueBytesOf } from './workloads.js';

/** Traces without sizes: there equal capacity is an equal number of keys. */
const sample = ['scarab tw24', 'c2k-web07 none', 'loop half'];
const share = 0.05;
const requestsMax = 300_000;
const stepMs = 2;
/** Few, and each key once: a miss must be written before the next look-up of its key. */
const batchMax = 32;

interface Target {
  readonly name: string;
  readonly peer: Peer;
  /** 0 to 1, of the same requests in process. */
  readonly computed: number;
}

export async function benchLive(minutes: number): Promise<void> {
  if (!isInstalled('redis-server')) throw new Error('redis-server is not installed');
  const workloads = (await allWorkloads()).filter(({ name }) => sample.includes(name));
  await Promise.all(
    workloads.map(async ({ name, load }) => {
      const trace = load();
      await replay(name, { ...trace, n: Math.min(trace.n, requestsMax) }, minutes * 60_000);
    }),
  );
}

async function replay(name: string, trace: Trace, lastsMs: number): Promise<void> {
  const targets = await start(trace, lastsMs);
  try {
    const hits = await Promise.all(targets.map(({ peer }) => drive(peer, trace, lastsMs)));
    const percent = (ratio: number) => (ratio * 100).toFixed(2);
    const texts = targets.map(
      (target, at) => `${target.name} ${percent(hits[at]!)} (computed ${percent(target.computed)})`,
    );
    console.log(`${name}, hits in %: ${texts.join(', ')}`);
  } finally {
    await Promise.all(targets.map(({ peer }) => peer.stop()));
  }
}

async function start(trace: Trace, lastsMs: number): Promise<Target[]> {
  const capacity = capacityOf(trace, share);
  const requestsPerSecond = (trace.n * 1000) / lastsMs;
  const own = new OwnReplay(trace, { capacity, policy: 'allkeys-tlru', requestsPerSecond });
  const targets: Target[] = [
    {
      name: 'tgcache',
      peer: await startCluster({ name: 'tgcache', set: [`maxkeys=${capacity.keys}`] }),
      computed: own.run().hits,
    },
  ];
  for (const policy of redisPolicies) {
    const peer = await startRedis(policy, [...noPersistence, '--maxmemory-policy', policy]);
    await roomFor(peer, trace, capacity.keys);
    targets.push({ name: policy, peer, computed: new RedisModel(trace, capacity, policy).run() });
  }
  return targets;
}

/** Lets Redis hold what it needs for so many keys of the trace, and empties it again. */
async function roomFor(peer: Peer, trace: Trace, keys: number): Promise<void> {
  const client = new Redis({ port: peer.ports[0]! });
  const pipeline = client.pipeline();
  for (let key = 0; key < keys; key++) {
    const ttl = trace.ttlMs[key]! < noTtlMs ? (['EX', 86_400] as const) : ([] as const);
    pipeline.call('SET', keyName(key), 'x'.repeat(valueBytesOf(trace, key)), ...ttl);
  }
  await pipeline.exec();
  const used = /used_memory:(\d+)/.exec(await client.info('memory'))![1]!;
  await client.config('SET', 'maxmemory', used);
  await client.flushall();
  await client.quit();
}

/** Hits of the GETs, 0 to 1. */
async function drive(peer: Peer, trace: Trace, lastsMs: number): Promise<number> {
  const client = new Redis({ port: peer.ports[0]! });
  const shrink = lastsMs / (trace.n * trace.dtMs);
  const from = performance.now();
  let hits = 0;
  let done = 0;
  while (done < trace.n) {
    const due = Math.min(trace.n, ((performance.now() - from) / lastsMs) * trace.n);
    const keys = nextKeys(trace, done, due);
    done += keys.length;
    const found = await getAll(client, keys);
    hits += found.filter((hit) => hit).length;
    const missed = keys.filter((_, at) => !found[at]);
    await setAll(client, trace, missed, shrink);
    if (done >= Math.floor(due)) await new Promise((resolve) => setTimeout(resolve, stepMs));
  }
  await client.quit();
  return hits / trace.n;
}

function nextKeys(trace: Trace, from: number, due: number): number[] {
  const keys = new Set<number>();
  for (let at = from; at < Math.floor(due) && keys.size < batchMax; at++) {
    const key = trace.key[at]!;
    if (keys.has(key)) break;
    keys.add(key);
  }
  return [...keys];
}

async function getAll(client: Redis, keys: readonly number[]): Promise<boolean[]> {
  const pipeline = client.pipeline();
  for (const key of keys) pipeline.get(keyName(key));
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, value]) => {
    if (error !== null) throw error;
    return value !== null;
  });
}

/** Redis refuses writes when nothing may be evicted (volatile-ttl): part of what is measured. */
async function setAll(
  client: Redis,
  trace: Trace,
  keys: readonly number[],
  shrink: number,
): Promise<void> {
  const pipeline = client.pipeline();
  for (const key of keys) {
    const value = 'x'.repeat(valueBytesOf(trace, key));
    const ttlMs = trace.ttlMs[key]!;
    if (ttlMs >= noTtlMs) pipeline.set(keyName(key), value);
    else pipeline.set(keyName(key), value, 'PX', Math.max(1, Math.round(ttlMs * shrink)));
  }
  await pipeline.exec();
}
