import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { encode, RawClient, startServer, until, type World } from './harness.js';

let world: World;

beforeEach(async () => {
  world = await startServer();
});

afterEach(async () => {
  await world.stop();
});

describe('a client that does not read', () => {
  it('fills no memory: its commands wait', async () => {
    const client = await RawClient.open(world.port);
    const value = 'v'.repeat(100_000);
    expect(await client.ask(encode('SET', 'a', value), 5)).toBe('+OK\r\n');
    world.group.readsAtOnce = true;
    client.socket.pause();
    // 400 MB of replies.
    client.send(encode('GET', 'a').repeat(4000));
    const [connection] = [...world.server.connections.values()];
    await until(() => connection!.outputBytes > 500_000);
    expect(connection!.outputBytes).toBeLessThan(limits.connectionOutputSoftMax + 200_000);
    let bytes = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    client.socket.resume();
    await until(() => bytes === 4000 * (value.length + '$100000\r\n\r\n'.length));
    client.close();
  });

  it('is closed beyond client-output-buffer-limit', async () => {
    world.settings.set('client-output-buffer-limit', 'normal 2000000 0 0');
    world.server.live.refresh();
    const client = await RawClient.open(world.port);
    expect(await client.ask(encode('SET', 'a', 'v'.repeat(1_000_000)), 5)).toBe('+OK\r\n');
    client.socket.pause();
    client.send(encode('GET', 'a').repeat(50));
    await until(() => world.server.connections.size === 0);
    client.close();
  });
});

describe('timeout', () => {
  it('ends idle clients, but none that waits for messages', async () => {
    const open = () => RawClient.open(world.port);
    const [idle, listener, monitor] = [await open(), await open(), await open()];
    await listener.ask(encode('SUBSCRIBE', 'a'), 29);
    await monitor.ask(encode('MONITOR'), 5);
    expect(await idle.ask(encode('CONFIG', 'SET', 'timeout', '60'), 5)).toBe('+OK\r\n');
    for (const connection of world.server.connections.values()) connection.lastActiveMs = 0;
    await idle.rest();
    expect(world.server.connections.size).toBe(2);
    listener.close();
    monitor.close();
  });
});

describe('commands without answers', () => {
  it('are bounded per connection', async () => {
    world.group.held = true;
    const client = await RawClient.open(world.port);
    client.send(encode('SET', 'a', 'b').repeat(limits.connectionPendingMax * 2));
    await until(() => world.group.waitingCount === limits.connectionPendingMax);
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.group.waitingCount).toBe(limits.connectionPendingMax);
    world.group.release();
    await client.take(limits.connectionPendingMax * 2 * 5);
    client.close();
  });

  it('go nowhere when the client is gone', async () => {
    world.group.held = true;
    const client = await RawClient.open(world.port);
    client.send(encode('SET', 'a', 'b').repeat(10));
    await until(() => world.group.waitingCount === 10);
    client.socket.resetAndDestroy();
    await until(() => world.server.connections.size === 0);
    world.group.release();
    await until(() => world.group.writes === 10);
  });
});

describe('connections', () => {
  it('beyond maxclients are told so', async () => {
    world.settings.set('maxclients', '5');
    world.server.live.refresh();
    const clients: RawClient[] = [];
    for (let at = 0; at < 5; at++) {
      const client = await RawClient.open(world.port);
      expect(await client.ask('PING\r\n', 7)).toBe('+PONG\r\n');
      clients.push(client);
    }
    const refused = await RawClient.open(world.port);
    expect(await refused.rest()).toBe('-ERR max number of clients reached\r\n');
    for (const client of clients) client.close();
  });

  it('come and go by the hundred', async () => {
    for (let round = 0; round < 3; round++) {
      const clients = await Promise.all(
        Array.from({ length: 200 }, () => RawClient.open(world.port)),
      );
      const replies = await Promise.all(clients.map((client) => client.ask('INCR n\r\n', 4)));
      expect(replies.every((reply) => reply.startsWith(':'))).toBe(true);
      for (const client of clients) client.close();
    }
    await until(() => world.server.connections.size === 0);
  });

  it('are answered before the server stops', async () => {
    const client = await RawClient.open(world.port);
    world.group.held = true;
    client.send('SET a 1\r\n');
    await until(() => world.group.waitingCount === 1);
    const stopped = world.server.stop(5000);
    world.group.release();
    expect(await client.rest()).toBe('+OK\r\n');
    await stopped;
    world = await startServer();
  });
});
