/**
 * Clients that know one address, through elections of a cluster whose followers forward: no
 * client needs to know what a leader is.
 */
import { createCache } from 'cache-manager';
import { RedisStore } from 'connect-redis';
import { createCluster } from 'redis';
import type { StorageValue } from 'unstorage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../cluster/harness.js';
import { cacheManager, connectRedis, keyv, keyvAt, storageAt, unstorage } from './cache-kinds.js';
import { Fleet } from './fleet.js';
import { ioredisPlain, ioredisSentinel } from './ioredis-kinds.js';
import { nodeRedisPlain } from './node-redis-kinds.js';
import { python, redisPyPlain, redisPySentinel } from './redis-py-kinds.js';

if (python === null) console.warn('redis-py is not installed: skipped');
const kinds = [
  ioredisPlain,
  nodeRedisPlain,
  connectRedis,
  keyv,
  cacheManager,
  unstorage,
  ioredisSentinel,
  ...(python === null ? [] : [redisPyPlain, redisPySentinel]),
];

describe('follower-writes forward, the leader killed and changed', () => {
  let cluster: TestCluster;
  let fleet: Fleet;

  beforeAll(async () => {
    cluster = await TestCluster.start({ set: ['follower-writes=forward'] });
    fleet = await Fleet.start(cluster, kinds);
    await fleet.throughElections();
  }, 240_000);
  afterAll(async () => {
    await fleet?.close();
    await cluster?.destroy();
  });

  it('keyv does all it can at a follower', async () => {
    const cache = keyvAt(cluster.port((await cluster.followers())[0]!));
    cache.namespace = 'kv';
    await cache.setMany([
      { key: 'a', value: '1', ttl: 100_000 },
      { key: 'b', value: '2' },
    ]);
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(['1', '2', undefined]);
    expect(await cache.hasMany(['a', 'c'])).toEqual([true, false]);
    const found: unknown[] = [];
    for await (const entry of cache.iterator!('kv')) found.push(entry);
    expect(found.sort()).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    expect(await cache.delete(['a', 'c'])).toBe(true);
    expect(await cache.get('a')).toBeUndefined();
    await cache.clear();
    expect(await cache.has('b')).toBe(false);
    await cache.disconnect();
  });

  it('cache-manager wraps a slow function, and forgets', async () => {
    const cache = createCache({ stores: [keyvAt(cluster.port((await cluster.followers())[1]!))] });
    let calls = 0;
    const slow = () => cache.wrap('wrapped', () => Promise.resolve(`call ${++calls}`), 100_000);
    expect([await slow(), await slow()]).toEqual(['call 1', 'call 1']);
    await cache.mset([
      { key: 'm1', value: '1' },
      { key: 'm2', value: '2', ttl: 100_000 },
    ]);
    expect(await cache.mget(['m1', 'm2', 'm3'])).toEqual(['1', '2', undefined]);
    const left = (await cache.ttl('m2'))! - Date.now();
    expect(left).toBeGreaterThan(90_000);
    expect(await cache.mdel(['m1', 'wrapped'])).toBe(true);
    expect(await slow()).toBe('call 2');
    await cache.disconnect();
  });

  it('unstorage lists, reads many and clears', async () => {
    const [id] = (await cluster.followers()) as [string];
    const storage = storageAt(cluster.port(id), 'listed');
    await storage.setItems<StorageValue>([
      { key: 'one', value: '1st' },
      { key: 'deep:two', value: { is: 'an object' } },
    ]);
    expect((await storage.getKeys()).sort()).toEqual(['deep:two', 'one']);
    expect(await storage.getKeys('deep')).toEqual(['deep:two']);
    expect(await storage.getItems(['one', 'deep:two', 'none'])).toEqual([
      { key: 'one', value: '1st' },
      { key: 'deep:two', value: { is: 'an object' } },
      { key: 'none', value: null },
    ]);
    await storage.removeItem('one');
    expect(await storage.hasItem('one')).toBe(false);
    await storage.clear();
    expect(await storage.getKeys()).toEqual([]);
    await storage.dispose();
  });

  it('connect-redis counts, lists and clears sessions, on a cluster client too', async () => {
    const rootNodes = cluster.addresses.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` }));
    const client = createCluster({ rootNodes });
    client.on('error', () => {});
    await client.connect();
    const store = new RedisStore({ client, prefix: 'counted:', ttl: 100 });
    const cookie = { originalMaxAge: null };
    for (const id of ['a', 'b']) await store.set(id, { cookie, value: id });
    await store.touch('a', { cookie });
    expect((await store.ids()).sort()).toEqual(['a', 'b']);
    expect(await store.length()).toBe(2);
    expect(await store.all()).toHaveLength(2);
    await store.destroy('a');
    expect([await store.get('a'), await store.get('b')]).toEqual([null, { cookie, value: 'b' }]);
    await store.clear();
    expect(await store.length()).toBe(0);
    client.destroy();
  });

  it.each(kinds)('$name loses nothing and sees only documented errors', (kind) =>
    fleet.judge(kind),
  );
});
