import { describe, expect, it } from 'vitest';
import { decodeEntry, encodeEntry } from '../../src/codec/log-record.js';
import type { Entry } from '../../src/raft/types.js';

const command: Entry = {
  term: 3,
  index: 2 ** 40,
  kind: 'command',
  data: Buffer.from('payload'),
  configuration: null,
};
const config: Entry = {
  term: 1,
  index: 1,
  kind: 'config',
  data: new Uint8Array(0),
  configuration: {
    voters: ['n1'],
    outgoing: [],
    learners: ['n2'],
    members: [
      { id: 'n1', peerAddress: '127.0.0.1:1', incarnation: 'a' },
      { id: 'n2', peerAddress: '127.0.0.1:2', incarnation: 'b' },
    ],
  },
};

function bare(entry: Entry) {
  const { record: _, ...rest } = entry;
  return { ...rest, data: Buffer.from(rest.data).toString('latin1') };
}

describe('log record', () => {
  it('keeps every field of every kind', () => {
    for (const entry of [command, config, { ...command, kind: 'noop' as const }]) {
      const { record: _, ...fresh } = entry;
      expect(bare(decodeEntry(encodeEntry(fresh), true))).toEqual(bare(fresh));
    }
  });

  it('is made once', () => {
    const entry = { ...command };
    expect(encodeEntry(entry)).toBe(encodeEntry(entry));
  });

  it('still reads the bytes of version 2, and refuses another version by name', () => {
    const payload = Buffer.from('payload').toString('hex');
    const stored = `0201bf47b97400000000000008400000000000007042${payload}`;
    expect(Buffer.from(encodeEntry({ ...command })).toString('hex')).toBe(stored);
    const other = Buffer.from(stored.replace('02', '01'), 'hex');
    expect(() => decodeEntry(other, true)).toThrow('a log record of version 1');
  });

  it('requirement 5: refuses one changed byte anywhere', () => {
    const bytes = encodeEntry({ ...config });
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 0x41;
      expect(() => decodeEntry(changed, true), `byte ${at}`).toThrow();
    }
  });

  it('refuses every shorter length', () => {
    const bytes = encodeEntry({ ...command });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeEntry(bytes.subarray(0, length), true)).toThrow();
    }
  });
});
