/** Stock clients over a real socket. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startServer, type World } from './harness.js';

let world: World;

beforeEach(async () => {
  world = await startServer();
});

afterEach(async () => {
  await world.stop();
});

describe('ioredis', () => {
  let redis: Redis;
  beforeEach(() => {
    redis = new Redis({ port: world.port, host: '127.0.0.1' });
  });
  afterEach(() => {
    redis.disconnect();
  });

  it('sets, gets and pipelines', async () => {
    expect(await redis.set('a', 'ä')).toBe('OK');
    expect(await redis.get('a')).toBe('ä');
    const pipeline = redis.pipeline();
    for (let at = 0; at < 1000; at++) pipeline.incr('n');
    const replies = await pipeline.exec();
    expect(replies?.map(([, reply]) => reply)).toEqual(
      Array.from({ length: 1000 }, (_, at) => at + 1),
    );
  });

  it('runs transactions', async () => {
    await redis.watch('n');
    expect(await redis.multi().set('n', 1).incr('n').get('n').exec()).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, '2'],
    ]);
  });

  it('moves values of 10 MB', async () => {
    const value = Buffer.alloc(10 * 1024 * 1024, 'x');
    await redis.set('large', value);
    const back = await redis.getBuffer('large');
    expect(back?.equals(value)).toBe(true);
  });
});

describe('node-redis', () => {
  it.each([2, 3] as const)('works with RESP%d', async (RESP) => {
    const redis = createClient({ url: `redis://127.0.0.1:${world.port}`, RESP });
    await redis.connect();
    expect(await redis.set('a', '1')).toBe('OK');
    expect(await redis.get('a')).toBe('1');
    expect(await redis.multi().incr('a').get('a').exec()).toEqual([2, '2']);
    expect(await redis.configGet('maxclients')).toEqual({ maxclients: '10000' });
    expect((await redis.info('server')).includes('redis_version:7.2.4')).toBe(true);
    expect(await redis.clientGetName()).toBeNull();
    const commands = await redis.commandInfo(['get', 'config']);
    expect(commands.map((command) => command?.name)).toEqual(['get', 'config']);
    redis.destroy();
  });

  it('gives the right password', async () => {
    expect(world.settings.set('requirepass', 'secret')).toBeNull();
    world.server.live.refresh();
    const open = (password: string) =>
      createClient({
        url: `redis://127.0.0.1:${world.port}`,
        password,
        socket: { reconnectStrategy: false },
      }).on('error', () => {});
    const wrong = open('wrong');
    await expect(wrong.connect()).rejects.toThrow('WRONGPASS');
    const right = open('secret');
    await right.connect();
    expect(await right.ping()).toBe('PONG');
    right.destroy();
  });
});

describe('redis-cli', async () => {
  const run = promisify(execFile);
  const installed = await run('redis-cli', ['--version']).then(
    () => true,
    () => false,
  );
  it.runIf(installed)('understands the replies', async () => {
    const cli = async (...args: string[]) =>
      (await run('redis-cli', ['-p', String(world.port), ...args])).stdout.trim();
    expect(await cli('set', 'a', '1')).toBe('OK');
    expect(await cli('-3', 'hello', '3')).toContain('mode');
    expect(await cli('command', 'docs', 'set', 'config')).toContain('keepttl');
    expect(Number(await cli('command', 'count'))).toBeGreaterThan(50);
    expect(await cli('cluster', 'info')).toContain('cluster_state:ok');
    expect(await cli('-c', 'get', 'a')).toBe('1');
  });
});
