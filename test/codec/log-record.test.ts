import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/codec/crc32c.js';
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

describe('crc32c', () => {
  it('gives the published check value', () => {
    const digits = Buffer.from('123456789');
    expect(crc32c(digits, 0, digits.length)).toBe(0xe3069283);
  });

  it('can be continued at any place', () => {
    const bytes = Buffer.from(Array.from({ length: 100 }, (_, at) => (at * 37) & 255));
    const whole = crc32c(bytes, 0, 100);
    for (let cut = 0; cut <= 100; cut++) {
      expect(crc32c(bytes, cut, 100, crc32c(bytes, 0, cut))).toBe(whole);
    }
  });
});

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

  it('still reads the bytes of version 1', () => {
    const payload = Buffer.from('payload').toString('hex');
    const stored = `0101f8a4d7ac00000000000008400000000000007042${payload}`;
    expect(Buffer.from(encodeEntry({ ...command })).toString('hex')).toBe(stored);
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
