/**
 * A near cache in each application: what a client holds is used only until its invalidation
 * arrives. Checked with versions that only grow: what a client has seen of a key, from any source,
 * never goes back once its own invalidation is behind it.
 */
import net from 'node:net';
import Parser from 'redis-parser';
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from './harness.js';

let cluster: TestCluster;
const caches: NearCache[] = [];
afterEach(async () => {
  for (const cache of caches.splice(0)) cache.close();
  await cluster.destroy();
});

type Reply = string | number | null | Error | Reply[];

/**
 * RESP2 parser of the library over RESP3: pushes are turned into arrays by their first byte.
 * `deaf` is the planted fault: it ignores invalidations.
 */
class NearCache {
  readonly held = new Map<string, number>();
  hits = 0;
  invalidations = 0;
  private readonly waiting: ((reply: Reply) => void)[] = [];
  private readonly socket: net.Socket;

  constructor(
    port: number,
    private readonly deaf = false,
  ) {
    this.socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    const parser = new Parser({
      returnReply: (reply: Reply) => this.take(reply),
      returnError: (error) => this.take(error),
    });
    this.socket.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      parser.execute(
        Buffer.from(text.replaceAll('>2\r\n', '*2\r\n').replaceAll('_\r\n', '$-1\r\n'), 'latin1'),
      );
    });
    this.socket.on('error', () => this.drop());
    this.socket.on('close', () => this.drop());
    caches.push(this);
  }

  async start(...mode: string[]): Promise<void> {
    this.socket.write('*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n');
    // A map of RESP3: the library's parser does not know it.
    await new Promise<void>((resolve) => {
      const listeners = this.socket.listeners('data') as ((chunk: Buffer) => void)[];
      this.socket.removeAllListeners('data');
      this.socket.once('data', () => {
        for (const listener of listeners) this.socket.on('data', listener);
        resolve();
      });
    });
    expect(await this.command('READONLY')).toBe('OK');
    expect(await this.command('CLIENT', 'TRACKING', 'ON', ...mode)).toBe('OK');
  }

  /** From the cache where it is held, else from the node. */
  async get(key: string): Promise<number> {
    const held = this.held.get(key);
    if (held !== undefined) {
      this.hits++;
      return held;
    }
    const reply = await this.command('GET', key);
    if (reply instanceof Error) throw reply;
    return Number(reply ?? 0);
  }

  command(...words: string[]): Promise<Reply> {
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.socket.write(`*${words.length}\r\n${parts.join('')}`);
    return new Promise((resolve) =>
      this.waiting.push((reply) => {
        // In the same step as the reply arrives: an invalidation behind it takes it out again.
        if (words[0] === 'GET' && typeof reply === 'string')
          this.held.set(words[1]!, Number(reply));
        resolve(reply);
      }),
    );
  }

  close(): void {
    this.socket.destroy();
  }

  private take(reply: Reply): void {
    if (!Array.isArray(reply) || reply[0] !== 'invalidate') return this.waiting.shift()?.(reply);
    this.invalidations++;
    if (this.deaf) return;
    const keys = reply[1];
    if (Array.isArray(keys)) for (const key of keys) this.held.delete(String(key));
    else this.held.clear();
  }

  private drop(): void {
    this.held.clear();
    for (const give of this.waiting.splice(0)) give(new Error('the connection is gone'));
  }
}

function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const keys = 20;
const versionsPerRound = 1500;

/** Writes versions from `first` on, some of which expire soon. */
async function writeVersions(
  port: number,
  random: (below: number) => number,
  first: number,
): Promise<void> {
  const writer = new NearCache(port);
  for (let version = first; version < first + versionsPerRound; version++) {
    const options = random(5) === 0 ? ['PX', String(1 + random(30))] : [];
    await writer.command('SET', `k${random(keys)}`, String(version), ...options);
  }
  writer.close();
}

/** Reads at random; returns every time a version went back. */
async function readVersions(
  cache: NearCache,
  random: (below: number) => number,
  isOn: () => boolean,
) {
  const seen = new Map<string, number>();
  const wentBack: string[] = [];
  while (isOn()) {
    const key = `k${random(keys)}`;
    const version = await cache.get(key).catch(() => 0);
    const before = seen.get(key) ?? 0;
    // 0: expired; later versions are larger all the same.
    if (version !== 0 && version < before) wentBack.push(`${key}: ${version} after ${before}`);
    seen.set(key, Math.max(before, version));
    if (random(20) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return wentBack;
}

async function staleEntries(cache: NearCache, leader: string): Promise<string[]> {
  await cache.command('PING');
  const stale: string[] = [];
  for (const [key, version] of cache.held) {
    const current = Number((await cluster.command(leader, 'GET', key)) ?? 0);
    if (current !== version) stale.push(`${key}: held ${version}, is ${current}`);
  }
  return stale;
}

async function round(seed: number, deafAt: number | null): Promise<string[]> {
  const leader = await cluster.leader();
  const modes = [[], ['BCAST'], ['NOLOOP']];
  const readers = cluster.ids.map((id, at) => new NearCache(cluster.port(id), at === deafAt));
  for (const [at, reader] of readers.entries()) await reader.start(...modes[at]!);
  let writing = true;
  const reading = readers.map((reader, at) =>
    readVersions(reader, numbers(seed * 10 + at), () => writing),
  );
  await writeVersions(cluster.port(leader), numbers(seed), seed * versionsPerRound);
  writing = false;
  const wrong = (await Promise.all(reading)).flat();
  await waitFor('the last expiry', async () => {
    const keyspace = await cluster.info(leader, 'keyspace');
    return /expires=0,/.test(keyspace.get('db0') ?? 'expires=0,') ? true : null;
  });
  const applied = String(await cluster.command(leader, 'TGCACHE', 'APPLIED'));
  await waitFor('all nodes to have applied everything', async () => {
    for (const id of cluster.ids) {
      const mine = String(await cluster.command(id, 'TGCACHE', 'APPLIED'));
      if (Number(mine.split(',')[0]) < Number(applied.split(',')[0])) return null;
    }
    return true;
  });
  for (const reader of readers) {
    wrong.push(...(await staleEntries(reader, leader)));
    expect(reader.hits).toBeGreaterThan(50);
    expect(reader.invalidations).toBeGreaterThan(50);
  }
  return wrong;
}

describe('a near cache', () => {
  it('holds nothing whose invalidation has come, at leader and followers', async () => {
    cluster = await TestCluster.start();
    for (const seed of [1, 2, 3]) expect(await round(seed, null)).toEqual([]);
  }, 120_000);

  it('the same test sees a client that does not listen', async () => {
    cluster = await TestCluster.start();
    expect((await round(4, 1)).length).toBeGreaterThan(0);
  }, 120_000);

  it('hears of everything when a snapshot takes the place of the state', async () => {
    cluster = await TestCluster.start({ set: ['snapshot-threshold-bytes=64kb'] });
    const [away] = (await cluster.followers()) as [string];
    const cache = new NearCache(cluster.port(away));
    await cache.start();
    const leader = await cluster.leader();
    await cluster.command(leader, 'SET', 'k1', '1');
    await waitFor('the value', async () => ((await cache.get('k1')) === 1 ? true : null));
    cluster.pause(away);
    await cluster.command(leader, 'SET', 'k1', '2');
    const filler = 'x'.repeat(400_000);
    for (let at = 0; at < 120; at++) await cluster.command(leader, 'SET', 'filler', filler);
    cluster.resume(away);
    await waitFor('the invalidation', () => (cache.held.has('k1') ? null : true));
    await waitFor('the new value', async () => ((await cache.get('k1')) === 2 ? true : null));
  }, 120_000);
});
