import { spawnSync } from 'node:child_process';
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isInstalled, TestCluster, type TestNode } from './harness.js';

let cluster: TestCluster;
let leader: TestNode;
let follower: TestNode;

beforeAll(async () => {
  cluster = await TestCluster.start(3);
  leader = await cluster.leader();
  follower = (await cluster.followers())[0]!;
});
afterAll(async () => {
  await cluster.stop();
});

function run(program: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

const nodes = () => cluster.nodes.map((node) => ({ host: '127.0.0.1', port: node.port }));
const hasTools = isInstalled('redis-cli') && isInstalled('redis-benchmark');

describe('ioredis', () => {
  for (const protocol of [2, 3] as const) {
    it(`plain, against the leader, RESP${protocol}`, async () => {
      const client = new Redis(leader.port, '127.0.0.1', { protocol } as object);
      expect(await client.set('io', 'x', 'EX', 100)).toBe('OK');
      expect(await client.get('io')).toBe('x');
      expect(await client.ttl('io')).toBe(100);
      const results = await client.multi().incr('n').incr('n').get('io').exec();
      expect(results?.map(([, value]) => value).at(-1)).toBe('x');
      const pipeline = client.pipeline();
      for (let at = 0; at < 1000; at++) pipeline.set(`p:${at}`, at).get(`p:${at}`);
      const replies = await pipeline.exec();
      expect(replies?.every(([error]) => error === null)).toBe(true);
      expect(replies?.[1999]?.[1]).toBe('999');
      client.disconnect();
    });
  }

  it('Cluster with reads on followers', async () => {
    const client = new Cluster(nodes(), { scaleReads: 'slave' });
    expect(await client.set('cluster', 'yes')).toBe('OK');
    await expect.poll(() => client.get('cluster'), { timeout: 5000 }).toBe('yes');
    expect(await client.mset('a{1}', 1, 'b{1}', 2)).toBe('OK');
    client.disconnect();
  });
});

describe('node-redis', () => {
  for (const RESP of [2, 3] as const) {
    it(`createClient, RESP${RESP}`, async () => {
      const client = createClient({ RESP, socket: { host: '127.0.0.1', port: leader.port } });
      client.on('error', () => {});
      await client.connect();
      expect(await client.set('nr', 'x', { PX: 60_000 })).toBe('OK');
      expect(await client.get('nr')).toBe('x');
      expect(await client.incrBy(`nr:${RESP}`, 5)).toBe(5);
      const found: string[] = [];
      for await (const keys of client.scanIterator({ MATCH: 'nr*' })) found.push(...keys);
      expect(found).toEqual(expect.arrayContaining(['nr', `nr:${RESP}`]));
      await client.watch('nr');
      await client.set('nr', 'changed');
      await expect(client.multi().set('nr', 'lost').exec()).rejects.toThrow();
      client.destroy();
    });
  }

  it('createCluster', async () => {
    const rootNodes = nodes().map(({ host, port }) => ({ socket: { host, port } }));
    const client = createCluster({ rootNodes, useReplicas: true });
    client.on('error', () => {});
    await client.connect();
    expect(await client.set('nrc', 'x')).toBe('OK');
    await expect.poll(() => client.get('nrc'), { timeout: 5000 }).toBe('x');
    client.destroy();
  });
});

describe.skipIf(!hasTools)('Redis tools (skipped without redis-cli and redis-benchmark)', () => {
  it('redis-cli -c on a follower writes and reads', () => {
    const port = String(follower.port);
    expect(run('redis-cli', '-c', '-p', port, 'SET', 'cli', 'yes').output).toBe('OK\n');
    expect(run('redis-cli', '-c', '-p', port, 'GET', 'cli').output).toBe('yes\n');
    expect(run('redis-cli', '-3', '-c', '-p', port, 'GET', 'cli').output).toBe('yes\n');
  });

  it('redis-cli --cluster check finds nothing wrong', () => {
    const { status, output } = run('redis-cli', '--cluster', 'check', `127.0.0.1:${follower.port}`);
    expect(output).toContain('All 16384 slots covered');
    expect(output).toContain('All nodes agree about slots configuration');
    expect(status).toBe(0);
  });

  it('redis-benchmark runs clean', () => {
    const { status, output } = run(
      'redis-benchmark',
      '-p',
      String(leader.port),
      '-t',
      'set,get,incr,mset',
      '-n',
      '2000',
      '-c',
      '10',
      '-P',
      '4',
      '-q',
    );
    expect(output).not.toMatch(/error/i);
    expect(status).toBe(0);
  });
});

describe('followers', () => {
  it('redirect writes and plain reads, and serve reads after READONLY', async () => {
    await leader.ask('SET', 'where', 'here');
    const client = new Redis(follower.port, '127.0.0.1');
    await expect(client.set('where', 'there')).rejects.toThrow(`MOVED`);
    await expect(client.get('where')).rejects.toThrow(`127.0.0.1:${leader.port}`);
    await client.readonly();
    await expect.poll(() => client.get('where')).toBe('here');
    client.disconnect();
  });
});
