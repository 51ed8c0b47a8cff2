import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHello, encodeHello } from '../../src/codec/hello.js';
import { decodeMessages, encodeMessages, messageBytes } from '../../src/codec/messages.js';
import { TgError } from '../../src/errors.js';
import type { Message } from '../../src/raft/messages.js';
import type { Entry } from '../../src/raft/types.js';
import { entryOf, helloOf, metaAt } from '../transport/peer-fixtures.js';

const whole = fc.maxSafeNat();
const envelope = {
  group: fc.nat(0xffff_ffff),
  from: fc.constant('a'),
  to: fc.constant('b'),
  term: whole,
};
const kinds: fc.Arbitrary<Message>[] = [
  fc.record({
    ...envelope,
    kind: fc.constant('vote-request'),
    preVote: fc.boolean(),
    lastLogIndex: whole,
    lastLogTerm: whole,
    transfer: fc.boolean(),
  }),
  fc.record({
    ...envelope,
    kind: fc.constant('vote-response'),
    preVote: fc.boolean(),
    granted: fc.boolean(),
    requestTerm: whole,
  }),
  fc.record({
    ...envelope,
    kind: fc.constant('append-request'),
    prevLogIndex: fc.constant(41),
    prevLogTerm: whole,
    leaderCommit: whole,
    entries: fc
      .array(fc.uint8Array({ maxLength: 50 }), { maxLength: 4 })
      .map((all) => all.map((data, i) => entryOf(42 + i, data))),
  }),
  fc.record({
    ...envelope,
    kind: fc.constant('append-response'),
    success: fc.boolean(),
    index: whole,
    hintIndex: whole,
    hintTerm: whole,
  }),
  fc.record({
    ...envelope,
    kind: fc.constant('heartbeat-request'),
    leaderCommit: whole,
    committed: whole,
    round: whole,
    answered: whole,
  }),
  fc.record({ ...envelope, kind: fc.constant('heartbeat-response'), round: whole }),
  fc.record({ ...envelope, kind: fc.constant('read-index-request'), token: whole }),
  fc.record({
    ...envelope,
    kind: fc.constant('read-index-response'),
    token: whole,
    index: fc.oneof(whole, fc.constant(-1)),
  }),
  fc.record({ ...envelope, kind: fc.constant('timeout-now') }),
];
const someMessages = fc.array(fc.oneof(...kinds), { maxLength: 6 });

/** Without the memo of the codec, and with plain bytes. */
function plain(messages: readonly Message[]): unknown {
  const entry = ({ record: _, data, ...rest }: Entry) => ({ ...rest, data: [...data] });
  return messages.map((message) =>
    message.kind === 'append-request'
      ? { ...message, entries: message.entries.map(entry) }
      : message,
  );
}

function protocolError(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof TgError && error.code === 'PROTOCOL') return true;
    throw error;
  }
}

describe('messages as bytes', () => {
  it('come back as they were, in as many bytes as announced', () => {
    const run = (messages: Message[]) => {
      const bytes = Buffer.concat(encodeMessages(messages));
      expect(plain(decodeMessages(bytes, 'a', 'b'))).toEqual(plain(messages));
      expect(bytes.length).toBe(messages.reduce((sum, message) => sum + messageBytes(message), 4));
    };
    fc.assert(fc.property(someMessages, run), { seed: 1 });
  });

  it('carry configuration entries', () => {
    const { configuration } = metaAt(1);
    const entry: Entry = {
      term: 3,
      index: 1,
      kind: 'config',
      data: new Uint8Array(0),
      configuration,
    };
    const sent: Message = {
      ...{ kind: 'append-request', group: 1, from: 'a', to: 'b', term: 3, prevLogIndex: 0 },
      ...{ prevLogTerm: 0, leaderCommit: 0, entries: [entry] },
    };
    const bytes = Buffer.concat(encodeMessages([sent]));
    expect(plain(decodeMessages(bytes, 'a', 'b'))).toEqual(plain([sent]));
  });

  it('do not copy large entries, neither out nor in', () => {
    const entry = entryOf(42, Buffer.alloc(100_000, 1));
    const sent: Message = {
      ...{ kind: 'append-request', group: 1, from: 'a', to: 'b', term: 3, prevLogIndex: 41 },
      ...{ prevLogTerm: 0, leaderCommit: 0, entries: [entry, entryOf(43, Buffer.alloc(10))] },
    };
    const parts = encodeMessages([sent]);
    expect(parts.length).toBe(3);
    expect(parts[1]).toBe(entry.record);
    const bytes = Buffer.concat(parts);
    const [got] = decodeMessages(bytes, 'a', 'b');
    if (got?.kind !== 'append-request') throw new Error('not the message sent');
    expect(got.entries[0]!.data.buffer).toBe(bytes.buffer);
  });

  it('that are cut are refused at every length', () => {
    const run = (messages: Message[], place: number) => {
      const bytes = Buffer.concat(encodeMessages(messages));
      const cut = bytes.subarray(0, place % bytes.length);
      expect(protocolError(() => decodeMessages(cut, 'a', 'b'))).toBe(true);
    };
    fc.assert(fc.property(someMessages, fc.nat(), run), { seed: 2 });
  });

  it('requirement 26: damaged or random ones never throw anything but PROTOCOL', () => {
    const run = (messages: Message[], place: number, value: number, noise: Uint8Array) => {
      const bytes = Buffer.concat(encodeMessages(messages));
      bytes[place % bytes.length] = value;
      protocolError(() => decodeMessages(bytes, 'a', 'b'));
      expect(protocolError(() => decodeMessages(Buffer.concat([bytes, noise]), 'a', 'b'))).toBe(
        true,
      );
      protocolError(() => decodeMessages(noise, 'a', 'b'));
    };
    const noise = fc.uint8Array({ minLength: 1, maxLength: 60 });
    const byte = fc.nat(255);
    fc.assert(fc.property(someMessages, fc.nat(), byte, noise, run), { seed: 3, numRuns: 1000 });
  });

  it('with a huge claimed count are refused without making room for it', () => {
    const bytes = Buffer.from([0xff, 0xff, 0xff, 0xff]);
    expect(protocolError(() => decodeMessages(bytes, 'a', 'b'))).toBe(true);
  });

  it('refuse entries that do not follow each other', () => {
    const sent: Message = {
      ...{ kind: 'append-request', group: 1, from: 'a', to: 'b', term: 3, prevLogIndex: 41 },
      ...{ prevLogTerm: 0, leaderCommit: 0, entries: [entryOf(43, Buffer.alloc(1))] },
    };
    const bytes = Buffer.concat(encodeMessages([sent]));
    expect(protocolError(() => decodeMessages(bytes, 'a', 'b'))).toBe(true);
  });
});

describe('hellos as bytes', () => {
  const { configuration } = metaAt(1);
  const [first, second] = configuration.members;
  const members = [first!, { ...second!, staysLearner: true as const }];
  const withKeptLearner = { ...configuration, members };
  const full = { ...helloOf('näme'), zone: 'west', location: '1,2', httpAddress: 'h:1' };

  it.each([
    helloOf('a'),
    { ...full, configuration: withKeptLearner, configurationIndex: 2 ** 40, joining: true },
    full,
    { ...full, configuration: metaAt(1).configuration, clusterId: null },
  ])('come back as they were', (hello) => {
    const said = { hello, purpose: 'snapshot', sequence: 7 } as const;
    expect(decodeHello(encodeHello(said))).toEqual(said);
  });

  it('name a wrong magic and a wrong version', () => {
    const bytes = Buffer.from(encodeHello({ hello: full, purpose: 'peer', sequence: 0 }));
    const version = Buffer.from(bytes);
    version[5] = 9;
    expect(() => decodeHello(version)).toThrow('peer protocol version 9, this node speaks 1');
    bytes[0] = 0;
    expect(() => decodeHello(bytes)).toThrow('not a tgcache peer');
  });

  it('that are cut, damaged or random never throw anything but PROTOCOL', () => {
    const hello = encodeHello({
      hello: { ...full, configuration: metaAt(1).configuration },
      ...{ purpose: 'peer', sequence: 0 },
    });
    const run = (place: number, value: number, noise: Uint8Array) => {
      const bytes = Buffer.from(hello);
      expect(protocolError(() => decodeHello(bytes.subarray(0, place % bytes.length)))).toBe(true);
      bytes[place % bytes.length] = value;
      protocolError(() => decodeHello(bytes));
      expect(protocolError(() => decodeHello(noise))).toBe(true);
    };
    const noise = fc.uint8Array({ maxLength: 60 });
    fc.assert(fc.property(fc.nat(), fc.nat(255), noise, run), { seed: 4, numRuns: 1000 });
  });
});
