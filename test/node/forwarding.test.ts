/** The two sides of `follower-writes forward`, joined by hand instead of by sockets. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/codec/byte-cursor.js';
import { limits } from '../../src/limits.js';
import { ForwardedCommands } from '../../src/node/forwarded-commands.js';
import { Forwarder } from '../../src/node/forwarder.js';
import { ReplyBuffer } from '../../src/resp/reply-buffer.js';
import type { Origin } from '../../src/server/group.js';
import { keyspaceSpecs } from '../../src/statemachine/keyspace-commands.js';
import { FakeGroup } from '../server/fake-group.js';
import { argsOf } from '../statemachine/words.js';
import { FakeClock } from './fake-clock.js';

class Client implements Origin {
  readonly reply = new ReplyBuffer();
  pending = 0;
  lastWrite = 0;
  database = 0;
  seenIndex = 0;
  readonly tracker = null;
  stale = false;
  answers = 0;
  constructor(readonly protocol: 2 | 3 = 2) {
    this.reply.protocol = protocol;
  }
  answered(): void {
    this.answers++;
  }
  get text(): string {
    return this.reply.take()?.toString() ?? '';
  }
}

/** Lets the answers of the leader's group, which come some turns later, arrive. */
const turns = async () => {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
};

let clock: FakeClock;
let group: FakeGroup;
let forwarded: ForwardedCommands;
let forwarder: Forwarder;
let reachable: boolean;
let requests: Uint8Array[];
let replies: Uint8Array[];
let idle: number;
let users: { here: number; there: number };
let held: boolean;

beforeEach(() => {
  clock = new FakeClock();
  group = new FakeGroup();
  reachable = true;
  requests = [];
  replies = [];
  idle = 0;
  held = false;
  users = { here: 7, there: 7 };
  forwarded = new ForwardedCommands({
    group,
    clock,
    appliedIndex: () => group.machine.appliedIndex,
    usersMark: () => users.there,
    isHeld: () => held,
    send: (_to, payload) => replies.push(payload),
  });
  forwarder = new Forwarder({
    send: (_to, payload) => reachable && requests.push(payload) > 0,
    usersMark: () => users.here,
    clock,
    timeoutMs: 5000,
    onIdle: () => idle++,
  });
});

function ask(client: Client, ...words: string[]) {
  const spec = keyspaceSpecs.find(({ name }) => name === words[0]!.toLowerCase())!;
  return forwarder.submit('n1', client, spec, argsOf(...words));
}

/** Everything on its way arrives, there and back. */
async function exchange(): Promise<void> {
  forwarder.flush();
  for (const payload of requests.splice(0)) {
    const reader = new ByteReader(payload);
    reader.u8();
    forwarded.received('n2', reader);
  }
  await turns();
  clock.turn();
  deliver(replies.splice(0));
}

function deliver(payloads: readonly Uint8Array[], from = 'n1'): void {
  for (const payload of payloads) {
    const reader = new ByteReader(payload);
    reader.u8();
    forwarder.onReply(from, reader);
  }
}

describe('forwarding to the leader', () => {
  it('answers a pipeline in order, each client in its protocol, one message a turn', async () => {
    const [two, three] = [new Client(2), new Client(3)];
    for (const client of [two, three]) {
      ask(client, 'GET', 'none');
      ask(client, 'SET', 'k', 'v');
      ask(client, 'GET', 'k');
      ask(client, 'INCR', 'n');
    }
    forwarder.flush();
    expect(requests.length).toBe(1);
    expect(two.pending).toBe(4);
    await exchange();
    expect(two.text).toBe('$-1\r\n+OK\r\n$1\r\nv\r\n:1\r\n');
    expect(three.text).toBe('_\r\n+OK\r\n$1\r\nv\r\n:2\r\n');
    expect([two.pending, three.pending]).toEqual([0, 0]);
    expect(two.answers).toBe(4);
    expect(forwarder.owes(two)).toBe(false);
    expect(two.seenIndex).toBe(group.machine.appliedIndex);
    expect(idle).toBe(1);
  });

  it('carries the database of each client', async () => {
    const [zero, nine] = [new Client(), new Client()];
    nine.database = 9;
    for (const client of [zero, nine]) ask(client, 'SET', 'k', `in ${client.database}`);
    for (const client of [zero, nine]) ask(client, 'GET', 'k');
    await exchange();
    expect(zero.text).toBe('+OK\r\n$4\r\nin 0\r\n');
    expect(nine.text).toBe('+OK\r\n$4\r\nin 9\r\n');
  });

  it('keeps replies of this node in their place', async () => {
    const client = new Client();
    ask(client, 'SET', 'k', 'v');
    forwarder.defer(client, Buffer.from('+PONG\r\n'));
    ask(client, 'GET', 'k');
    forwarder.defer(client, Buffer.from('+LAST\r\n'));
    await exchange();
    expect(client.text).toBe('+OK\r\n+PONG\r\n$1\r\nv\r\n+LAST\r\n');
    expect(client.pending).toBe(0);
  });

  it('gives what the leader refuses in its place, and says that it did not happen', async () => {
    const client = new Client();
    ask(client, 'SET', 'k', 'v');
    await exchange();
    group.refusal = 'no-leader';
    ask(client, 'SET', 'k', 'w');
    await exchange();
    group.refusal = 'out-of-memory';
    ask(client, 'SET', 'k', 'w');
    await exchange();
    expect(client.text).toMatch(/^\+OK\r\n-TRYAGAIN leadership.*\r\n-OOM .*\r\n$/);
    expect(group.writes).toBe(1);
  });

  it('lets commands wait while the leader hands over, and passes them on in order', async () => {
    const client = new Client();
    held = true;
    ask(client, 'SET', 'k', 'v');
    await exchange();
    ask(client, 'GET', 'k');
    await exchange();
    forwarded.goOn();
    expect([client.text, group.writes, forwarded.isIdle]).toEqual(['', 0, false]);
    // By now another node leads: FakeGroup takes what may be carried out there.
    group.refusal = 'not-leader';
    held = false;
    forwarded.goOn();
    await exchange();
    expect(client.text).toBe('+OK\r\n$1\r\nv\r\n');
    expect(forwarded.isIdle).toBe(true);
  });

  it('answers in order when more comes than may wait', async () => {
    const client = new Client();
    held = true;
    group.refusal = 'overloaded';
    ask(client, 'SET', 'k', 'v');
    await exchange();
    // What was held of a node that is gone takes no room any more.
    const large = 'x'.repeat(limits.heldForwardBytesMax / 2);
    for (let round = 0; round < 2; round++) {
      ask(new Client(), 'SET', 'large', large);
      forwarder.flush();
      const reader = new ByteReader(requests.pop()!);
      reader.u8();
      forwarded.received('n3', reader);
      forwarded.peerDown('n3');
    }
    expect(client.text).toBe('');
    ask(client, 'SET', 'k', large);
    ask(client, 'SET', 'k', large);
    await exchange();
    expect(client.text).toMatch(/^(-TRYAGAIN .*\r\n){3}$/);
    expect(forwarded.isIdle).toBe(true);
  });

  it('forgets what waits of a node that is gone', async () => {
    held = true;
    ask(new Client(), 'SET', 'k', 'v');
    await exchange();
    forwarded.peerDown('n2');
    held = false;
    forwarded.goOn();
    await exchange();
    expect(group.writes).toBe(0);
    expect(forwarded.isIdle).toBe(true);
  });

  it('carries out nothing that other users than the leader knows were allowed', async () => {
    const client = new Client();
    users.there = 8;
    ask(client, 'SET', 'k', 'v');
    ask(client, 'GET', 'k');
    await exchange();
    expect(client.text).toMatch(/^(-TRYAGAIN users .*not carried out\r\n){2}$/);
    expect(group.writes).toBe(0);
    users.here = 8;
    ask(client, 'SET', 'k', 'v');
    await exchange();
    expect(client.text).toBe('+OK\r\n');
  });

  it('requirement 30: a lost leader leaves writes uncertain; nothing is sent again', async () => {
    const client = new Client();
    ask(client, 'SET', 'k', 'v');
    ask(client, 'GET', 'k');
    forwarder.flush();
    forwarder.peerDown('n3');
    expect(client.pending).toBe(2);
    forwarder.peerDown('n1');
    expect(client.text).toMatch(/^-UNCERTAIN .*\r\n-TRYAGAIN .*\r\n$/);
    expect(client.pending).toBe(0);
    await exchange();
    expect(client.text).toBe('');
    expect(client.answers).toBe(2);
  });

  it('says TRYAGAIN where the message surely did not leave', () => {
    const client = new Client();
    reachable = false;
    ask(client, 'SET', 'k', 'v');
    forwarder.flush();
    expect(client.text).toMatch(/^-TRYAGAIN .*not carried out\r\n$/);
  });

  it('distinguishes what left from what did not when the connection fails', () => {
    const client = new Client();
    ask(client, 'SET', 'k', '1');
    forwarder.flush();
    reachable = false;
    ask(client, 'SET', 'k', '2');
    forwarder.flush();
    expect(client.text).toMatch(/^-UNCERTAIN .*\r\n-TRYAGAIN .*\r\n$/);
  });

  it('drops answers of an earlier session and of another node', async () => {
    const client = new Client();
    ask(client, 'INCR', 'n');
    forwarder.flush();
    const lost = requests.splice(0);
    forwarder.failAll();
    expect(client.text).toMatch(/^-UNCERTAIN/);
    ask(client, 'INCR', 'n');
    forwarder.flush();
    const sent = requests.splice(0);
    requests.push(...lost);
    await exchange();
    expect(client.text).toBe('');
    requests.push(...sent);
    forwarder.flush();
    for (const payload of requests.splice(0)) {
      const reader = new ByteReader(payload);
      reader.u8();
      forwarded.received('n2', reader);
    }
    await turns();
    clock.turn();
    const answers = replies.splice(0);
    deliver(answers, 'n3');
    expect(client.text).toBe('');
    deliver(answers);
    expect(client.text).toBe(':2\r\n');
  });

  it('gives up a leader that is silent for too long', () => {
    const client = new Client();
    ask(client, 'SET', 'k', 'v');
    forwarder.flush();
    clock.pass(4999);
    forwarder.tick();
    expect(client.text).toBe('');
    clock.pass(2);
    forwarder.tick();
    expect(client.text).toMatch(/^-UNCERTAIN/);
    expect(idle).toBe(1);
  });

  it('uses a new leader only when the old one has answered everything', async () => {
    const [busy, other] = [new Client(), new Client()];
    ask(busy, 'SET', 'k', 'v');
    forwarder.flush();
    const get = keyspaceSpecs.find(({ name }) => name === 'get')!;
    expect(forwarder.submit('n3', busy, get, argsOf('GET', 'k'))).toBe('after-pending');
    expect(forwarder.submit('n3', other, get, argsOf('GET', 'k'))).toBe('no-leader');
    await exchange();
    expect(forwarder.submit('n3', other, get, argsOf('GET', 'k'))).toBeNull();
  });

  it('waits where operations of another way are pending', () => {
    const client = new Client();
    client.pending = 1;
    expect(ask(client, 'SET', 'k', 'v')).toBe('after-pending');
  });

  it('checks again what a follower sends, and refuses damage', async () => {
    const client = new Client();
    ask(client, 'SET', 'k', 'v', 'EX', 'x');
    await exchange();
    expect(client.text).toBe('-ERR value is not an integer or out of range\r\n');
    ask(client, 'SET', 'k', 'v');
    forwarder.flush();
    const cut = new ByteReader(requests[0]!.subarray(0, requests[0]!.length - 3));
    cut.u8();
    expect(() => forwarded.received('n2', cut)).toThrow('bytes are missing');
  });

  it('a follower that is gone gets nothing; its commands happen', async () => {
    const client = new Client();
    ask(client, 'SET', 'k', 'v');
    forwarder.flush();
    const reader = new ByteReader(requests[0]!);
    reader.u8();
    forwarded.received('n2', reader);
    forwarded.peerDown('n2');
    await turns();
    clock.turn();
    expect(replies).toEqual([]);
    expect(group.writes).toBe(1);
  });
});
