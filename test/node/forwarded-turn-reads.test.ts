/** A leader that reads locally carries out forwarded reads at the end of the turn, or sooner. */
import { beforeEach, expect, it } from 'vitest';
import { ByteReader } from '../../src/codec/byte-cursor.js';
import { ForwardedCommands } from '../../src/node/forwarded-commands.js';
import { Forwarder } from '../../src/node/forwarder.js';
import type { ReplicatedGroup } from '../../src/node/replicated-group.js';
import { argsOf, specOf } from '../statemachine/words.js';
import { FakeClock } from './fake-clock.js';
import { leaderGroup } from './leader-group.js';
import { type PlainOrigin, plainOrigin } from './plain-origin.js';

let clock: FakeClock;
let group: ReplicatedGroup;
let forwarder: Forwarder;
let requests: Uint8Array[];
let replies: Uint8Array[];

beforeEach(() => {
  clock = new FakeClock();
  requests = [];
  replies = [];
  const propose = () => ({ ok: false, reason: 'not-leader' }) as const;
  group = leaderGroup(clock, propose, 'local');
  forwarder = new Forwarder({
    send: (_to, payload) => requests.push(payload) > 0,
    usersMark: () => 1,
    clock,
    timeoutMs: 5000,
    onIdle: () => {},
  });
});

function ask(client: PlainOrigin, ...words: string[]): void {
  const spec = specOf(words[0]!.toLowerCase());
  expect(forwarder.submit('n1', client, spec, argsOf(...words))).toBe(null);
}

function deliver(payload: Uint8Array, take: (reader: ByteReader) => void): void {
  const reader = new ByteReader(payload);
  reader.u8();
  take(reader);
}

/** Everything on its way arrives, there and back. */
function exchange(): void {
  const forwarded = new ForwardedCommands({
    group,
    clock,
    appliedIndex: () => group.machine.appliedIndex,
    usersMark: () => 1,
    isHeld: () => false,
    send: (_to, payload) => replies.push(payload) > 0,
  });
  forwarder.flush();
  for (const payload of requests.splice(0)) {
    deliver(payload, (reader) => forwarded.received('n2', reader));
  }
  clock.turn();
  for (const payload of replies.splice(0)) {
    deliver(payload, (reader) => forwarder.onReply('n1', reader));
  }
}

const textOf = (client: PlainOrigin) => client.reply.take()?.toString() ?? '';

it('answers each once, also the read that completes a group of them', () => {
  const clients = Array.from({ length: 20 }, () => plainOrigin());
  for (const client of clients) ask(client, 'EXISTS', 'k');
  for (const client of clients) ask(client, 'GET', 'k');
  exchange();
  expect(clients.map(textOf)).toEqual(clients.map(() => ':0\r\n$-1\r\n'));
  expect(clients.every(({ pending }) => pending === 0)).toBe(true);
});

it('answers what is refused behind such a read, and gives it to nobody else', () => {
  const [one, other] = [plainOrigin(), plainOrigin()];
  ask(one, 'GET', 'k');
  ask(one, 'SET', 'k', 'v', 'PX', '0');
  ask(other, 'GET', 'k');
  exchange();
  expect(textOf(one)).toBe("$-1\r\n-ERR invalid expire time in 'set' command\r\n");
  expect(textOf(other)).toBe('$-1\r\n');
});
