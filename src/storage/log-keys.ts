/** Keys in LevelDB: group u32, kind u8, then big-endian numbers, so that order is numeric. */

import { TgError } from '../errors.js';

const entryKeyBytes = 13;

export const KeyKind = {
  hardState: 0,
  entry: 1,
  manifest: 2,
  chunk: 3,
  base: 4,
  journal: 5,
} as const;

export function hardStateKey(group: number): Uint8Array {
  return prefix(group, KeyKind.hardState, 0);
}

export function baseKey(group: number): Uint8Array {
  return prefix(group, KeyKind.base, 0);
}

/** The salt of the journal's records that belong to the log. */
export function journalKey(group: number): Uint8Array {
  return prefix(group, KeyKind.journal, 0);
}

export function entryKey(group: number, index: number): Uint8Array {
  const key = prefix(group, KeyKind.entry, 8);
  key.writeBigUInt64BE(BigInt(index), 5);
  return key;
}

export function manifestKey(group: number, index: number, term: number): Uint8Array {
  const key = prefix(group, KeyKind.manifest, 16);
  key.writeBigUInt64BE(BigInt(index), 5);
  key.writeBigUInt64BE(BigInt(term), 13);
  return key;
}

export function chunkKey(group: number, snapshot: number, sequence: number): Uint8Array {
  const key = prefix(group, KeyKind.chunk, 12);
  key.writeBigUInt64BE(BigInt(snapshot), 5);
  key.writeUInt32BE(sequence, 13);
  return key;
}

/** Below every key of the kind after this one. */
export function kindEnd(group: number, kind: number): Uint8Array {
  return prefix(group, kind + 1, 0);
}

export function kindStart(group: number, kind: number): Uint8Array {
  return prefix(group, kind, 0);
}

/** @throws TgError CORRUPT for a key that entryKey() never made: LevelDB checks no checksums. */
export function indexOfEntryKey(key: Uint8Array): number {
  if (key.length !== entryKeyBytes) throw new TgError('CORRUPT', 'a key of the log is damaged');
  return Number(Buffer.from(key.buffer, key.byteOffset, key.length).readBigUInt64BE(5));
}

function prefix(group: number, kind: number, extra: number): Buffer {
  const key = Buffer.alloc(5 + extra);
  key.writeUInt32BE(group, 0);
  key[4] = kind;
  return key;
}
