/**
 * One record of the journal: the entries of one log write, in whole blocks, so that no two writes
 * touch the same one. magic u32, crc32 u32, salt (8 bytes), entries u32, length u32 and checksum
 * u32 of each, then the entries; the rest of the last block is zero. The checksum of this head
 * binds the entries to it: a torn record takes in nothing of what lay in its place before.
 */
import { crc32 } from 'node:zlib';
import { checksumOf, decodeEntry, encodeEntry } from '../codec/log-record.js';
import { TgError } from '../errors.js';
import { limits } from '../limits.js';
import type { Entry, LogIndex } from '../raft/types.js';

/** A page of the operating system: a write of whole ones never waits for another one. */
export const blockBytes = 4096;
export const saltBytes = 8;

const magic = 0x4a474754;
const crcAt = 4;
const saltAt = 8;
const countAt = saltAt + saltBytes;
const entriesAt = countAt + 4;
/** Length and checksum of one entry. */
const perEntry = 8;
const padding = new Uint8Array(blockBytes);

/** Entries written under one salt, from a start or a truncation of the log to the next. */
export interface Generation {
  readonly salt: Uint8Array;
  /** Entries beyond it count no more. */
  readonly through: LogIndex;
}

/** Where entries lie in the journal. */
export interface JournalRecord {
  readonly at: number;
  readonly bytes: number;
  readonly firstIndex: LogIndex;
  /** What the record holds beyond it counts no more. */
  readonly lastIndex: LogIndex;
  readonly salt: Uint8Array;
}

/** The bytes of a journal, a part at a time: a whole ring may be more than memory has room for. */
export interface JournalBytes {
  readonly length: number;
  /** Those from `at` on, fewer at the end of the file. Valid until the next call. */
  read(at: number, bytes: number): Promise<Buffer>;
}

/** What a record of these entries takes, in whole blocks. */
export function journalRecordBytes(entries: readonly Entry[]): number {
  let bytes = entriesAt + perEntry * entries.length;
  for (const entry of entries) bytes += encodeEntry(entry).length;
  return inBlocks(bytes);
}

function inBlocks(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

/** The record in pieces; nothing is copied but its head. */
export function encodeJournalRecord(salt: Uint8Array, entries: readonly Entry[]): Uint8Array[] {
  const head = Buffer.allocUnsafe(entriesAt + perEntry * entries.length);
  head.writeUInt32LE(magic, 0);
  head.set(salt, saltAt);
  head.writeUInt32LE(entries.length, countAt);
  const pieces: Uint8Array[] = [head];
  let bytes = head.length;
  for (const [at, entry] of entries.entries()) {
    const record = encodeEntry(entry);
    head.writeUInt32LE(record.length, entriesAt + perEntry * at);
    head.writeUInt32LE(checksumOf(record), entriesAt + perEntry * at + 4);
    bytes += record.length;
    pieces.push(record);
  }
  head.writeUInt32LE(crc32(head.subarray(saltAt)), crcAt);
  const rest = bytes % blockBytes;
  if (rest > 0) pieces.push(padding.subarray(rest));
  return pieces;
}

/**
 * The records after entry `last`, up to the first entry that is missing. An index is written once
 * under one salt, and entries of two generations do not overlap, so what follows each other belongs
 * together. Records of another salt, of an earlier round of the ring or torn ones do not count.
 * @throws TgError CORRUPT when what is missing must have been there once.
 */
export async function journalRecordsAfter(
  journal: JournalBytes,
  generations: readonly Generation[],
  last: LogIndex,
): Promise<JournalRecord[]> {
  const records = await allRecords(journal, generations);
  records.sort((a, b) => a.firstIndex - b.firstIndex);
  const after: JournalRecord[] = [];
  let end = last;
  let beyond = 0;
  for (const record of records) {
    if (record.firstIndex > end + 1) beyond++;
    else if (record.lastIndex > end) {
      after.push(record);
      end = record.lastIndex;
    }
  }
  // A write begins only when at most this many before it are under way; and all that an older
  // generation counts was durable when that was decided.
  const promised = Math.max(0, ...generations.slice(0, -1).map(({ through }) => through));
  if (beyond < limits.logWritesMax && end >= promised) return after;
  throw new TgError('CORRUPT', `entry ${end + 1} is missing`);
}

async function allRecords(
  journal: JournalBytes,
  generations: readonly Generation[],
): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for (let at = 0; at + entriesAt <= journal.length; ) {
    const record = await recordAt(journal, at, generations);
    if (record !== null) records.push(record);
    at += record?.bytes ?? blockBytes;
  }
  return records.filter(({ firstIndex, lastIndex }) => firstIndex <= lastIndex);
}

async function recordAt(
  journal: JournalBytes,
  at: number,
  generations: readonly Generation[],
): Promise<JournalRecord | null> {
  const begin = await journal.read(at, entriesAt);
  const found = begin.subarray(saltAt, countAt);
  const generation = generations.find(({ salt }) => found.equals(salt));
  if (generation === undefined) return null;
  const { salt, through } = generation;
  const bytes = await bytesAt(journal, at, begin.readUInt32LE(countAt));
  if (bytes === null) return null;
  const entries = recordEntries(await journal.read(at, bytes), 0, salt);
  if (entries === null) return null;
  const lastIndex = Math.min(entries[entries.length - 1]!.index, through);
  return { at, bytes: inBlocks(bytes), firstIndex: entries[0]!.index, lastIndex, salt };
}

/** What the record takes that begins here and has so many entries; null where its head is torn. */
async function bytesAt(journal: JournalBytes, at: number, count: number): Promise<number | null> {
  let bytes = entriesAt + perEntry * count;
  if (at + bytes > journal.length) return null;
  const head = await journal.read(at, bytes);
  if (!isHead(head, 0, bytes)) return null;
  for (let i = 0; i < count; i++) bytes += head.readUInt32LE(entriesAt + perEntry * i);
  return bytes;
}

function isHead(file: Buffer, at: number, bytes: number): boolean {
  if (file.readUInt32LE(at) !== magic) return false;
  return crc32(file.subarray(at + saltAt, at + bytes)) === file.readUInt32LE(at + crcAt);
}

/** Null where no whole record with this salt begins. */
export function recordEntries(file: Buffer, at: number, salt: Uint8Array): Entry[] | null {
  if (at + entriesAt > file.length) return null;
  if (!file.subarray(at + saltAt, at + countAt).equals(salt)) return null;
  const count = file.readUInt32LE(at + countAt);
  let from = at + entriesAt + perEntry * count;
  if (count === 0 || from > file.length || !isHead(file, at, from - at)) return null;
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    const about = at + entriesAt + perEntry * i;
    const bytes = file.subarray(from, from + file.readUInt32LE(about));
    const entry = wholeEntry(bytes, file.readUInt32LE(about + 4));
    if (entry === null) return null;
    entries.push(entry);
    from += bytes.length;
  }
  return entries;
}

function wholeEntry(bytes: Uint8Array, checksum: number): Entry | null {
  try {
    const entry = decodeEntry(bytes, true);
    return checksumOf(bytes) === checksum ? entry : null;
  } catch (error) {
    // Torn by a crash. If it was damaged later, the durable index says that it is missing.
    if (error instanceof TgError) return null;
    throw error;
  }
}
