import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import type { PolicyName } from '../../src/statemachine/eviction.js';
import { hashBytes } from '../../src/statemachine/hash.js';
import { Keyspace } from '../../src/statemachine/keyspace.js';
import { ABSENT } from '../../src/statemachine/keyspace-view.js';
import { ascii, find, has, keyText, put, random, snapshot } from './keyspace-helpers.js';

const FAR = 10 ** 9;

function limited(maxkeys: number, policy: PolicyName = 'allkeys-tlru'): Keyspace {
  const keyspace = new Keyspace();
  keyspace.configure({ maxmemory: 0, maxkeys, policy });
  return keyspace;
}

/** Keys with neither a forced nor a refused thrash mode. */
function names(count: number, prefix = 'k'): string[] {
  const found: string[] = [];
  for (let at = 0; found.length < count; at++) {
    const name = `${prefix}${at}`;
    const bytes = ascii(name);
    if (hashBytes(bytes, 0, bytes.length) >>> 26 > 1) found.push(name);
  }
  return found;
}

/** Keys of the group that always inserts in thrash mode. */
function thrashNames(count: number): string[] {
  const found: string[] = [];
  for (let at = 0; found.length < count; at++) {
    const bytes = ascii(`t${at}`);
    if (hashBytes(bytes, 0, bytes.length) >>> 26 === 1) found.push(`t${at}`);
  }
  return found;
}

function touch(keyspace: Keyspace, name: string, times = 1): void {
  for (let at = 0; at < times; at++) keyspace.touch(find(keyspace, name));
}

function present(keyspace: Keyspace, keys: readonly string[]): string[] {
  return keys.filter((name) => has(keyspace, name));
}

describe('TLRU', () => {
  it('rule 1: what is due goes before anything else', () => {
    const keyspace = limited(10);
    const live = names(9, 'live');
    for (const name of live) put(keyspace, name);
    put(keyspace, 'due', 'v', 1000);
    keyspace.advance(1000);
    put(keyspace, 'another');
    expect(present(keyspace, live)).toEqual(live);
    expect([keyspace.expired, keyspace.evicted]).toEqual([1, 0]);
  });

  it('rule 1: a used key that expired comes back to the main queue with a use', () => {
    const keyspace = limited(20);
    const [hot, cold] = names(2, 'x') as [string, string];
    put(keyspace, hot, 'v', 1000);
    put(keyspace, cold, 'v', 1000);
    touch(keyspace, hot);
    for (const name of names(18, 'rest')) put(keyspace, name);
    keyspace.advance(1000);
    put(keyspace, cold);
    put(keyspace, hot);
    // Newer keys push the probation queue out; the main queue stays.
    for (const name of names(60, 'scan')) put(keyspace, name);
    expect(present(keyspace, [hot, cold])).toEqual([hot]);
  });

  it('rule 1: so does one that was deleted, as caches are told that a value is outdated', () => {
    const keyspace = limited(20);
    const [hot, cold] = names(2, 'x') as [string, string];
    for (const name of [hot, cold, ...names(18, 'rest')]) put(keyspace, name);
    touch(keyspace, hot);
    for (const name of [hot, cold]) {
      keyspace.remove(find(keyspace, name));
      put(keyspace, name);
    }
    for (const name of names(60, 'scan')) put(keyspace, name);
    expect(present(keyspace, [hot, cold])).toEqual([hot]);
  });

  it('rule 2: uses are counted to three, and a SET keeps the place', () => {
    const keyspace = limited(4);
    const keys = names(4);
    for (const name of keys) put(keyspace, name);
    const slot = find(keyspace, keys[0]!);
    expect(keyspace.wantsTouch(slot)).toBe(true);
    touch(keyspace, keys[0]!, 2);
    expect(keyspace.wantsTouch(slot)).toBe(true);
    put(keyspace, keys[0]!, 'w');
    expect(keyspace.wantsTouch(slot)).toBe(false);
    put(keyspace, keys[1]!, 'w');
    // keys[1] is still older than keys[2], and one use does not save it from probation.
    put(keyspace, 'extra');
    expect(present(keyspace, keys)).toEqual([keys[0], keys[2], keys[3]]);
  });

  it('rule 3: a key much smaller than the mean starts with two uses', () => {
    const keyspace = limited(10);
    const keys = names(10);
    put(keyspace, keys[0]!, new Uint8Array(1));
    for (let at = 1; at < 9; at++) put(keyspace, keys[at]!, new Uint8Array(5000));
    put(keyspace, keys[9]!, new Uint8Array(1));
    const slot = find(keyspace, keys[9]!);
    keyspace.touch(slot);
    expect(keyspace.wantsTouch(slot)).toBe(false);
    const first = find(keyspace, keys[0]!);
    keyspace.touch(first);
    expect(keyspace.wantsTouch(first)).toBe(true);
  });

  it('rule 4: two uses lead from probation to the main queue, which a scan does not reach', () => {
    const keyspace = limited(50);
    const keys = names(50);
    for (const name of keys) put(keyspace, name);
    const hot = keys.slice(0, 10);
    for (const name of hot) touch(keyspace, name, 2);
    for (const name of names(1000, 'scan')) put(keyspace, name);
    expect(present(keyspace, keys)).toEqual(hot);
    expect(keyspace.size).toBe(50);
  });

  it('rule 4: in the main queue each round costs a use, and two of a very large key', () => {
    const keyspace = limited(40);
    const small = names(36, 's');
    const fill = names(3, 'fill');
    const value = new Uint8Array(1000);
    for (const name of small) put(keyspace, name, value);
    put(keyspace, 'large', new Uint8Array(10_000));
    for (const name of fill) put(keyspace, name, value);
    for (const name of [...small, 'large']) touch(keyspace, name, 3);
    // All but four move from probation to the main queue and start anew, then the oldest goes.
    put(keyspace, 'one', value);
    put(keyspace, 'two', value);
    const left = present(keyspace, small);
    expect(left).toEqual(small.slice(2));
    for (const name of [...left, 'large']) touch(keyspace, name);
    touch(keyspace, fill[0]!, 2);
    put(keyspace, 'three', value);
    expect(has(keyspace, 'large')).toBe(false);
    expect(present(keyspace, [...left, ...fill])).toEqual([...left, ...fill]);
  });

  it('rule 5: a key evicted from probation comes back to the main queue', () => {
    const keyspace = limited(20);
    const [back, ...others] = names(21) as [string, ...string[]];
    put(keyspace, back);
    for (const name of others) put(keyspace, name);
    expect(has(keyspace, back)).toBe(false);
    put(keyspace, back);
    for (const name of names(200, 'scan')) put(keyspace, name);
    expect(has(keyspace, back)).toBe(true);
  });

  it('rule 5: a ghost is forgotten after 1.35 times as many evictions as there are keys', () => {
    const keyspace = limited(100);
    const [back, ...others] = names(400) as [string, ...string[]];
    put(keyspace, back);
    for (const name of others) put(keyspace, name);
    put(keyspace, back);
    for (const name of names(200, 'scan')) put(keyspace, name);
    expect(has(keyspace, back)).toBe(false);
  });

  it('rule 6: group B inserts in thrash mode, so that a full cache keeps what it has', () => {
    const keyspace = limited(40);
    const keys = names(39);
    for (const name of keys) put(keyspace, name);
    for (const name of thrashNames(31)) put(keyspace, name);
    // Each newcomer was the next to go, but for the 32nd.
    expect(present(keyspace, keys).length).toBe(39);
  });

  it('rule 6: a loop larger than the cache is noticed, and part of it stays', () => {
    const keyspace = limited(1000);
    const next = random(4);
    let hits = 0;
    const rounds = 120;
    for (let at = 0; at < rounds * 1500; at++) {
      const slot = find(keyspace, `loop${at % 1500}`);
      if (slot === ABSENT) put(keyspace, `loop${at % 1500}`);
      else {
        keyspace.touch(slot);
        if (at > (rounds / 2) * 1500) hits++;
      }
      if (next(1000) === 0) keyspace.advance(keyspace.nowMs + 1);
    }
    // LRU would have none at all.
    expect(hits / ((rounds / 2) * 1500)).toBeGreaterThan(0.25);
  });

  it('stays within maxmemory, counted by charge, and never evicts the key written', () => {
    const keyspace = new Keyspace();
    keyspace.configure({ maxmemory: 200_000, maxkeys: 0, policy: 'allkeys-tlru' });
    const next = random(6);
    for (let at = 0; at < 5000; at++) {
      const name = `k${next(900)}`;
      const slot = find(keyspace, name);
      if (slot !== ABSENT && next(2) === 0) keyspace.resizeValue(slot, next(3000));
      else put(keyspace, name, new Uint8Array(next(2000)));
      expect(keyspace.usedBytes).toBeLessThanOrEqual(200_000);
      expect(has(keyspace, name)).toBe(true);
    }
    expect(keyspace.evicted).toBeGreaterThan(1000);
  });

  it('goes down to a lowered limit in bounded steps, with the entries that follow', () => {
    const keyspace = new Keyspace();
    for (let at = 0; at < 3000; at++) put(keyspace, `k${at}`);
    keyspace.configure({ maxmemory: 0, maxkeys: 100, policy: 'allkeys-tlru' });
    expect(keyspace.size).toBe(3000);
    keyspace.advance(1);
    expect(keyspace.size).toBe(3000 - limits.evictPerWriteMax);
    expect(keyspace.workOwed).toBe(true);
    while (keyspace.workOwed) keyspace.advance(keyspace.nowMs);
    expect(keyspace.size).toBe(100);
  });

  it('does not turn over a whole queue of hot keys for one write', () => {
    const keyspace = limited(20_000);
    for (let at = 0; at < 20_000; at++)
      touch(keyspace, keyText(keyspace, put(keyspace, `k${at}`)), 3);
    put(keyspace, 'more');
    expect([keyspace.size, keyspace.evicted]).toEqual([20_000, 1]);
  });

  it('notes nothing while no limit is near', () => {
    const keyspace = limited(100);
    const slot = put(keyspace, 'a');
    expect(keyspace.wantsTouch(slot)).toBe(false);
    for (let at = 0; at < 80; at++) put(keyspace, `k${at}`);
    expect(keyspace.wantsTouch(slot)).toBe(true);
  });
});

describe('other policies', () => {
  it('volatile-tlru takes only keys with a due time', () => {
    const keyspace = limited(20, 'volatile-tlru');
    const kept = names(10, 'kept');
    for (const name of kept) put(keyspace, name);
    for (const name of names(100, 'v')) put(keyspace, name, 'v', FAR);
    expect(present(keyspace, kept)).toEqual(kept);
    expect(keyspace.size).toBe(20);
    expect(keyspace.canMakeRoom()).toBe(true);
    for (let slot = 0; slot < keyspace.slotLimit; slot++) {
      if (keyspace.isLive(slot)) keyspace.setDue(slot, 0);
    }
    expect(keyspace.canMakeRoom()).toBe(false);
    put(keyspace, 'beyond', 'v', FAR);
    expect(present(keyspace, kept)).toEqual(kept);
    expect(keyspace.workOwed).toBe(true);
  });

  it('tlru-due takes what is due first, then by last use, keys without due time last', () => {
    const keyspace = limited(6, 'tlru-due');
    put(keyspace, 'never1');
    put(keyspace, 'never2');
    put(keyspace, 'late', 'v', 9000);
    put(keyspace, 'soon', 'v', 5000);
    put(keyspace, 'same1', 'v', 7000);
    put(keyspace, 'same2', 'v', 7000);
    touch(keyspace, 'same1');
    touch(keyspace, 'never1');
    const order: string[] = [];
    let held = ['never1', 'never2', 'late', 'soon', 'same1', 'same2'];
    for (let at = 0; at < 6; at++) {
      put(keyspace, `new${at}`);
      const left = present(keyspace, held);
      order.push(...held.filter((name) => !left.includes(name)));
      held = left;
    }
    expect(order).toEqual(['soon', 'same2', 'same1', 'late', 'never2', 'never1']);
  });

  it('tlru-due keeps order through changes of due times', () => {
    const keyspace = limited(300, 'tlru-due');
    const next = random(8);
    for (let at = 0; at < 4000; at++) {
      const slot = put(keyspace, `k${next(500)}`, 'v', 1 + next(100_000));
      if (next(3) === 0) keyspace.setDue(slot, 1 + next(100_000));
      if (next(5) === 0) keyspace.remove(slot);
    }
    const due: number[] = [];
    for (let slot = 0; slot < keyspace.slotLimit; slot++) {
      if (keyspace.isLive(slot)) due.push(keyspace.dueMs(slot));
    }
    due.sort((left, right) => left - right);
    keyspace.configure({ maxmemory: 0, maxkeys: due.length - 50, policy: 'tlru-due' });
    keyspace.advance(0);
    const left: number[] = [];
    for (let slot = 0; slot < keyspace.slotLimit; slot++) {
      if (keyspace.isLive(slot)) left.push(keyspace.dueMs(slot));
    }
    expect(left.sort((one, other) => one - other)).toEqual(due.slice(50));
  });

  it('noeviction takes nothing and says so', () => {
    const keyspace = limited(5, 'noeviction');
    for (let at = 0; at < 5; at++) put(keyspace, `k${at}`);
    expect(keyspace.canMakeRoom()).toBe(false);
    put(keyspace, 'beyond');
    expect([keyspace.size, keyspace.evicted, keyspace.workOwed]).toEqual([6, 0, false]);
    keyspace.remove(find(keyspace, 'beyond'));
    keyspace.remove(find(keyspace, 'k0'));
    expect(keyspace.canMakeRoom()).toBe(true);
  });

  it('changes from any policy to any other, a bounded number of keys per entry', () => {
    const keyspace = new Keyspace();
    const policies: PolicyName[] = ['allkeys-tlru', 'tlru-due', 'volatile-tlru', 'noeviction'];
    const next = random(12);
    for (let round = 0; round < 24; round++) {
      const policy = policies[next(4)]!;
      keyspace.configure({ maxmemory: 0, maxkeys: 9000, policy });
      for (let at = 0; at < 1500; at++) put(keyspace, `k${next(20_000)}`, 'v', next(2) * FAR);
      if (next(2) === 0) while (keyspace.workOwed) keyspace.advance(keyspace.nowMs + 1);
    }
    keyspace.configure({ maxmemory: 0, maxkeys: 10, policy: 'allkeys-tlru' });
    while (keyspace.workOwed) keyspace.advance(keyspace.nowMs + 1);
    expect(keyspace.size).toBe(10);
  });
});

describe('determinism', () => {
  it('does not let reading change the state', () => {
    const keyspace = limited(10);
    for (let at = 0; at < 30; at++) put(keyspace, `k${at}`, 'v', FAR);
    const before = snapshot(keyspace);
    for (let at = 0; at < 30; at++) {
      const slot = find(keyspace, `k${at}`);
      if (slot !== ABSENT) keyspace.wantsTouch(slot);
    }
    keyspace.canMakeRoom();
    keyspace.nextDueMs();
    expect(Buffer.concat(snapshot(keyspace)).equals(Buffer.concat(before))).toBe(true);
  });
});
