import { describe, expect, it } from 'vitest';
import { TgError } from '../../src/errors.js';
import { limits } from '../../src/limits.js';
import type { PolicyName } from '../../src/statemachine/eviction.js';
import { Keyspace } from '../../src/statemachine/keyspace.js';
import { KeyspaceRestorer } from '../../src/statemachine/keyspace-restorer.js';
import {
  contents,
  find,
  put,
  random,
  randomStep,
  readAll,
  restore,
  sameBytes,
  snapshot,
} from './keyspace-helpers.js';

const POLICIES: readonly PolicyName[] = ['allkeys-tlru', 'volatile-tlru', 'tlru-due', 'noeviction'];

function lived(seed: number, steps: number, policy: PolicyName = 'allkeys-tlru'): Keyspace {
  const keyspace = new Keyspace();
  keyspace.configure({ maxmemory: 3_000_000, maxkeys: 0, policy });
  const next = random(seed);
  for (let at = 0; at < steps; at++) randomStep(keyspace, next, 4000);
  return keyspace;
}

describe('snapshot view', () => {
  it.each(POLICIES)(
    'requirement 44: gives the bytes of the moment it was opened, under writes (%s)',
    (policy) => {
      const keyspace = lived(11, 4000, policy);
      const next = random(3);
      for (let round = 0; round < 6; round++) {
        const expected = snapshot(keyspace);
        const view = keyspace.openView();
        const chunks: Uint8Array[] = [];
        for (let chunk = view.next(); chunk !== null; chunk = view.next()) {
          chunks.push(chunk.slice());
          for (let at = 0; at < 150; at++) randomStep(keyspace, next, 4000);
        }
        view.close();
        expect(sameBytes(chunks, expected)).toBe(true);
      }
    },
  );

  it('keeps several views of different moments apart', () => {
    const keyspace = lived(21, 3000);
    const next = random(9);
    const open = [];
    for (let at = 0; at < limits.snapshotViewsMax; at++) {
      const expected = snapshot(keyspace);
      open.push({ expected, view: keyspace.openView() });
      for (let step = 0; step < 700; step++) randomStep(keyspace, next, 4000);
      if (at === 1) open[0]!.view.next();
    }
    for (let at = 1; at < open.length; at++) {
      expect(sameBytes(readAll(open[at]!.view), open[at]!.expected)).toBe(true);
    }
    const rest = readAll(open[0]!.view);
    expect(sameBytes(rest, open[0]!.expected.slice(1))).toBe(true);
  });

  it('refuses more views than the limit, and takes them again after a close', () => {
    const keyspace = lived(2, 100);
    const views = Array.from({ length: limits.snapshotViewsMax }, () => keyspace.openView());
    expect(() => keyspace.openView()).toThrow(TgError);
    views[2]!.close();
    views[2]!.close();
    keyspace.openView().close();
    for (const view of views) view.close();
  });

  it('keeps a view whole through a flush and what comes after', () => {
    const keyspace = lived(5, 3000);
    const expected = snapshot(keyspace);
    const view = keyspace.openView();
    keyspace.flush();
    const next = random(1);
    for (let at = 0; at < 2000; at++) randomStep(keyspace, next, 4000);
    expect(sameBytes(readAll(view), expected)).toBe(true);
  });

  it('keeps large values whole when they are written in place, moved or dropped', () => {
    const keyspace = new Keyspace();
    for (const name of ['a', 'b', 'c']) put(keyspace, name, new Uint8Array(2_500_000).fill(5));
    const expected = snapshot(keyspace);
    const view = keyspace.openView();
    const slot = find(keyspace, 'a');
    keyspace.resizeValue(slot, 2_500_000);
    keyspace.valueBuffer(slot).fill(9, keyspace.valueStart(slot));
    keyspace.resizeValue(find(keyspace, 'b'), 5_000_000);
    keyspace.remove(find(keyspace, 'c'));
    put(keyspace, 'd', new Uint8Array(2_500_000).fill(6));
    expect(sameBytes(readAll(view), expected)).toBe(true);
  });

  it('keeps pages whole that are given back and used again for other sizes', () => {
    const keyspace = new Keyspace();
    for (let at = 0; at < 30_000; at++) put(keyspace, `k${at}`, new Uint8Array(200).fill(at));
    const expected = snapshot(keyspace);
    const view = keyspace.openView();
    for (let at = 0; at < 30_000; at += 1) keyspace.remove(find(keyspace, `k${at}`));
    const emptied = snapshot(keyspace);
    for (let at = 0; at < 3000; at++) put(keyspace, `n${at}`, new Uint8Array(1500).fill(at));
    expect(sameBytes(readAll(view), expected)).toBe(true);
    expect(emptied.length).toBeLessThan(expected.length - 4);
    const copy = restore(snapshot(keyspace));
    for (const each of [keyspace, copy]) {
      for (let at = 0; at < 9000; at++) put(each, `m${at}`, new Uint8Array(at % 700).fill(at));
    }
    expect(sameBytes(snapshot(copy), snapshot(keyspace))).toBe(true);
  });

  it('costs nothing once closed', () => {
    const keyspace = lived(5, 500);
    const view = keyspace.openView();
    view.next();
    view.close();
    expect(view.next()).toBeNull();
    put(keyspace, 'after', 'x');
    expect(find(keyspace, 'after')).toBeGreaterThanOrEqual(0);
  });
});

describe('restore', () => {
  it.each(POLICIES)('requirement 43: continues exactly like the original (%s)', (policy) => {
    const original = lived(31, 4000, policy);
    const chunks = snapshot(original);
    const copy = restore(chunks);
    expect(contents(copy)).toEqual(contents(original));
    expect(sameBytes(snapshot(copy), chunks)).toBe(true);
    const [left, right] = [random(77), random(77)];
    for (let round = 0; round < 5; round++) {
      for (let at = 0; at < 1500; at++) {
        randomStep(original, left, 4000);
        randomStep(copy, right, 4000);
      }
      expect(sameBytes(snapshot(copy), snapshot(original))).toBe(true);
    }
    expect(original.evicted > 0).toBe(policy !== 'noeviction');
  });

  it('gives the same bytes on replicas that read, or were restored, at different times', () => {
    const [left, right] = [random(5), random(5)];
    const first = new Keyspace();
    let second = new Keyspace();
    for (const keyspace of [first, second]) {
      keyspace.configure({ maxmemory: 0, maxkeys: 900, policy: 'allkeys-tlru' });
    }
    for (let at = 0; at < 6000; at++) {
      randomStep(first, left, 4000);
      find(first, `key:${at % 4000}`);
      randomStep(second, right, 4000);
      if (at % 1000 === 500) second = restore(snapshot(second));
      if (at % 1500 === 0) second.openView().close();
      if (at === 3000) {
        first.flush();
        second.flush();
      }
    }
    expect(sameBytes(snapshot(first), snapshot(second))).toBe(true);
  });

  it('continues through a change of policy that is under way', () => {
    const original = lived(41, 6000);
    for (let at = 0; at < 5000; at++) put(original, `more:${at}`, 'v', at % 2 === 0 ? 0 : 10 ** 9);
    original.configure({ maxmemory: 2_000_000, maxkeys: 0, policy: 'tlru-due' });
    const copy = restore(snapshot(original));
    const [left, right] = [random(3), random(3)];
    for (let at = 0; at < 2000; at++) {
      randomStep(original, left, 4000);
      randomStep(copy, right, 4000);
    }
    expect(sameBytes(snapshot(copy), snapshot(original))).toBe(true);
  });

  it('takes an empty keyspace, and chunks that do not lie on a word', () => {
    const chunks = snapshot(new Keyspace()).map((chunk) => {
      const shifted = new Uint8Array(chunk.length + 1);
      shifted.set(chunk, 1);
      return shifted.subarray(1);
    });
    const keyspace = restore(chunks);
    put(keyspace, 'a');
    expect(keyspace.size).toBe(1);
  });

  it('requirements 5, 43: refuses flipped bytes, missing, added, swapped and cut chunks', () => {
    const chunks = snapshot(lived(51, 1500));
    const next = random(13);
    const refused = (damaged: readonly Uint8Array[]): void => {
      let code = '';
      try {
        restore(damaged);
      } catch (error) {
        code = error instanceof TgError ? error.code : String(error);
      }
      expect(['CORRUPT', 'UNKNOWN_FORMAT']).toContain(code);
    };
    for (let round = 0; round < 60; round++) {
      const at = next(chunks.length);
      const bytes = chunks[at]!.slice();
      const place = next(3) === 0 ? next(32) : next(bytes.length);
      bytes[place] = bytes[place]! ^ (1 << next(8));
      refused(chunks.map((chunk, index) => (index === at ? bytes : chunk)));
    }
    refused([]);
    refused(chunks.slice(1));
    refused(chunks.slice(0, -1));
    refused([...chunks, chunks[0]!]);
    refused([chunks[0]!, chunks[2]!, chunks[1]!, ...chunks.slice(3)]);
    refused(chunks.map((chunk) => chunk.subarray(0, chunk.length - 4)));
    refused([new Uint8Array(3)]);
    expect(() => new KeyspaceRestorer().finish()).toThrow(TgError);
  });
});
