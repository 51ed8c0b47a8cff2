/**
 * node-redis' client side cache through elections: each version of a key is larger than the one
 * before, so a value that was invalidated and used again shows as a step back, and one that was
 * never invalidated as a difference at the end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BasicClientSideCache,
  BasicPooledClientSideCache,
  createClient,
  createCluster,
  createSentinel,
} from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from '../cluster/harness.js';
import { throughElections } from './fleet.js';

const keys = Array.from({ length: 10 }, (_, at) => `k${at}`);
let cluster: TestCluster;

interface CachedClient {
  get(key: string): Promise<string | null>;
  hits(): number;
  /** Behind it, all invalidations that were due have come. */
  barrier(): Promise<unknown>;
  close(): void;
}

/** The planted fault: hears of no key, only of the end of its connection. */
class DeafCache extends BasicClientSideCache {
  override invalidate(key: Buffer | string | null): void {
    if (key === null) super.invalidate(key);
  }
}

async function plain(id: string, cache = new BasicClientSideCache()): Promise<CachedClient> {
  const url = `redis://127.0.0.1:${cluster.port(id)}`;
  const client = createClient({ url, clientSideCache: cache });
  client.on('error', () => {});
  await client.connect();
  return {
    get: (key) => client.get(key),
    hits: () => cache.stats().hitCount,
    barrier: () => client.ping(),
    close: () => client.destroy(),
  };
}

async function clustered(): Promise<CachedClient> {
  const cache = new BasicPooledClientSideCache();
  const rootNodes = cluster.addresses.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` }));
  const client = createCluster({ rootNodes, clientSideCache: cache });
  client.on('error', () => {});
  await client.connect();
  return {
    get: (key) => client.get(key),
    hits: () => cache.stats().hitCount,
    barrier: () => Promise.all(client.masters.map(async (node) => (await node.client)?.ping())),
    close: () => client.destroy(),
  };
}

async function bySentinel(): Promise<CachedClient> {
  const cache = new BasicPooledClientSideCache();
  const sentinelRootNodes = cluster.addresses;
  const client = createSentinel({ name: 'tgcache', sentinelRootNodes, clientSideCache: cache });
  client.on('error', () => {});
  await client.connect();
  return {
    get: (key) => client.get(key),
    hits: () => cache.stats().hitCount,
    barrier: () => client.ping(),
    close: () => client.destroy(),
  };
}

class Reader {
  reads = 0;
  readonly wentBack: string[] = [];
  private readonly seen = new Map<string, number>();
  private running = true;
  private readonly loop: Promise<void>;

  constructor(readonly client: CachedClient) {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
  }

  /** The keys whose value is not the last one written. */
  async stale(last: ReadonlyMap<string, number>): Promise<string[]> {
    await this.client.barrier();
    const values = await Promise.all(keys.map((key) => this.client.get(key)));
    return keys.filter((key, at) => Number(values[at]) !== last.get(key));
  }

  private async run(): Promise<void> {
    for (let at = 0; this.running; at++) {
      const key = keys[at % keys.length]!;
      // A read that failed tells nothing of the cache.
      const version = await this.client.get(key).then(Number, () => null);
      if (version !== null) this.note(key, version);
      await sleep(1);
    }
  }

  private note(key: string, version: number): void {
    this.reads++;
    const before = this.seen.get(key) ?? 0;
    if (version < before) this.wentBack.push(`${key}: ${version} after ${before}`);
    this.seen.set(key, Math.max(version, before));
  }
}

class Writer {
  version = 0;
  private running = true;
  private readonly loop: Promise<void>;

  constructor(private readonly set: (key: string, value: string) => Promise<unknown>) {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
  }

  private async run(): Promise<void> {
    while (this.running) {
      this.version++;
      // Unknown outcomes are fine: what is there at the end is asked of the leader.
      await this.set(keys[this.version % keys.length]!, `${this.version}`).catch(() => {});
      await sleep(5);
    }
  }
}

describe('node-redis with clientSideCache', () => {
  const readers = new Map<string, Reader>();
  const last = new Map<string, number>();
  const names = ['at n1', 'at n2', 'at n3', 'createCluster', 'createSentinel'];

  beforeAll(async () => {
    cluster = await TestCluster.start({ set: ['follower-writes=forward'] });
    for (const id of cluster.ids) readers.set(`at ${id}`, new Reader(await plain(id)));
    readers.set('createCluster', new Reader(await clustered()));
    readers.set('createSentinel', new Reader(await bySentinel()));
    readers.set('deaf', new Reader(await plain('n1', new DeafCache())));
    const client = createCluster({
      rootNodes: cluster.addresses.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` })),
    });
    client.on('error', () => {});
    await client.connect();
    const writer = new Writer((key, value) => client.set(key, value));
    await throughElections(cluster, async () => {
      const goals = [...readers.values()].map((reader) => ({ reader, reads: reader.reads + 50 }));
      const { version } = writer;
      const goOn = () =>
        writer.version > version + 50 && goals.every(({ reader, reads }) => reader.reads > reads);
      await waitFor('reads and writes', () => (goOn() ? true : null), 60_000);
    });
    await writer.stop();
    for (const reader of readers.values()) await reader.stop();
    client.destroy();
    await cluster.equalDigest();
    const leader = await cluster.leader();
    for (const key of keys) last.set(key, Number(await cluster.command(leader, 'GET', key)));
  }, 240_000);
  afterAll(async () => {
    for (const { client } of readers.values()) client.close();
    await cluster?.destroy();
  });

  it.each(names)('%s never goes back and ends with the last values', async (name) => {
    const reader = readers.get(name)!;
    expect(reader.wentBack).toEqual([]);
    expect(await reader.stale(last)).toEqual([]);
    expect(reader.client.hits()).toBeGreaterThan(10);
  });

  it('the same test sees a cache that does not listen', async () => {
    expect((await readers.get('deaf')!.stale(last)).length).toBeGreaterThan(0);
  });
});
