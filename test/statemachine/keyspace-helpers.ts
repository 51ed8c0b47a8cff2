/** Short forms that the tests of the keyspace share. */
import { limits } from '../../src/limits.js';
import type { Keyspace } from '../../src/statemachine/keyspace.js';
import { KeyspaceRestorer } from '../../src/statemachine/keyspace-restorer.js';
import type { KeyspaceView, MutableKeyspace } from '../../src/statemachine/keyspace-view.js';
import type { SnapshotView } from '../../src/statemachine/snapshot-view.js';

const encoder = new TextEncoder();

export function ascii(text: string): Uint8Array {
  return encoder.encode(text);
}

/** xorshift32: numbers below 2^32 from a seed. */
export function random(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export function put(
  keyspace: MutableKeyspace,
  key: string,
  value: string | Uint8Array = 'v',
  dueMs = 0,
): number {
  const bytes = typeof value === 'string' ? ascii(value) : value;
  const name = ascii(key);
  return keyspace.put(name, 0, name.length, bytes, 0, bytes.length, dueMs);
}

export function find(keyspace: KeyspaceView, key: string): number {
  const name = ascii(key);
  return keyspace.find(name, 0, name.length);
}

export function has(keyspace: KeyspaceView, key: string): boolean {
  return find(keyspace, key) >= 0;
}

export function valueBytes(keyspace: KeyspaceView, slot: number): Uint8Array {
  const start = keyspace.valueStart(slot);
  return keyspace.valueBuffer(slot).subarray(start, start + keyspace.valueLength(slot));
}

export function keyText(keyspace: KeyspaceView, slot: number): string {
  const start = keyspace.keyStart(slot);
  const key = keyspace.keyBuffer(slot).subarray(start, start + keyspace.keyLength(slot));
  return new TextDecoder().decode(key);
}

/** All live keys with value, due time and version, sorted. */
export function contents(keyspace: KeyspaceView): string[] {
  const lines: string[] = [];
  for (let slot = 0; slot < keyspace.slotLimit; slot++) {
    if (!keyspace.isLive(slot)) continue;
    const value = valueBytes(keyspace, slot);
    let sum = 0;
    for (const byte of value) sum = (Math.imul(sum, 31) + byte) >>> 0;
    const due = keyspace.dueMs(slot);
    lines.push(
      `${keyText(keyspace, slot)} ${value.length}:${sum} ${due} ${keyspace.version(slot)}`,
    );
  }
  return lines.sort();
}

export function readAll(view: SnapshotView): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = view.next(); chunk !== null; chunk = view.next()) {
    if (chunk.length > limits.snapshotChunkBytes + 16) throw new Error('chunk too long');
    chunks.push(chunk.slice());
  }
  view.close();
  return chunks;
}

export function snapshot(keyspace: Keyspace): Uint8Array[] {
  return readAll(keyspace.openView());
}

export function restore(chunks: readonly Uint8Array[]): Keyspace {
  const restorer = new KeyspaceRestorer();
  for (const chunk of chunks) restorer.chunk(chunk);
  return restorer.finish();
}

/** Equality without printing megabytes. */
export function sameBytes(left: readonly Uint8Array[], right: readonly Uint8Array[]): boolean {
  if (left.length !== right.length) return false;
  return left.every((chunk, at) => Buffer.compare(chunk, right[at]!) === 0);
}

/** One step of a random life: the same calls for the same generator, whatever the keyspace. */
export function randomStep(
  keyspace: Keyspace,
  next: (below: number) => number,
  keys: number,
): void {
  const name = `key:${next(keys)}`;
  const kind = next(20);
  const slot = find(keyspace, name);
  const due = keyspace.nowMs + 1 + next(next(4) === 0 ? 5_000_000 : 3000);
  if (kind < 9 || slot < 0) {
    const large =
      next(400) === 0 ? 300_000 + next(900_000) : next(8) === 0 ? next(9000) : next(200);
    const value = new Uint8Array(large).fill(1 + next(255));
    put(keyspace, name, value, next(3) === 0 ? 0 : due);
  } else if (kind < 11) keyspace.remove(slot);
  else if (kind < 13) keyspace.setDue(slot, next(3) === 0 ? 0 : due);
  else if (kind < 15) {
    const length = Math.max(0, keyspace.valueLength(slot) + next(600) - 200);
    keyspace.resizeValue(slot, length);
    if (length > 0) keyspace.valueBuffer(slot)[keyspace.valueStart(slot) + length - 1] = 7;
  } else if (kind < 19) keyspace.touch(slot);
  else keyspace.advance(keyspace.nowMs + next(800));
}
