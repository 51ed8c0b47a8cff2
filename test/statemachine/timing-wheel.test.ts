import { describe, expect, it } from 'vitest';
import { Keyspace } from '../../src/statemachine/keyspace.js';
import { has, put, random } from './keyspace-helpers.js';

const SECOND = 1000;
const DAY = 86_400 * SECOND;
const START = 1_790_000_000_000;

describe('timing wheel', () => {
  it.each([1, 63, 64, 65, 4095, 4096, 4097, 262_144, 16_777_217, 2 ** 30, 2 ** 30 + 1])(
    'lets a key go exactly %d ms later',
    (ttl) => {
      for (const start of [0, START, START + 63, 2 ** 40 - 1]) {
        const keyspace = new Keyspace();
        keyspace.advance(start);
        put(keyspace, 'a', 'v', start + ttl);
        keyspace.advance(start + ttl - 1);
        expect([has(keyspace, 'a'), keyspace.size]).toEqual([true, 1]);
        keyspace.advance(start + ttl);
        expect([has(keyspace, 'a'), keyspace.size]).toEqual([false, 0]);
      }
    },
  );

  it('follows deadlines from a millisecond to centuries, in steps of any size', () => {
    const next = random(99);
    const keyspace = new Keyspace();
    const due: number[] = [];
    keyspace.advance(START);
    for (let at = 0; at < 3000; at++) {
      const ttl = 1 + next(2 ** (1 + next(31))) * (next(10) === 0 ? 4000 : 1);
      due.push(START + ttl);
      put(keyspace, `k${at}`, 'v', START + ttl);
    }
    for (let at = 0; at < 400; at++) {
      keyspace.advance(keyspace.nowMs + next(2 ** (1 + next(30))));
      while (keyspace.expiryOwed) keyspace.advance(keyspace.nowMs);
      expect(keyspace.size).toBe(due.filter((ms) => ms > keyspace.nowMs).length);
    }
    keyspace.advance(START + 2 ** 45);
    while (keyspace.expiryOwed) keyspace.advance(keyspace.nowMs);
    expect(keyspace.size).toBe(0);
  });

  it('removes at once what was due before it was written', () => {
    const keyspace = new Keyspace();
    keyspace.advance(START);
    put(keyspace, 'past', 'v', START - 5 * DAY);
    put(keyspace, 'now', 'v', START);
    put(keyspace, 'ancient', 'v', -7);
    expect(['past', 'now', 'ancient'].some((name) => has(keyspace, name))).toBe(false);
    expect(keyspace.expiryOwed).toBe(true);
    keyspace.advance(START);
    expect(keyspace.size).toBe(0);
  });

  it('says a next due time that is never late, and that gets to the key in a few pulses', () => {
    const next = random(5);
    for (let round = 0; round < 200; round++) {
      const keyspace = new Keyspace();
      keyspace.advance(START + next(DAY));
      const due = keyspace.nowMs + 1 + next(2 ** (1 + next(31)));
      put(keyspace, 'a', 'v', due);
      let pulses = 0;
      while (keyspace.size > 0) {
        const bound = keyspace.nextDueMs();
        expect(bound).toBeGreaterThan(0);
        expect(bound).toBeLessThanOrEqual(due);
        keyspace.advance(Math.max(bound, keyspace.nowMs));
        pulses++;
      }
      expect(keyspace.nowMs).toBe(due);
      expect(pulses).toBeLessThanOrEqual(12);
      expect(keyspace.nextDueMs()).toBe(0);
    }
  });

  it('moves keys with their due time', () => {
    const next = random(17);
    const keyspace = new Keyspace();
    const due = new Map<string, number>();
    keyspace.advance(START);
    for (let at = 0; at < 5000; at++) {
      const name = `k${next(300)}`;
      const ms = next(5) === 0 ? 0 : keyspace.nowMs + 1 + next(100_000);
      put(keyspace, name, 'v', ms);
      due.set(name, ms);
      if (next(10) === 0) keyspace.advance(keyspace.nowMs + next(3000));
      for (const [key, dueMs] of due) if (dueMs !== 0 && dueMs <= keyspace.nowMs) due.delete(key);
      expect(keyspace.size).toBe(due.size);
      expect(keyspace.keysWithTtl).toBe([...due.values()].filter((ms) => ms !== 0).length);
    }
  });

  it('bounds the moves of one entry when very many keys share a bucket', () => {
    const keyspace = new Keyspace();
    const count = 30_000;
    keyspace.advance(START);
    for (let at = 0; at < count; at++) put(keyspace, `k${at}`, 'v', START + DAY + at * 7);
    let entries = 0;
    keyspace.advance(START + DAY - 1);
    expect(keyspace.size).toBe(count);
    while (keyspace.expiryOwed) {
      keyspace.advance(keyspace.nowMs);
      entries++;
    }
    expect(entries).toBeGreaterThan(2);
    keyspace.advance(START + DAY + count * 7);
    expect(has(keyspace, 'k29999')).toBe(false);
    while (keyspace.expiryOwed) keyspace.advance(keyspace.nowMs);
    expect(keyspace.size).toBe(0);
  });
});
