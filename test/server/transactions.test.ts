import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RawClient, startServer, until, type World } from './harness.js';

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

async function expectReplies(lines: readonly string[], replies: readonly string[]): Promise<void> {
  const expected = replies.map((reply) => `${reply}\r\n`).join('');
  expect(await client.ask(`${lines.join('\r\n')}\r\n`, expected.length)).toBe(expected);
}

describe('MULTI', () => {
  it('requirement 34: runs everything as one write, local commands in their place', async () => {
    await expectReplies(
      [
        'MULTI',
        'SET a 1',
        'PING',
        'INCR a',
        'CLIENT GETNAME',
        'SET a',
        'EXEC',
        'MULTI',
        'SET a 1',
        'ECHO x',
        'EXEC',
      ],
      [
        '+OK',
        '+QUEUED',
        '+QUEUED',
        '+QUEUED',
        '+QUEUED',
        "-ERR wrong number of arguments for 'set' command",
        '-EXECABORT Transaction discarded because of previous errors.',
        '+OK',
        '+QUEUED',
        '+QUEUED',
        '*2\r\n+OK\r\n$1\r\nx',
      ],
    );
    expect(world.group.writes).toBe(1);
    await expectReplies(
      ['MULTI', 'INCR a', 'PING', 'GET a', 'EXEC', 'GET a'],
      ['+OK', '+QUEUED', '+QUEUED', '+QUEUED', '*3\r\n:2\r\n+PONG\r\n$1\r\n2', '$1\r\n2'],
    );
    expect(world.group.writes).toBe(2);
  });

  it('gives errors of single commands inside the reply', async () => {
    await expectReplies(
      ['SET a x', 'MULTI', 'INCR a', 'SET a 1 FOO', 'SET b 2', 'EXEC'],
      [
        '+OK',
        '+OK',
        '+QUEUED',
        '+QUEUED',
        '+QUEUED',
        '*3\r\n-ERR value is not an integer or out of range\r\n-ERR syntax error\r\n+OK',
      ],
    );
  });

  it('can be nested no more than in Redis, and goes on', async () => {
    await expectReplies(
      ['MULTI', 'MULTI', 'WATCH a', 'PING', 'EXEC'],
      [
        '+OK',
        '-ERR MULTI calls can not be nested',
        '-ERR WATCH inside MULTI is not allowed',
        '+QUEUED',
        '*1\r\n+PONG',
      ],
    );
  });

  it('without commands of the keyspace needs no leader', async () => {
    world.group.refusal = 'not-leader';
    await expectReplies(
      ['MULTI', 'PING', 'CLIENT ID', 'EXEC', 'MULTI', 'EXEC'],
      ['+OK', '+QUEUED', '+QUEUED', '*2\r\n+PONG\r\n:1', '+OK', '*0'],
    );
    expect(world.group.writes).toBe(0);
  });

  it('requirement 34: names the leader while it queues, and aborts', async () => {
    world.group.refusal = 'not-leader';
    await expectReplies(
      ['MULTI', 'SET foo 1', 'EXEC', 'MULTI', 'DBSIZE', 'EXEC', 'PING'],
      [
        '+OK',
        '-MOVED 12182 127.0.0.1:7001',
        '-EXECABORT Transaction discarded because of previous errors.',
        '+OK',
        '+QUEUED',
        '-MOVED 0 127.0.0.1:7001',
        '+PONG',
      ],
    );
  });

  it('waits at EXEC for a leader and runs its local commands once', async () => {
    await expectReplies(['MULTI', 'SET a 1', 'CLIENT SETNAME x'], ['+OK', '+QUEUED', '+QUEUED']);
    world.group.refusal = 'no-leader';
    client.send('EXEC\r\nPING\r\n');
    await until(() => [...world.server.connections.values()].some((each) => each.stall === 'wait'));
    world.group.refusal = null;
    world.group.changed();
    expect(await client.take(21)).toBe('*2\r\n+OK\r\n+OK\r\n+PONG\r\n');
    expect(world.group.writes).toBe(1);
  });

  it('that is refused leaves the database selected that was', async () => {
    await expectReplies(
      ['SELECT 3', 'MULTI', 'SELECT 5', 'DBSIZE'],
      ['+OK', '+OK', '+QUEUED', '+QUEUED'],
    );
    world.group.refusal = 'not-leader';
    await expectReplies(['EXEC'], ['-MOVED 0 127.0.0.1:7001']);
    world.group.refusal = null;
    const [connection] = [...world.server.connections.values()];
    expect(connection!.database).toBe(3);
  });

  it('requirement 34: is forgotten by DISCARD and RESET', async () => {
    await expectReplies(
      ['MULTI', 'SET a 1', 'DISCARD', 'MULTI', 'SET a 1', 'RESET', 'GET a', 'EXEC'],
      ['+OK', '+QUEUED', '+OK', '+OK', '+QUEUED', '+RESET', '$-1', '-ERR EXEC without MULTI'],
    );
  });
});

describe('WATCH', () => {
  it('lets EXEC run when nothing changed, all in one pipeline', async () => {
    await expectReplies(
      ['SET a 1', 'WATCH a b', 'GET a', 'MULTI', 'INCR a', 'EXEC'],
      ['+OK', '+OK', '$1\r\n1', '+OK', '+QUEUED', '*1\r\n:2'],
    );
  });

  it('stops EXEC when another client changed the key', async () => {
    await expectReplies(
      ['SET a 1', 'WATCH a', 'MULTI', 'SET a 9'],
      ['+OK', '+OK', '+OK', '+QUEUED'],
    );
    const other = await RawClient.open(world.port);
    expect(await other.ask('SET a 2\r\n', 5)).toBe('+OK\r\n');
    other.close();
    await expectReplies(['EXEC', 'GET a'], ['*-1', '$1\r\n2']);
    await expectReplies(['MULTI', 'SET a 9', 'EXEC'], ['+OK', '+QUEUED', '*1\r\n+OK']);
  });

  it('counts changes by the same connection, and UNWATCH forgets', async () => {
    await expectReplies(
      [
        'WATCH a',
        'SET a 5',
        'MULTI',
        'PING',
        'EXEC',
        'WATCH a',
        'SET a 6',
        'UNWATCH',
        'MULTI',
        'PING',
        'EXEC',
      ],
      ['+OK', '+OK', '+OK', '+QUEUED', '*-1', '+OK', '+OK', '+OK', '+OK', '+QUEUED', '*1\r\n+PONG'],
    );
  });

  it('requirement 34: is over after an EXEC that aborts, all in one pipeline', async () => {
    await expectReplies(
      ['WATCH a', 'SET a 5', 'MULTI', 'SET a', 'EXEC', 'WATCH b', 'MULTI', 'PING', 'EXEC'],
      [
        ...['+OK', '+OK', '+OK', "-ERR wrong number of arguments for 'set' command"],
        '-EXECABORT Transaction discarded because of previous errors.',
        ...['+OK', '+OK', '+QUEUED', '*1\r\n+PONG'],
      ],
    );
  });

  it('that failed makes EXEC fail', async () => {
    world.group.refusal = 'not-leader';
    await expectReplies(
      ['WATCH a', 'MULTI', 'PING', 'EXEC'],
      [
        '-MOVED 15495 127.0.0.1:7001',
        '+OK',
        '+QUEUED',
        '-EXECABORT Transaction discarded because a key could not be watched.',
      ],
    );
  });
});
