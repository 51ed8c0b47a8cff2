/** What clients do to each other: KILL, PAUSE, REPLY, UNBLOCK, MONITOR, NO-TOUCH. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encode, RawClient, startServer, until, type World } from './harness.js';

let world: World;
let one: RawClient;
let two: RawClient;

/** The reply to one command, up to its only or last line end. */
async function ask(client: RawClient, ...words: string[]): Promise<string> {
  client.send(encode(...words));
  await client.until(() => client.received.endsWith('\r\n'));
  const reply = client.received;
  client.received = '';
  return reply;
}

const idOf = async (client: RawClient) => (await ask(client, 'CLIENT', 'ID')).slice(1, -2);

beforeEach(async () => {
  world = await startServer();
  one = await RawClient.open(world.port);
  two = await RawClient.open(world.port);
});

afterEach(async () => {
  one.close();
  two.close();
  await world.stop();
});

describe('CLIENT KILL', () => {
  it('closes by id and spares the one that asks', async () => {
    const id = await idOf(two);
    expect(await ask(one, 'CLIENT', 'KILL', 'ID', id)).toBe(':1\r\n');
    expect(await two.rest()).toBe('');
    expect(await ask(one, 'CLIENT', 'KILL', 'ID', id)).toBe(':0\r\n');
    expect(await ask(one, 'CLIENT', 'KILL', 'TYPE', 'normal')).toBe(':0\r\n');
  });

  it('closes by address in the old form, and itself behind its reply', async () => {
    await idOf(two);
    const { localPort } = two.socket;
    expect(await ask(one, 'CLIENT', 'KILL', `127.0.0.1:${localPort}`)).toBe('+OK\r\n');
    expect(await two.rest()).toBe('');
    one.send(encode('CLIENT', 'KILL', 'SKIPME', 'no', 'LADDR', `127.0.0.1:${world.port}`));
    expect(await one.rest()).toBe(':1\r\n');
  });

  it('combines filters', async () => {
    const id = await idOf(two);
    const kill = (...more: string[]) => ask(one, 'CLIENT', 'KILL', 'ID', id, ...more);
    expect(await kill('TYPE', 'pubsub')).toBe(':0\r\n');
    expect(await kill('MAXAGE', '1000')).toBe(':0\r\n');
    expect(await kill('USER', 'nobody')).toBe("-ERR No such user 'nobody'\r\n");
    expect(await kill('USER', 'default', 'TYPE', 'NORMAL')).toBe(':1\r\n');
  });

  it('USER closes the clients of that user only', async () => {
    await ask(one, 'ACL', 'SETUSER', 'bob', 'on', '>pw', '+@all');
    await ask(two, 'AUTH', 'bob', 'pw');
    expect(await ask(one, 'CLIENT', 'KILL', 'USER', 'default', 'SKIPME', 'yes')).toBe(':0\r\n');
    expect(await ask(one, 'CLIENT', 'KILL', 'USER', 'bob')).toBe(':1\r\n');
    expect(await two.rest()).toBe('');
  });
});

describe('CLIENT PAUSE', () => {
  const paused = () => [...world.server.connections.values()].some((c) => c.stall === 'wait');

  it('WRITE holds writes and lets reads pass', async () => {
    await ask(one, 'SET', 'a', '1');
    expect(await ask(one, 'CLIENT', 'PAUSE', '100000', 'WRITE')).toBe('+OK\r\n');
    two.send(encode('SET', 'a', '2'));
    await until(paused);
    expect(await ask(one, 'GET', 'a')).toBe('$1\r\n1\r\n');
    expect(await ask(one, 'INFO', 'clients')).toMatch(
      /blocked_clients:1\r\n[\s\S]*paused_actions:write/,
    );
    expect(await ask(one, 'CLIENT', 'UNPAUSE')).toBe('+OK\r\n');
    expect(await two.take(5)).toBe('+OK\r\n');
    expect(await ask(one, 'GET', 'a')).toBe('$1\r\n2\r\n');
  });

  it('WRITE holds EXEC of a transaction that writes', async () => {
    expect(await two.ask('MULTI\r\nSET a 3\r\n', 14)).toBe('+OK\r\n+QUEUED\r\n');
    await ask(one, 'CLIENT', 'PAUSE', '100000', 'WRITE');
    two.send('EXEC\r\n');
    await until(paused);
    await ask(one, 'CLIENT', 'UNPAUSE');
    expect(await two.take(9)).toBe('*1\r\n+OK\r\n');
  });

  it('ALL holds everything until its time is over', async () => {
    await ask(one, 'CLIENT', 'PAUSE', '3000');
    two.send('PING\r\n');
    await until(paused);
    expect(await two.take(7)).toBe('+PONG\r\n');
  });

  it('keeps the longer and the stricter of two', async () => {
    await ask(one, 'CLIENT', 'PAUSE', '100000', 'ALL');
    two.send('PING\r\n');
    await until(paused);
    // All commands of `one` wait too, but for the end.
    expect(await ask(one, 'CLIENT', 'UNPAUSE')).toBe('+OK\r\n');
    expect(await two.take(7)).toBe('+PONG\r\n');
  });
});

describe('CLIENT REPLY', () => {
  it('OFF gives nothing until ON', async () => {
    one.send(
      'CLIENT REPLY OFF\r\nSET a 1\r\nPING\r\nGET a\r\nNOSUCH\r\nCLIENT REPLY ON\r\nGET a\r\n',
    );
    expect(await one.take(12)).toBe('+OK\r\n$1\r\n1\r\n');
  });

  it.each(['SET a 1', 'PING', 'NOSUCH', 'GET'])(
    'SKIP leaves out the reply to %s only',
    async (command) => {
      one.send(`CLIENT REPLY SKIP\r\n${command}\r\nPING\r\nSET a 2\r\nGET a\r\n`);
      expect(await one.take(19)).toBe('+PONG\r\n+OK\r\n$1\r\n2\r\n');
    },
  );

  it('OFF still lets pushes through', async () => {
    await ask(one, 'SUBSCRIBE', 'c');
    one.send('RESET\r\nHELLO 3\r\n');
    await one.until(() => one.received.includes('modules'));
    await ask(one, 'SUBSCRIBE', 'c');
    one.send('CLIENT REPLY OFF\r\n');
    const [connection] = [...world.server.connections.values()];
    await until(() => connection!.repliesOff);
    await ask(two, 'PUBLISH', 'c', 'hello');
    await one.until(() => one.received.includes('hello'));
  });
});

describe('CLIENT UNBLOCK', () => {
  it.each([
    ['TIMEOUT', ':2\r\n'],
    ['ERROR', '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'],
  ])('ends WAIT by %s', async (reason, reply) => {
    const id = await idOf(two);
    expect(await ask(one, 'CLIENT', 'UNBLOCK', id)).toBe(':0\r\n');
    two.send('WAIT 5 0\r\n');
    const connection = world.server.connections.get(Number(id))!;
    await until(() => connection.session.blocked !== null);
    expect(await ask(one, 'CLIENT', 'LIST', 'ID', id)).toMatch(/ flags=b /);
    expect(await ask(one, 'CLIENT', 'UNBLOCK', id, reason)).toBe(':1\r\n');
    expect(await two.take(reply.length)).toBe(reply);
  });

  it('the end of leadership ends WAIT: nobody knows any more what replicas hold', async () => {
    two.send('WAIT 5 0\r\n');
    await until(() => [...world.server.connections.values()].some((c) => c.session.blocked));
    world.group.isLeader = false;
    const reply = '-UNBLOCKED force unblock from blocking operation';
    expect(await two.take(reply.length)).toBe(reply);
  });

  it('WAITAOF counts disks', async () => {
    expect(await ask(one, 'WAITAOF', '1', '2', '0')).toBe('*2\r\n:1\r\n:2\r\n');
    expect(await ask(one, 'WAITAOF', '2', '2', '0')).toMatch(/^-ERR value is out of range/);
  });
});

describe('MONITOR', () => {
  const line = /^\+\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] (.*)$/;
  const shown = () =>
    one.received
      .split('\r\n')
      .map((text) => line.exec(text)?.[1])
      .filter((text) => text !== undefined);

  it('shows commands in their order, without passwords', async () => {
    expect(await ask(one, 'MONITOR')).toBe('+OK\r\n');
    await ask(two, 'SET', 'a', 'x"\\\n\u0001');
    await ask(two, 'AUTH', 'secret');
    await ask(two, 'HELLO', '2', 'AUTH', 'default', 'secret', 'SETNAME', 'n');
    await ask(two, 'CONFIG', 'SET', 'requirepass', '');
    await ask(two, 'NOSUCH', 'secret');
    expect(await two.ask('MULTI\r\nINCR n\r\nEXEC\r\n', 22)).toMatch(/:1\r\n$/);
    await one.until(() => shown().length === 6);
    expect(shown()).toEqual([
      String.raw`"SET" "a" "x\"\\\n\x01"`,
      '"AUTH" "(redacted)"',
      '"HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "n"',
      '"MULTI"',
      '"INCR" "n"',
      '"exec"',
    ]);
  });

  it('ends with RESET', async () => {
    await ask(one, 'MONITOR');
    expect(await ask(two, 'CLIENT', 'LIST')).toMatch(/ flags=O /);
    one.send('RESET\r\n');
    await one.until(() => one.received.endsWith('+RESET\r\n'));
    one.received = '';
    await ask(two, 'PING');
    expect(await ask(one, 'PING')).toBe('+PONG\r\n');
  });

  it('closes a monitor that does not read', async () => {
    world.settings.set('client-output-buffer-limit', 'pubsub 100000 0 0');
    world.server.live.refresh();
    await ask(one, 'MONITOR');
    one.socket.pause();
    const big = 'v'.repeat(60_000);
    await until(() => {
      two.send(encode('ECHO', big));
      return world.server.connections.size === 1;
    });
  });
});

describe('CLIENT NO-TOUCH', () => {
  it('reads count as no use, but for TOUCH', async () => {
    const used: number[] = [];
    world.group.machine.onTouch = (slot) => used.push(slot);
    await ask(one, 'SET', 'a', '1');
    await ask(one, 'CLIENT', 'NO-TOUCH', 'ON');
    await ask(one, 'GET', 'a');
    expect(used).toHaveLength(0);
    await ask(one, 'TOUCH', 'a');
    expect(used).toHaveLength(1);
    await ask(one, 'CLIENT', 'NO-TOUCH', 'OFF');
    await ask(one, 'GET', 'a');
    expect(used).toHaveLength(2);
  });
});
