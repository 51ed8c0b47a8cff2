/** Keyspace notifications: what is told, to whom, and in which order with replies. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readReply } from '../conformance/resp-pipe.js';
import { RawClient, startServer, type World } from './harness.js';

let world: World;
let client: RawClient;

beforeEach(async () => {
  world = await startServer();
  client = await RawClient.open(world.port);
});

afterEach(async () => {
  client.close();
  await world.stop();
});

async function watcher(pattern: string): Promise<RawClient> {
  const opened = await RawClient.open(world.port);
  opened.send(`PSUBSCRIBE ${pattern}\r\nSUBSCRIBE end\r\n`);
  await opened.until(() => opened.received.endsWith(':2\r\n'));
  opened.received = '';
  return opened;
}

/** Runs inline commands, then gives "channel payload" of all that the watcher heard meanwhile. */
async function heard(watching: RawClient, lines: readonly string[]): Promise<string[]> {
  client.send(`${lines.join('\r\n')}\r\nPUBLISH end of\r\n`);
  await watching.until(() => watching.received.endsWith('$3\r\nend\r\n$2\r\nof\r\n'));
  const events: string[] = [];
  for (let at = 0; at < watching.received.length; ) {
    const { reply, end } = readReply(watching.received, at)!;
    const words = reply.elements!.map(({ raw }) => raw.split('\r\n')[1]!);
    if (words[0] === 'pmessage') events.push(words.slice(2).join(' '));
    at = end;
  }
  watching.received = '';
  return events;
}

/** Commands that make ready, and those whose events are told, as "event key" of db 0 or 1. */
const cases: readonly (readonly [string, string, readonly string[]])[] = [
  ['', 'SET a 1', ['new a', 'set a']],
  ['SET a 1', 'SET a 2 EX 10', ['set a', 'expire a']],
  ['SET a 1', 'SET a 2 NX', []],
  ['', 'SETEX a 10 1', ['new a', 'set a', 'expire a']],
  ['', 'MSET a 1 b 2', ['new a', 'set a', 'new b', 'set b']],
  ['SET a 1', 'SET a 2 IFEQ 1', ['set a']],
  ['', 'MSETEX 1 a 1 EX 9', ['new a', 'set a', 'expire a']],
  ['SET a 1', 'GETSET a 2', ['set a']],
  ['SET a 1', 'APPEND a 2', ['append a']],
  ['SET a 1', 'SETRANGE a 2 x', ['setrange a']],
  ['SET a 1', 'INCR a', ['incrby a']],
  ['SET a 1', 'DECRBY a 3', ['incrby a']],
  ['SET a 1', 'INCRBYFLOAT a 3', ['incrbyfloat a']],
  ['SET a 1', 'INCREX a EX 3', ['incrby a', 'expire a']],
  ['SET a 1', 'GETDEL a', ['del a']],
  ['MSET a 1 b 1', 'DEL a none b', ['del a', 'del b']],
  ['SET a 1', 'DELIFEQ a 1', ['del a']],
  ['SET a 1', 'DELEX a IFEQ 1', ['del a']],
  ['SET a 1', 'EXPIRE a 10', ['expire a']],
  ['SET a 1', 'EXPIRE a -1', ['del a']],
  ['SET a 1 EX 10', 'PERSIST a', ['persist a']],
  ['SET a 1 EX 10', 'GETEX a PERSIST', ['persist a']],
  ['SET a 1', 'GETEX a EX 10', ['expire a']],
  ['SET a 1', 'GETEX a PXAT 1', ['del a']],
  ['SET a 1', 'SETBIT a 1 1', ['setbit a']],
  ['SET a 1', 'SETBIT a 1 0', []],
  ['SET a 1', 'BITFIELD a SET u8 0 1 GET u8 0', ['setbit a']],
  ['SET a 1', 'BITOP NOT b a', ['new b', 'set b']],
  ['SET b 1', 'BITOP NOT b none', ['keymiss none', 'del b']],
  ['SET a 1', 'RENAME a b', ['new b', 'rename_from a', 'rename_to b']],
  ['MSET a 1 b 1', 'RENAME a b', ['new b', 'rename_from a', 'rename_to b']],
  ['SET a 1', 'COPY a b DB 1', ['1 new b', '1 copy_to b']],
  ['SET a 1', 'MOVE a 1', ['1 new a', 'move_from a', '1 move_to a']],
  ['SET a 1', 'FLUSHALL', []],
  ['', 'GET a', ['keymiss a']],
  ['', 'EXISTS a', ['keymiss a']],
  ['', 'MGET a b', ['keymiss a', 'keymiss b']],
];

describe('notify-keyspace-events', () => {
  it.each(cases)('after "%s": %s', async (before, command, events) => {
    const watching = await watcher('__keyevent*');
    const ready = before === '' ? [] : [before];
    await heard(watching, ['CONFIG SET notify-keyspace-events Eg$xnm', ...ready]);
    const expected = events.map((event) => {
      const [database, name, key] = / .* /.test(event)
        ? event.split(' ')
        : ['0', ...event.split(' ')];
      return `__keyevent@${database}__:${name} ${key}`;
    });
    expect(await heard(watching, [command])).toEqual(expected);
    watching.close();
  });

  it('tells the classes and channels that are asked for, and only them', async () => {
    const watching = await watcher('__key*');
    expect(await heard(watching, ['SET a 1', 'DEL a'])).toEqual([]);
    const setting = 'CONFIG SET notify-keyspace-events';
    expect(await heard(watching, [`${setting} KA`, 'SET a 1', 'DEL a'])).toEqual([
      '__keyspace@0__:a set',
      '__keyspace@0__:a del',
    ]);
    expect(await heard(watching, [`${setting} E$`, 'SET a 1', 'DEL a'])).toEqual([
      '__keyevent@0__:set a',
    ]);
    expect(await heard(watching, [`${setting} g$`, 'SET a 1', 'DEL a'])).toEqual([]);
    expect(await heard(watching, [`${setting} ""`, 'SET a 1', 'DEL a'])).toEqual([]);
    watching.close();
  });

  it('a key that expired is told when it goes', async () => {
    const watching = await watcher('__keyevent*');
    const setting = 'CONFIG SET notify-keyspace-events Ex';
    expect(await heard(watching, [setting, 'SET a 1 PXAT 1'])).toEqual([
      '__keyevent@0__:expired a',
    ]);
    client.send('SET b 1 PX 1\r\n');
    while (!watching.received.includes('expired')) await client.ask('SET c 1\r\n', 5);
    watching.close();
  });

  it('no message falls into a reply of the client that hears of its own commands', async () => {
    client.send('HELLO 3\r\nCONFIG SET notify-keyspace-events KEAm\r\nPSUBSCRIBE __key*\r\n');
    await client.until(() => client.received.endsWith(':1\r\n'));
    client.received = '';
    client.send('MULTI\r\nSET a 1\r\nMGET a b\r\nDEL a\r\nEXEC\r\nMGET x y\r\nPING end\r\n');
    await client.until(() => client.received.includes('$3\r\nend\r\n'));
    const kinds: string[] = [];
    for (let at = 0; at < client.received.length; ) {
      const { reply, end } = readReply(client.received, at)!;
      const words = reply.raw.split('\r\n');
      kinds.push(reply.raw.startsWith('>') ? `${words[6]} ${words[8]}` : words[0]!);
      at = end;
    }
    const both = (event: string, key: string) => [
      `__keyspace@0__:${key} ${event}`,
      `__keyevent@0__:${event} ${key}`,
    ];
    expect(kinds).toEqual([
      ...['+OK', '+QUEUED', '+QUEUED', '+QUEUED', '*3'],
      ...both('set', 'a'),
      ...both('keymiss', 'b'),
      ...both('del', 'a'),
      '*2',
      ...both('keymiss', 'x'),
      ...both('keymiss', 'y'),
      '$3',
    ]);
  });

  it('goes on beside tracking, and tracking beside it', async () => {
    const watching = await watcher('__keyevent*');
    const tracking = await RawClient.open(world.port);
    tracking.send('HELLO 3\r\nCLIENT TRACKING ON\r\nGET a\r\n');
    await tracking.until(() => tracking.received.endsWith('+OK\r\n_\r\n'));
    const events = await heard(watching, ['CONFIG SET notify-keyspace-events E$', 'SET a 1']);
    expect(events).toEqual(['__keyevent@0__:set a']);
    await tracking.until(() => tracking.received.includes('invalidate'));
    tracking.close();
    expect(await heard(watching, ['SET a 2'])).toEqual(['__keyevent@0__:set a']);
    watching.close();
  });
});
