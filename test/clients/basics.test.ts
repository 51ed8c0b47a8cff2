/** The stock clients, unchanged, against a real cluster. */
import { spawnSync } from 'node:child_process';
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

const isInstalled = (tool: string) => spawnSync(tool, ['--version']).status === 0;

function run(tool: string, ...words: string[]): { code: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(tool, words, { encoding: 'utf8', timeout: 30_000 });
  return { code: status, text: `${stdout}${stderr}` };
}

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

describe.skipIf(!isInstalled('redis-cli'))('redis-cli', () => {
  it('-c follows MOVED from a follower', () => {
    const port = String(cluster.port(follower));
    expect(run('redis-cli', '-c', '-p', port, 'SET', 'cli', 'x').text).toMatch(/^OK/);
    expect(run('redis-cli', '-c', '-p', port, 'GET', 'cli').text.trim()).toBe('x');
    expect(run('redis-cli', '-3', '-c', '-p', port, 'GET', 'cli').text.trim()).toMatch(/x"?$/);
  });

  it('--cluster check finds one master with all slots and two replicas', () => {
    const { code, text } = run(
      'redis-cli',
      '--cluster',
      'check',
      `127.0.0.1:${cluster.port(leader)}`,
    );
    expect(text).toContain('[OK] All nodes agree about slots configuration.');
    expect(text).toContain('[OK] All 16384 slots covered.');
    expect(text).toMatch(/2 additional replica\(s\)|\| 2 slaves/);
    expect(code).toBe(0);
  });

  it('--scan and --bigkeys walk the keyspace', () => {
    const port = String(cluster.port(leader));
    run('redis-cli', '-p', port, 'MSET', 'walk:1', 'a', 'walk:2', 'b');
    const scan = run('redis-cli', '-p', port, '--scan', '--pattern', 'walk:*');
    expect(scan.text.trim().split('\n').sort()).toEqual(['walk:1', 'walk:2']);
    expect(run('redis-cli', '-p', port, '--bigkeys').text).toContain('Biggest string found');
  });
});

describe.skipIf(!isInstalled('redis-benchmark'))('redis-benchmark', () => {
  it.each([['1'], ['16']])('SET and GET, pipeline %s', (pipeline) => {
    const port = String(cluster.port(leader));
    const load = ['-n', '2000', '-c', '20', '-P', pipeline, '-r', '1000', '-d', '100'];
    const { code, text } = run('redis-benchmark', '-p', port, '-t', 'set,get', '--csv', ...load);
    expect(text).not.toMatch(/error/i);
    expect(text).toMatch(/"SET","\d+/);
    expect(text).toMatch(/"GET","\d+/);
    expect(code).toBe(0);
  });
});

it('leaves all nodes with the same state', async () => {
  expect(await cluster.equalDigest()).toMatch(/\S/);
});
