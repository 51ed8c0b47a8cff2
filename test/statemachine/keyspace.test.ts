import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { Keyspace } from '../../src/statemachine/keyspace.js';
import { ABSENT, type MutableKeyspace } from '../../src/statemachine/keyspace-view.js';
import {
  ascii,
  contents,
  find,
  has,
  keyText,
  put,
  random,
  valueBytes,
} from './keyspace-helpers.js';
import { ReferenceKeyspace } from './reference-keyspace.js';
import { argsOf } from './words.js';

type Step =
  | { readonly op: 'put'; readonly key: number; readonly length: number; readonly ttl: number }
  | { readonly op: 'replace' | 'resize'; readonly key: number; readonly length: number }
  | { readonly op: 'due'; readonly key: number; readonly ttl: number }
  | { readonly op: 'remove'; readonly key: number }
  | { readonly op: 'advance'; readonly by: number }
  | { readonly op: 'flush' };

const key = fc.integer({ min: 0, max: 30 });
const length = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 400_000 }) },
);
const ttl = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('put' as const), key, length, ttl }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('replace' as const), key, length }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('resize' as const), key, length }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('due' as const), key, ttl }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('remove' as const), key }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('advance' as const),
      by: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 2 ** 31 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('flush' as const) }) },
);

interface Timed extends MutableKeyspace {
  advance(nowMs: number): void;
}

function nameOf(number: number): string {
  return number === 0 ? '' : `key-${'x'.repeat(number)}`;
}

function run(keyspace: Timed, change: Step, seed: number): void {
  if (change.op === 'advance') return keyspace.advance(keyspace.nowMs + change.by);
  if (change.op === 'flush') return keyspace.flush();
  const name = nameOf(change.key);
  const slot = find(keyspace, name);
  if (change.op === 'put') {
    const due = change.ttl === 0 ? 0 : keyspace.nowMs + change.ttl;
    put(keyspace, name, new Uint8Array(change.length).fill(seed), due);
    return;
  }
  if (slot === ABSENT) return;
  if (change.op === 'remove') keyspace.remove(slot);
  if (change.op === 'due') {
    keyspace.setDue(slot, change.ttl === 0 ? 0 : keyspace.nowMs + change.ttl);
  }
  if (change.op === 'replace') {
    keyspace.replaceValue(slot, new Uint8Array(change.length).fill(seed), 0, change.length);
  }
  if (change.op === 'resize') {
    keyspace.resizeValue(slot, change.length);
    if (change.length > 0) keyspace.valueBuffer(slot)[keyspace.valueStart(slot)] = seed;
  }
}

describe('Keyspace', () => {
  it('holds what the reference holds, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const keyspace = new Keyspace();
        const reference = new ReferenceKeyspace();
        steps.forEach((change, at) => {
          run(keyspace, change, at & 255);
          run(reference, change, at & 255);
          expect(keyspace.size).toBe(reference.size);
          expect(keyspace.usedBytes).toBe(reference.usedBytes);
        });
        expect(contents(keyspace)).toEqual(contents(reference));
      }),
      { seed: 20_26, numRuns: 60 },
    );
  });

  it('agrees with the reference over a long life of many keys', () => {
    const next = random(7);
    const keyspace = new Keyspace();
    const reference = new ReferenceKeyspace();
    for (let at = 0; at < 20_000; at++) {
      const name = `k${next(3000)}`;
      const value = new Uint8Array(next(150)).fill(at);
      const doomed = next(3) === 0 ? find(keyspace, name) : ABSENT;
      if (doomed !== ABSENT) {
        keyspace.remove(doomed);
        reference.remove(find(reference, name));
      } else {
        const due = next(2) === 0 ? 0 : keyspace.nowMs + 1 + next(4000);
        put(keyspace, name, value, due);
        put(reference, name, value, due);
      }
      if (at % 100 === 0) {
        keyspace.advance(keyspace.nowMs + next(500));
        reference.advance(keyspace.nowMs);
      }
    }
    expect(contents(keyspace)).toEqual(contents(reference));
    expect(keyspace.usedBytes).toBe(reference.usedBytes);
  });

  it('takes empty keys and values, and keys of a megabyte', () => {
    const keyspace = new Keyspace();
    const long = 'k'.repeat(1024 * 1024);
    put(keyspace, '', '');
    put(keyspace, long, '');
    put(keyspace, `${long}2`, 'value');
    expect(keyspace.valueLength(find(keyspace, ''))).toBe(0);
    expect(keyText(keyspace, find(keyspace, long))).toBe(long);
    expect(valueBytes(keyspace, find(keyspace, `${long}2`))).toEqual(ascii('value'));
    expect(keyspace.size).toBe(3);
  });

  it('keeps values of every length around the edges of size classes', () => {
    const keyspace = new Keyspace();
    const lengths = [0, 1, 7, 8, 9, 120, 127, 128, 129, 511, 512, 513, 65_535, 65_536, 65_537];
    lengths.push(262_143, 262_144, 262_145, 3_000_000, 8_388_609);
    for (const size of lengths) put(keyspace, `v${size}`, new Uint8Array(size).fill(size));
    for (const size of lengths) {
      const value = valueBytes(keyspace, find(keyspace, `v${size}`));
      expect(value.length).toBe(size);
      expect(value.every((byte) => byte === (size & 255))).toBe(true);
    }
  });

  it('grows a value by appends without moving it each time', () => {
    const keyspace = new Keyspace();
    const slot = put(keyspace, 'big', new Uint8Array(400_000));
    let moves = 0;
    let buffer = keyspace.valueBuffer(slot);
    for (let at = 0; at < 2000; at++) {
      keyspace.resizeValue(slot, keyspace.valueLength(slot) + 500);
      if (keyspace.valueBuffer(slot) !== buffer) moves++;
      buffer = keyspace.valueBuffer(slot);
    }
    expect(keyspace.valueLength(slot)).toBe(1_400_000);
    expect(moves).toBeLessThan(10);
  });

  it('zeroes what a value grows by, also in a block that was used before', () => {
    const keyspace = new Keyspace();
    keyspace.remove(put(keyspace, 'old', new Uint8Array(100).fill(255)));
    const slot = put(keyspace, 'new', 'ab');
    keyspace.resizeValue(slot, 95);
    const value = valueBytes(keyspace, slot);
    expect(value.subarray(0, 2)).toEqual(ascii('ab'));
    expect(value.subarray(2).every((byte) => byte === 0)).toBe(true);
  });

  it('gives slots out again last in first out', () => {
    const keyspace = new Keyspace();
    const slots = ['a', 'b', 'c'].map((name) => put(keyspace, name));
    keyspace.remove(slots[0]!);
    keyspace.remove(slots[2]!);
    expect(put(keyspace, 'd')).toBe(slots[2]);
    expect(put(keyspace, 'e')).toBe(slots[0]);
    expect(put(keyspace, 'f')).toBe(3);
  });

  it('changes the version with each modification and not with a touch', () => {
    const keyspace = new Keyspace();
    const slot = put(keyspace, 'a');
    const seen = new Set([keyspace.version(slot)]);
    keyspace.replaceValue(slot, ascii('w'), 0, 1);
    seen.add(keyspace.version(slot));
    keyspace.setDue(slot, 5000);
    seen.add(keyspace.version(slot));
    keyspace.resizeValue(slot, 9);
    seen.add(keyspace.version(slot));
    keyspace.touch(slot);
    seen.add(keyspace.version(slot));
    keyspace.remove(slot);
    seen.add(keyspace.version(put(keyspace, 'a')));
    expect(seen.size).toBe(5);
  });

  it('hides a key that is due at once, and removes a bounded number per entry', () => {
    const keyspace = new Keyspace();
    const count = limits.expirePerEntryMax * 2 + 10;
    keyspace.advance(999);
    for (let at = 0; at < count; at++) put(keyspace, `k${at}`, 'v', 1000);
    expect(has(keyspace, 'k5')).toBe(true);
    expect(keyspace.expiryOwed).toBe(false);
    keyspace.advance(1000);
    for (let at = 0; at < count; at++) expect(has(keyspace, `k${at}`)).toBe(false);
    expect(keyspace.size).toBe(count - limits.expirePerEntryMax);
    expect(keyspace.expiryOwed).toBe(true);
    keyspace.advance(1000);
    keyspace.advance(1000);
    expect([keyspace.size, keyspace.keysWithTtl, keyspace.expired]).toEqual([0, 0, count]);
    expect(keyspace.expiryOwed).toBe(false);
  });

  it('writes a key anew that is due but still there', () => {
    const keyspace = new Keyspace();
    const count = limits.expirePerEntryMax + 10;
    for (let at = 0; at < count; at++) put(keyspace, `k${at}`, 'old', 1000);
    keyspace.advance(2000);
    const owed = keyspace.size;
    expect(owed).toBe(10);
    for (let at = 0; at < count; at++) put(keyspace, `k${at}`, 'new');
    expect(keyspace.size).toBe(count);
    expect(keyspace.expired).toBe(count);
  });

  it('never lets its time go back', () => {
    const keyspace = new Keyspace();
    keyspace.advance(5000);
    keyspace.advance(4000);
    expect(keyspace.nowMs).toBe(5000);
  });

  it('is empty after a flush and keeps its limits, time and counters', () => {
    const keyspace = new Keyspace();
    keyspace.configure({ maxmemory: 1000, maxkeys: 3, policy: 'tlru-due' });
    for (let at = 0; at < 5; at++) put(keyspace, `k${at}`, 'v', 9000 + at);
    keyspace.advance(700);
    const version = keyspace.version(find(keyspace, 'k4'));
    keyspace.flush();
    expect([keyspace.size, keyspace.usedBytes, keyspace.nextDueMs()]).toEqual([0, 0, 0]);
    expect([keyspace.maxmemory, keyspace.maxkeys, keyspace.policy]).toEqual([1000, 3, 'tlru-due']);
    expect([keyspace.nowMs, keyspace.evicted]).toEqual([700, 2]);
    expect(keyspace.version(put(keyspace, 'k4'))).toBeGreaterThan(version);
  });
});

describe('keys that are read ahead', () => {
  it('stay what they are, in any length, found or not, expired or not', () => {
    const keyspace = new Keyspace();
    for (let at = 0; at < 5000; at++) {
      put(keyspace, `k${at}`, 'v'.repeat(at % 400), at % 7 === 0 ? 5 : 0);
    }
    put(keyspace, '', '');
    put(keyspace, 'large', new Uint8Array(400_000));
    keyspace.advance(6);
    const before = contents(keyspace);
    const next = random(11);
    for (let round = 0; round < 200; round++) {
      const words = Array.from({ length: next(20) }, () => `k${next(8000)}`);
      keyspace.prefetch(argsOf(...words, '', 'large'), next(16));
      keyspace.prefetch(argsOf('', 'large', ...words), 0);
    }
    expect(contents(keyspace)).toEqual(before);
    expect(before.length).toBeGreaterThan(4000);
  });
});
