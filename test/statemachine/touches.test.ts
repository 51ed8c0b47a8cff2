import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TgError } from '../../src/errors.js';
import { limits } from '../../src/limits.js';
import { Keyspace } from '../../src/statemachine/keyspace.js';
import { decodeTouches, encodeTouches, TouchCollector } from '../../src/statemachine/touches.js';
import { find, put } from './keyspace-helpers.js';

function full(): Keyspace {
  const keyspace = new Keyspace();
  keyspace.configure({ maxmemory: 0, maxkeys: 10, policy: 'allkeys-tlru' });
  for (let at = 0; at < 10; at++) put(keyspace, `k${at}`);
  return keyspace;
}

describe('TouchCollector', () => {
  it('notes each slot once per window and gives them sorted', () => {
    const keyspace = full();
    const collector = new TouchCollector();
    for (const slot of [7, 2, 7, 5, 2]) collector.note(keyspace, slot);
    expect([...collector.drain(keyspace)]).toEqual([2, 5, 7]);
    expect(collector.drain(keyspace).length).toBe(0);
    collector.note(keyspace, 7);
    expect([...collector.drain(keyspace)]).toEqual([7]);
  });

  it('leaves out what has three uses, and what changed within the window', () => {
    const keyspace = full();
    const collector = new TouchCollector();
    for (let at = 0; at < 3; at++) keyspace.touch(1);
    for (const slot of [0, 1, 2, 3]) collector.note(keyspace, slot);
    keyspace.remove(2);
    put(keyspace, 'takes-slot-2');
    keyspace.remove(3);
    expect([...collector.drain(keyspace)]).toEqual([0]);
  });

  it('survives a flush between note and drain', () => {
    const keyspace = full();
    const collector = new TouchCollector();
    for (let slot = 0; slot < 10; slot++) collector.note(keyspace, slot);
    keyspace.flush();
    expect(collector.drain(keyspace).length).toBe(0);
  });

  it('is bounded', () => {
    const collector = new TouchCollector();
    const keyspace = { slotLimit: 10 ** 9, wantsTouch: () => true, version: () => 1 };
    for (let slot = 0; slot < limits.touchSlotsMax + 500; slot++) {
      collector.note(keyspace, slot * 3);
    }
    expect(collector.count).toBe(limits.touchSlotsMax);
    expect(collector.drain(keyspace).length).toBe(limits.touchSlotsMax);
  });
});

describe('applyTouches', () => {
  it('counts a use of what is still the same, and skips slots given to another key', () => {
    const keyspace = full();
    const validAt = keyspace.changes;
    const twice = find(keyspace, 'k3');
    const reused = find(keyspace, 'k4');
    keyspace.remove(reused);
    expect(put(keyspace, 'other')).toBe(reused);
    for (let round = 0; round < 3; round++) {
      keyspace.applyTouches([twice, reused, 5000], validAt);
    }
    expect(keyspace.wantsTouch(twice)).toBe(false);
    expect(keyspace.wantsTouch(reused)).toBe(true);
    for (let round = 0; round < 3; round++) keyspace.applyTouches([reused], keyspace.changes);
    expect(keyspace.wantsTouch(reused)).toBe(false);
  });
});

describe('batch of touches', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 2 ** 30 }), { maxLength: 300 }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (numbers, validAt) => {
          const slots = Int32Array.from(numbers).sort();
          const bytes = encodeTouches({ validAt, slots });
          const framed = new Uint8Array(bytes.length + 4);
          framed.set(bytes, 2);
          expect(decodeTouches(framed, 2, 2 + bytes.length)).toEqual({ validAt, slots });
        },
      ),
      { seed: 1 },
    );
  });

  it('takes about a byte per slot where slots are dense', () => {
    const slots = Int32Array.from({ length: 1000 }, (_, at) => at * 60);
    expect(encodeTouches({ validAt: 5, slots }).length).toBeLessThan(1010);
  });

  it('refuses what is cut, longer than said, or no number', () => {
    const bytes = encodeTouches({ validAt: 9, slots: Int32Array.from([1, 500, 70_000]) });
    for (let end = 0; end < bytes.length; end++) {
      expect(() => decodeTouches(bytes, 0, end)).toThrow(TgError);
    }
    const longer = new Uint8Array([...bytes, 0]);
    expect(() => decodeTouches(longer, 0, longer.length)).toThrow(TgError);
    expect(() => decodeTouches(new Uint8Array(20).fill(255), 0, 20)).toThrow(TgError);
    const huge = encodeTouches({ validAt: 0, slots: new Int32Array(0) });
    huge[1] = 0xff;
    expect(() => decodeTouches(huge, 0, huge.length)).toThrow(TgError);
  });
});
