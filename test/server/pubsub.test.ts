import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encode, RawClient, startServer, type World } from './harness.js';

let world: World;
const clients: RawClient[] = [];
beforeEach(async () => {
  world = await startServer();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await world.stop();
});

async function open(): Promise<RawClient> {
  const client = await RawClient.open(world.port);
  clients.push(client);
  return client;
}

/** Sends and expects exactly this. */
async function talk(client: RawClient, words: string[], reply: string): Promise<void> {
  client.send(encode(...words));
  expect(await client.take(reply.length)).toBe(reply);
}

/** `@3` for an array or push of 3, `hi` for a bulk string, `:1` for an integer, `~` for null. */
function resp(text: string, push = '*'): string {
  return text
    .split(' ')
    .map((word) => {
      if (word.startsWith('@')) return `${push}${word.slice(1)}\r\n`;
      if (word.startsWith(':')) return `${word}\r\n`;
      if (word === '~') return push === '*' ? '$-1\r\n' : '_\r\n';
      return `$${word.length}\r\n${word}\r\n`;
    })
    .join('');
}

describe('publish and subscribe', () => {
  it('CLIENT REPLY silences replies, but no confirmation and no message', async () => {
    const [listener, speaker] = [await open(), await open()];
    listener.send(encode('CLIENT', 'REPLY', 'OFF') + encode('PING'));
    await talk(listener, ['SUBSCRIBE', 'a'], resp('@3 subscribe a :1'));
    await talk(speaker, ['PUBLISH', 'a', 'hi'], ':1\r\n');
    await talk(listener, ['UNSUBSCRIBE', 'a'], resp('@3 message a hi @3 unsubscribe a :0'));
    listener.send(encode('CLIENT', 'REPLY', 'ON') + encode('CLIENT', 'REPLY', 'SKIP'));
    await talk(listener, ['SUBSCRIBE', 'b'], `+OK\r\n${resp('@3 subscribe b :1')}`);
  });

  it('counts subscriptions as Redis does and delivers to channels and patterns', async () => {
    const [listener, speaker] = [await open(), await open()];
    await talk(listener, ['SUBSCRIBE', 'a', 'b'], resp('@3 subscribe a :1 @3 subscribe b :2'));
    await talk(listener, ['PSUBSCRIBE', 'a*'], resp('@3 psubscribe a* :3'));
    await talk(listener, ['SSUBSCRIBE', 's'], resp('@3 ssubscribe s :1'));
    await talk(speaker, ['PUBLISH', 'a', 'hi'], ':2\r\n');
    const messages = resp('@3 message a hi @4 pmessage a* a hi');
    expect(await listener.take(messages.length)).toBe(messages);
    await talk(speaker, ['SPUBLISH', 's', 'yo'], ':1\r\n');
    const shard = resp('@3 smessage s yo');
    expect(await listener.take(shard.length)).toBe(shard);
    await talk(speaker, ['PUBLISH', 'nobody', 'hi'], ':0\r\n');
    expect(world.broadcasts.map(({ kind, channel }) => `${kind} ${channel}`)).toEqual([
      'channel a',
      'shard s',
      'channel nobody',
    ]);
  });

  it('hears what other nodes publish', async () => {
    const listener = await open();
    await talk(listener, ['SUBSCRIBE', 'a'], resp('@3 subscribe a :1'));
    world.server.pubsub.deliver({ kind: 'channel', channel: 'a', payload: Buffer.from('far') });
    const message = resp('@3 message a far');
    expect(await listener.take(message.length)).toBe(message);
  });

  it('leaves one channel, or all; a closed or reset client is forgotten', async () => {
    const [listener, speaker] = [await open(), await open()];
    await talk(listener, ['UNSUBSCRIBE'], resp('@3 unsubscribe ~ :0'));
    await talk(listener, ['SUBSCRIBE', 'a', 'b'], resp('@3 subscribe a :1 @3 subscribe b :2'));
    await talk(listener, ['UNSUBSCRIBE', 'a'], resp('@3 unsubscribe a :1'));
    await talk(speaker, ['PUBLISH', 'a', 'hi'], ':0\r\n');
    await talk(listener, ['UNSUBSCRIBE'], resp('@3 unsubscribe b :0'));
    await talk(listener, ['PSUBSCRIBE', 'x'], resp('@3 psubscribe x :1'));
    await talk(listener, ['RESET'], '+RESET\r\n');
    await talk(speaker, ['PUBSUB', 'NUMPAT'], ':0\r\n');
    await talk(listener, ['SUBSCRIBE', 'c'], resp('@3 subscribe c :1'));
    listener.close();
    while (world.server.connections.size > 1) await new Promise((r) => setImmediate(r));
    await talk(speaker, ['PUBSUB', 'CHANNELS'], '*0\r\n');
  });

  it('RESP2 allows a listener few commands, RESP3 all', async () => {
    const listener = await open();
    await talk(listener, ['SUBSCRIBE', 'a'], resp('@3 subscribe a :1'));
    const refused =
      "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET " +
      'are allowed in this context\r\n';
    await talk(listener, ['GET', 'k'], refused);
    await talk(listener, ['PING'], resp('@2 pong ').replace('$0', '$0'));
    await talk(listener, ['PING', 'hi'], resp('@2 pong hi'));
    const modern = await open();
    modern.send(encode('HELLO', '3'));
    await modern.until(() => modern.received.includes('modules\r\n*0\r\n'));
    modern.received = '';
    await talk(modern, ['SUBSCRIBE', 'a'], resp('@3 subscribe a :1', '>'));
    await talk(modern, ['SET', 'k', 'v'], '+OK\r\n');
    await talk(modern, ['PUBLISH', 'a', 'me'], `${resp('@3 message a me', '>')}:2\r\n`);
  });

  it('answers PUBSUB', async () => {
    const [listener, asker] = [await open(), await open()];
    await talk(listener, ['SUBSCRIBE', 'a1', 'b1'], resp('@3 subscribe a1 :1 @3 subscribe b1 :2'));
    await talk(listener, ['SSUBSCRIBE', 's1'], resp('@3 ssubscribe s1 :1'));
    await talk(asker, ['PUBSUB', 'CHANNELS', 'a*'], resp('@1 a1'));
    await talk(asker, ['PUBSUB', 'NUMSUB', 'a1', 'no'], resp('@4 a1 :1 no :0'));
    await talk(asker, ['PUBSUB', 'SHARDCHANNELS'], resp('@1 s1'));
    await talk(asker, ['PUBSUB', 'SHARDNUMSUB', 's1'], resp('@2 s1 :1'));
    await talk(asker, ['PUBSUB', 'NUMPAT'], ':0\r\n');
    asker.send(encode('CLIENT', 'LIST', 'TYPE', 'pubsub'));
    await asker.until(() => asker.received.includes('sub=2 psub=0 ssub=1'));
    expect(asker.received).toContain('flags=P ');
  });

  it('gives messages between replies, also while commands are pending', async () => {
    const client = await open();
    client.send(encode('HELLO', '3'));
    await client.until(() => client.received.includes('modules\r\n*0\r\n'));
    client.received = '';
    await talk(client, ['SUBSCRIBE', 'a'], resp('@3 subscribe a :1', '>'));
    world.group.held = true;
    client.send(encode('SET', 'k', 'v') + encode('GET', 'k'));
    while (world.group.waitingCount < 2) await new Promise((r) => setImmediate(r));
    world.server.pubsub.deliver({ kind: 'channel', channel: 'a', payload: Buffer.from('x') });
    const message = resp('@3 message a x', '>');
    expect(await client.take(message.length)).toBe(message);
    world.group.release();
    expect(await client.take(12)).toBe('+OK\r\n$1\r\nv\r\n');
  });

  it('gives a message to its own sender beside the reply of its transaction', async () => {
    const client = await open();
    client.send(encode('HELLO', '3'));
    await client.until(() => client.received.includes('modules\r\n*0\r\n'));
    client.received = '';
    await talk(client, ['SUBSCRIBE', 'a'], resp('@3 subscribe a :1', '>'));
    client.send(encode('MULTI') + encode('PUBLISH', 'a', 'x') + encode('EXEC'));
    const message = resp('@3 message a x', '>');
    const expected = `+OK\r\n+QUEUED\r\n${message}*1\r\n:1\r\n`;
    expect(await client.take(expected.length)).toBe(expected);
  });

  it('closes a listener that does not read, at the hard and after the soft limit', async () => {
    for (const limit of ['pubsub 1mb 0 0', 'pubsub 0 64kb 1']) {
      const [listener, speaker] = [await open(), await open()];
      await talk(speaker, ['CONFIG', 'SET', 'client-output-buffer-limit', limit], '+OK\r\n');
      await talk(listener, ['SUBSCRIBE', 'a'], resp('@3 subscribe a :1'));
      listener.socket.pause();
      const payload = Buffer.alloc(1024 * 1024);
      for (let at = 0; at < 20; at++) {
        world.server.pubsub.deliver({ kind: 'channel', channel: 'a', payload });
        await new Promise((resolve) => setImmediate(resolve));
      }
      while (world.server.pubsub.hasListeners) await new Promise((r) => setTimeout(r, 5));
    }
  });

  it('tells Sentinel clients of a new leader', async () => {
    const listener = await open();
    world.group.changed();
    await talk(listener, ['PSUBSCRIBE', '+*'], resp('@3 psubscribe +* :1'));
    world.group.isLeader = false;
    world.group.leaderPort = 7002;
    world.group.changed();
    world.group.changed();
    const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
    const expected = [
      ['+switch-master', 'tgcache 127.0.0.1 7001 127.0.0.1 7002'],
      ['+slave', 'slave 127.0.0.1:7001 127.0.0.1 7001 @ tgcache 127.0.0.1 7002'],
      ['+slave', 'slave 127.0.0.1:7003 127.0.0.1 7003 @ tgcache 127.0.0.1 7002'],
    ].map(([channel, text]) => `${resp(`@4 pmessage +* ${channel}`)}${bulk(text!)}`);
    expect(await listener.take(expected.join('').length)).toBe(expected.join(''));
  });
});
