import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encode, RawClient, startServer, until, type World } from './harness.js';

let world: World;
let client: RawClient;

beforeEach(async () => {
  world = await startServer({ 'election-timeout-ms': '100', 'heartbeat-interval-ms': '20' });
  client = await RawClient.open(world.port);
});

afterEach(async () => {
  client.close();
  await world.stop();
});

/** Sends lines in one go and expects exactly this, in this order. */
async function expectReplies(lines: readonly string[], replies: readonly string[]): Promise<void> {
  const expected = replies.map((reply) => `${reply}\r\n`).join('');
  expect(await client.ask(`${lines.join('\r\n')}\r\n`, expected.length)).toBe(expected);
}

describe('a pipeline', () => {
  it('requirement 36: is answered in its order, whoever answers', async () => {
    await expectReplies(
      ['SET a 1', 'PING', 'nope x', 'GET a', 'ECHO hi', 'SET a', 'CLIENT GETNAME', 'GET a', 'PING'],
      [
        '+OK',
        '+PONG',
        "-ERR unknown command 'nope', with args beginning with: 'x' ",
        '$1\r\n1',
        '$2\r\nhi',
        "-ERR wrong number of arguments for 'set' command",
        '$-1',
        '$1\r\n1',
        '+PONG',
      ],
    );
  });

  it('sees what a local command changed before', async () => {
    await expectReplies(
      ['SET a 1', 'CLIENT SETNAME me', 'GET a', 'CLIENT GETNAME', 'RESET', 'CLIENT GETNAME'],
      ['+OK', '+OK', '$1\r\n1', '$2\r\nme', '+RESET', '$-1'],
    );
  });

  it('of thousands of commands is answered whole', async () => {
    const count = 20_001;
    const lines = Array.from(
      { length: count },
      (_, at) => encode('INCR', 'n') + (at % 7 ? '' : encode('PING')),
    );
    client.send(lines.join(''));
    await client.until(() => client.received.endsWith(`:${count}\r\n`));
    expect(client.received.split('+PONG').length - 1).toBe(Math.ceil(count / 7));
  });

  it('is answered although the client ends its side', async () => {
    client.send('SET a 1\r\nGET a\r\n');
    client.socket.end();
    expect(await client.rest()).toBe('+OK\r\n$1\r\n1\r\n');
  });

  it('ends with QUIT', async () => {
    client.send('SET a 1\r\nQUIT\r\nSET a 2\r\n');
    expect(await client.rest()).toBe('+OK\r\n+OK\r\n');
    expect(world.group.writes).toBe(1);
  });
});

describe('bad input', () => {
  it('is answered behind what came before, then the connection ends', async () => {
    client.send('SET a 1\r\nPING\r\n*x\r\n');
    expect(await client.rest()).toBe(
      '+OK\r\n+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n',
    );
  });

  it('of HTTP is closed without an answer', async () => {
    client.send('POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a b\r\n');
    expect(await client.rest()).toBe('');
    expect(world.group.writes).toBe(0);
  });

  it.each([
    ['client', "-ERR wrong number of arguments for 'client' command"],
    ['client foo', "-ERR unknown subcommand 'foo'. Try CLIENT HELP."],
    ['client id x', "-ERR wrong number of arguments for 'client|id' command"],
    ['select 16', '-ERR DB index is out of range'],
    ['select x', '-ERR value is not an integer or out of range'],
    ['hello 4', '-NOPROTO unsupported protocol version'],
    ['exec', '-ERR EXEC without MULTI'],
    ['discard', '-ERR DISCARD without MULTI'],
    ['config set nope 1', "-ERR Unknown option or number of arguments for CONFIG SET - 'nope'"],
    ['command getkeys ping', '-ERR The command has no key arguments'],
  ])('%s', async (line, reply) => {
    await expectReplies([line], [reply]);
  });
});

describe('refusals', () => {
  it('requirement 35: name the leader with the slot of the key', async () => {
    world.group.refusal = 'not-leader';
    world.group.isLeader = false;
    world.group.leaderPort = 7002;
    await expectReplies(
      ['SET foo 1', 'GET {user}.x', 'DBSIZE', 'PING'],
      [
        '-MOVED 12182 127.0.0.1:7002',
        '-MOVED 5474 127.0.0.1:7002',
        '-MOVED 0 127.0.0.1:7002',
        '+PONG',
      ],
    );
  });

  it('let READONLY connections read', async () => {
    world.group.refusal = 'not-leader';
    await expectReplies(
      ['READONLY', 'GET a', 'READWRITE', 'GET a'],
      ['+OK', '$-1', '+OK', '-MOVED 15495 127.0.0.1:7001'],
    );
  });

  it.each([
    ['loading', '-LOADING tgcache is loading the dataset in memory'],
    ['out-of-memory', "-OOM command not allowed when used memory > 'maxmemory'."],
  ] as const)('%s', async (refusal, reply) => {
    world.group.refusal = refusal;
    await expectReplies(['SET a 1'], [reply]);
  });

  it('keep their place behind pending commands', async () => {
    world.group.held = true;
    client.send('SET a 1\r\n');
    await until(() => world.group.waitingCount === 1);
    world.group.refusal = 'not-leader';
    client.send('SET a 2\r\n');
    await until(() => world.group.waitingCount === 2);
    world.group.release();
    expect(await client.take(5 + 29)).toBe('+OK\r\n-MOVED 15495 127.0.0.1:7001\r\n');
  });

  it('requirement 35: wait for a leader, and no longer than a bound', async () => {
    world.group.refusal = 'no-leader';
    const begun = performance.now();
    await expectReplies(['SET a 1'], ['-CLUSTERDOWN Hash slot not served: no leader is known']);
    expect(performance.now() - begun).toBeGreaterThan(1000);
  });

  it('name the new leader also to those that waited when the node stops', async () => {
    world.group.refusal = 'overloaded';
    client.send('SET a 1\r\nSET a 2\r\n');
    await until(() => [...world.server.connections.values()].some((each) => each.stall === 'wait'));
    world.group.refusal = 'not-leader';
    await world.stop();
    expect(await client.rest()).toBe('-MOVED 15495 127.0.0.1:7001\r\n'.repeat(2));
  });

  it('wait for room and go on when there is some', async () => {
    world.group.refusal = 'overloaded';
    client.send('SET a 1\r\nSET b 2\r\nGET a\r\n');
    await until(() => [...world.server.connections.values()].some((each) => each.stall === 'wait'));
    world.group.refusal = null;
    world.group.changed();
    expect(await client.take(17)).toBe('+OK\r\n+OK\r\n$1\r\n1\r\n');
  });
});
