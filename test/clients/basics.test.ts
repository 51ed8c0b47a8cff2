/** The stock clients, unchanged, against a real cluster. */
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from '../cluster/harness.js';

let cluster: TestCluster;
let leader: string;
let follower: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  leader = await cluster.leader();
  follower = (await cluster.followers())[0]!;
});
afterAll(() => cluster.destroy());

describe.each([2, 3] as const)('ioredis, RESP%i', (protocol) => {
  it('plain, at the leader', async () => {
    const client = new Redis({ port: cluster.port(leader), host: '127.0.0.1', protocol });
    try {
      const key = `io${protocol}`;
      expect(await client.set(key, 'value', 'EX', 100)).toBe('OK');
      expect(await client.get(key)).toBe('value');
      expect(await client.ttl(key)).toBeGreaterThan(90);
      const results = await client.pipeline().incr(`${key}:n`).incr(`${key}:n`).get(key).exec();
      expect(results).toEqual([
        [null, 1],
        [null, 2],
        [null, 'value'],
      ]);
      const transaction = await client.multi().set(`${key}:t`, '1').incr(`${key}:t`).exec();
      expect(transaction).toEqual([
        [null, 'OK'],
        [null, 2],
      ]);
      expect(await client.getBuffer(key)).toEqual(Buffer.from('value'));
      expect(await client.get('none')).toBeNull();
    } finally {
      client.disconnect();
    }
  });

  it('plain, at a follower: MOVED reaches the application', async () => {
    const client = new Redis({ port: cluster.port(follower), host: '127.0.0.1', protocol });
    try {
      await expect(client.set('a', '1')).rejects.toThrow(
        new RegExp(`^MOVED \\d+ 127\\.0\\.0\\.1:${cluster.port(leader)}$`),
      );
    } finally {
      client.disconnect();
    }
  });

  it('Cluster finds the leader from any node; scaleReads reads at followers', async () => {
    const startAt = [{ host: '127.0.0.1', port: cluster.port(follower) }];
    const client = new Cluster(startAt, { scaleReads: 'slave', redisOptions: { protocol } });
    try {
      const keys = Array.from({ length: 20 }, (_, at) => `cluster${protocol}:${at}`);
      for (const key of keys) expect(await client.set(key, key)).toBe('OK');
      for (const key of keys) {
        // A follower may lag behind the acknowledgement, but not for long.
        const seen = () => client.get(key).then((value) => (value === key ? value : null));
        expect(await waitFor(`${key} at a follower`, seen)).toBe(key);
      }
      expect(client.nodes('master').map((node) => node.options.port)).toEqual([
        cluster.port(leader),
      ]);
      expect(client.nodes('slave')).toHaveLength(2);
    } finally {
      client.disconnect();
    }
  });
});

describe.each([2, 3] as const)('node-redis, RESP%i', (RESP) => {
  it('createClient, at the leader', async () => {
    const client = createClient({ url: `redis://127.0.0.1:${cluster.port(leader)}`, RESP });
    await client.connect();
    try {
      const key = `nr${RESP}`;
      expect(await client.set(key, 'value', { EX: 100 })).toBe('OK');
      expect(await client.get(key)).toBe('value');
      const replies = await Promise.all([
        client.incr(`${key}:n`),
        client.incr(`${key}:n`),
        client.get(key),
      ]);
      expect(replies).toEqual([1, 2, 'value']);
      expect(await client.multi().set(`${key}:t`, '1').incr(`${key}:t`).exec()).toEqual(['OK', 2]);
      expect(await client.mGet([key, 'none'])).toEqual(['value', null]);
      const found = new Set<string>();
      for await (const keys of client.scanIterator({ MATCH: `${key}*` })) {
        for (const each of keys) found.add(each);
      }
      expect([...found].sort()).toEqual([key, `${key}:n`, `${key}:t`]);
    } finally {
      client.destroy();
    }
  });

  it('createCluster with replicas, from a follower', async () => {
    const rootNodes = [{ url: `redis://127.0.0.1:${cluster.port(follower)}` }];
    const client = createCluster({ rootNodes, useReplicas: true, RESP });
    await client.connect();
    try {
      for (let at = 0; at < 20; at++) {
        const key = `nrc${RESP}:${at}`;
        expect(await client.set(key, key)).toBe('OK');
        const seen = () => client.get(key).then((value) => (value === key ? value : null));
        expect(await waitFor(`${key} at a replica`, seen)).toBe(key);
      }
    } finally {
      client.destroy();
    }
  });
});

it('leaves all nodes with the same state', async () => {
  expect(await cluster.equalDigest()).toMatch(/\S/);
});
