/** CLIENT MAINT_NOTIFICATIONS: who is told to move, when, and what is served meanwhile. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { RawClient, startServer, type World } from './harness.js';

const real = { ...limits };
let world: World;
let client: RawClient;

beforeEach(async () => {
  world = await startServer();
  client = await RawClient.open(world.port);
});
afterEach(async () => {
  Object.assign(limits, real);
  client.close();
  await world.stop();
});

/** Sends inline commands and waits for what comes, in order. */
async function says(commands: string, ...expected: string[]): Promise<void> {
  client.send(commands);
  await hears(...expected);
}

async function hears(...expected: string[]): Promise<void> {
  for (const text of expected) {
    const at = () => client.received.indexOf(text);
    await client.until(() => at() >= 0);
    client.received = client.received.slice(at() + text.length);
  }
}

const on = 'CLIENT MAINT_NOTIFICATIONS ON\r\n';
/** Sequence and seconds come before it. */
const movingTo = '$14\r\n127.0.0.1:7002\r\n';

async function turnOn(more = ''): Promise<void> {
  client.send('HELLO 3\r\n');
  await hears('modules\r\n*0\r\n');
  await says(more + on, '+OK\r\n');
  if (more !== '') await hears('+OK\r\n');
  await says('PING\r\n', '+PONG\r\n');
}

/** As when another node has taken over. */
function loseLeadership(): void {
  world.group.changed();
  world.group.isLeader = false;
  world.group.leaderPort = 7002;
  world.group.refusal = 'not-leader';
  world.group.changed();
}

describe('CLIENT MAINT_NOTIFICATIONS', () => {
  it('needs RESP3, and says what it does not know', async () => {
    await says(on, '-ERR CLIENT MAINT_NOTIFICATIONS needs RESP3');
    await says('CLIENT MAINT_NOTIFICATIONS OFF\r\n', '+OK\r\n');
    await turnOn();
    await says('CLIENT MAINT_NOTIFICATIONS MAYBE\r\n', '-ERR syntax error\r\n');
    await says('CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type\r\n', '-ERR syntax error\r\n');
    const bad = 'CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type x\r\n';
    await says(bad, "-ERR unknown moving-endpoint-type 'x'\r\n");
    for (const type of ['internal-ip', 'external-fqdn', 'NONE']) {
      await says(`CLIENT MAINT_NOTIFICATIONS ON MOVING-ENDPOINT-TYPE ${type}\r\n`, '+OK\r\n');
    }
  });

  it('tells where the new leader is, and serves the client until it has gone', async () => {
    await turnOn();
    loseLeadership();
    await hears('>4\r\n$6\r\nMOVING\r\n:', '\r\n:10\r\n', movingTo);
    await says('INCR n\r\nGET n\r\n', ':1\r\n', '$1\r\n1\r\n');
    expect(client.received).toBe('');
  });

  it('tells a prepared connection when it is used, or after a while', async () => {
    const prepared = await RawClient.open(world.port);
    prepared.send(`HELLO 3\r\n${on}`);
    await prepared.until(() => prepared.received.includes('+OK\r\n'));
    client.send(`HELLO 3\r\n${on}`);
    await hears('+OK\r\n');
    loseLeadership();
    await says('PING\r\n', '+PONG\r\n', 'MOVING', movingTo);
    expect(prepared.received).not.toContain('MOVING');
    await prepared.until(() => prepared.received.includes('MOVING'));
    prepared.close();
  });

  it('tells once more who uses first what was told while nobody did', async () => {
    client.send(`HELLO 3\r\n${on}`);
    await hears('+OK\r\n');
    loseLeadership();
    await hears('MOVING', movingTo);
    await says('WATCH k\r\n', '-TRYAGAIN the connection is moving', 'MOVING', movingTo);
    await says('PING\r\n', '+PONG\r\n');
    expect(client.received).toBe('');
  });

  it('tells a client that came to a follower with its first command for the leader', async () => {
    world.group.isLeader = false;
    world.group.leaderPort = 7002;
    world.group.refusal = 'not-leader';
    await turnOn();
    await says('PING\r\n', '+PONG\r\n');
    await says('SET k v\r\n', '+OK\r\n', 'MOVING', movingTo);
  });

  it('gives no place to those that connect again to a fixed one', async () => {
    client.send('HELLO 3\r\nCLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none\r\n');
    await hears('+OK\r\n');
    loseLeadership();
    await hears('MOVING', '\r\n:10\r\n_\r\n');
  });

  it.each([
    ['OFF', 'CLIENT MAINT_NOTIFICATIONS OFF\r\n', '+OK\r\n'],
    ['HELLO 2', 'HELLO 2\r\n', 'modules\r\n*0\r\n'],
    ['RESET', 'RESET\r\n', '+RESET\r\n'],
  ])('%s ends it: MOVED again', async (_name, command, reply) => {
    await turnOn();
    await says(command, reply);
    loseLeadership();
    await says('SET k v\r\n', '-MOVED 7629 127.0.0.1:7002\r\n');
    expect(client.received).toBe('');
  });

  it.each([
    ['a transaction', 'MULTI\r\n', '+OK\r\n', 'SET k v\r\nEXEC\r\n', '*1\r\n+OK\r\n'],
    ['watched keys', 'WATCH k\r\n', '+OK\r\n', 'UNWATCH\r\n', '+OK\r\n'],
    ['a channel', 'SUBSCRIBE c\r\n', ':1\r\n', 'UNSUBSCRIBE c\r\n', ':0\r\n'],
    ['stale reads', 'READONLY\r\n', '+OK\r\n', 'READWRITE\r\n', '+OK\r\n'],
  ])('does not move a client away from %s', async (_name, begin, begun, end, ended) => {
    await turnOn();
    await says(begin, begun);
    loseLeadership();
    await says('PING\r\n', begin.startsWith('MULTI') ? '+QUEUED\r\n' : '+PONG\r\n');
    expect(client.received).toBe('');
    await says(end, begin.startsWith('MULTI') ? '+OK\r\n' : ended);
    await says('SET other v\r\n', 'MOVING', movingTo);
  });

  it('refuses what would be left behind while the client moves', async () => {
    await turnOn();
    loseLeadership();
    await hears('MOVING', movingTo);
    await says('WATCH k\r\n', '-TRYAGAIN the connection is moving');
    await says('SUBSCRIBE c\r\n', '-TRYAGAIN the connection is moving');
  });

  it('tells a client that caches keys to forget them: nobody tells it any more', async () => {
    await turnOn('CLIENT TRACKING ON\r\n');
    loseLeadership();
    await hears('MOVING', movingTo, '>2\r\n$10\r\ninvalidate\r\n_\r\n');
  });

  it('leaves clients of a cluster alone: they follow MOVED', async () => {
    const other = await RawClient.open(world.port);
    other.send('CLUSTER SLOTS\r\n');
    await other.until(() => other.received.startsWith('*1\r\n'));
    await turnOn();
    loseLeadership();
    await says('SET k v\r\n', '-MOVED 7629 127.0.0.1:7002\r\n');
    other.close();
  });
});

describe('a node that stops', () => {
  it('waits for those that move, and closes the others at once', async () => {
    const plain = await RawClient.open(world.port);
    plain.send('PING\r\n');
    await plain.until(() => plain.received === '+PONG\r\n');
    await turnOn();
    loseLeadership();
    const stopped = world.server.stop(100);
    await plain.rest();
    await hears('MOVING', movingTo);
    await says('INCR n\r\n', ':1\r\n');
    client.close();
    await stopped;
  });

  it('does not wait for who can no longer leave', async () => {
    // Whoever waits for it waits too long for this test.
    Object.assign(limits, { drainMovingMsMax: 3_600_000 });
    client.send(`HELLO 3\r\n${on}`);
    await hears('+OK\r\n');
    loseLeadership();
    const stopped = world.server.stop(100);
    await says('SUBSCRIBE c\r\n', ':1\r\n');
    await client.rest();
    await stopped;
  });

  it('waits until a prepared connection is used', async () => {
    client.send(`HELLO 3\r\n${on}`);
    await hears('+OK\r\n');
    loseLeadership();
    const stopped = world.server.stop(100);
    await says('INCR n\r\n', ':1\r\n', 'MOVING', movingTo);
    client.close();
    await stopped;
  });

  it('does not wait where no other node can take over', async () => {
    await turnOn();
    const stopped = world.server.stop(100);
    expect(await client.rest()).toBe('');
    await stopped;
  });
});
