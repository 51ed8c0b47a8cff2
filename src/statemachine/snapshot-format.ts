/**
 * The bytes of a snapshot, which are also those that the digest is made of. A sequence of chunks,
 * each with 16 bytes in front: kind, page, start in the page, checksum of what follows; all
 * numbers little endian. The first chunk holds the header; it and the descriptions of pages say
 * which chunks follow, so writer and reader run the same plan.
 */
import { TgError } from '../errors.js';
import { limits } from '../limits.js';
import { type Header, INT_COUNT, Int, NUM_COUNT, SIZE_CLASSES } from './header.js';
import { Kind, META_PAGE_BYTES, TABLE_PAGE_BYTES } from './keyspace-state.js';
import { RECORD_PAGE_BYTES, RECORD_WORDS } from './record-table.js';
import { classBytes } from './size-classes.js';
import { LARGE_META_WORDS, PAGE_META_WORDS, PageMeta, SLAB_PAGE_BYTES } from './slab.js';

/** "TGKS" */
export const SNAPSHOT_MAGIC = 0x534b4754;
export const SNAPSHOT_VERSION = 1;
export const CHUNK_HEADER_BYTES = 16;
/** Magic, version, and the lengths of the two arrays that follow. */
export const HEADER_PREFIX_BYTES = 16;
export const HEADER_BYTES = HEADER_PREFIX_BYTES + NUM_COUNT * 8 + INT_COUNT * 4;
/** Units of 8 bytes: key and value of 512 MiB each, and spare room. */
const OWN_UNITS_MAX = (1024 + 2) * 1024 * 128;

export interface Part {
  readonly kind: number;
  readonly page: number;
  /** Bytes of the page from start to end. */
  readonly start: number;
  readonly end: number;
}

/** Reads a word of the tables that describe pages, as of the snapshot. */
export type MetaReader = (kind: number, word: number) => number;

export function corrupt(what: string): TgError {
  return new TgError('CORRUPT', `snapshot of the keyspace: ${what}`);
}

/** All parts after the header, in order. Throws CORRUPT when the descriptions make no sense. */
export function* snapshotParts(header: Header, meta: MetaReader): Generator<Part, void, void> {
  const { ints } = header;
  const slabPages = ints[Int.slabPages]!;
  const ownLimit = ints[Int.largeLimit]!;
  yield* tableParts(Kind.slabMeta, slabPages * PAGE_META_WORDS * 4, META_PAGE_BYTES);
  yield* tableParts(Kind.ownMeta, ownLimit * LARGE_META_WORDS * 4, META_PAGE_BYTES);
  yield* tableParts(Kind.buckets, ints[Int.bucketCount]! * 4, TABLE_PAGE_BYTES);
  yield* tableParts(Kind.records, ints[Int.slotLimit]! * RECORD_WORDS * 4, RECORD_PAGE_BYTES);
  yield* tableParts(Kind.ghosts, ints[Int.ghostSets]! * 16, TABLE_PAGE_BYTES);
  yield* tableParts(Kind.heap, ints[Int.heapSize]! * 4, TABLE_PAGE_BYTES);
  for (let page = 0; page < slabPages; page++) {
    const end = slabPageEnd(meta, page);
    if (end > 0) yield { kind: Kind.slab, page, start: 0, end };
  }
  for (let page = 0; page < ownLimit; page++) {
    yield* pieces(Kind.own, page, ownBytes(meta, page));
  }
}

function* tableParts(kind: number, bytes: number, pageBytes: number): Generator<Part, void, void> {
  for (let page = 0; page * pageBytes < bytes; page++) {
    yield* pieces(kind, page, Math.min(pageBytes, bytes - page * pageBytes));
  }
}

function* pieces(kind: number, page: number, bytes: number): Generator<Part, void, void> {
  for (let start = 0; start < bytes; start += limits.snapshotChunkBytes) {
    yield { kind, page, start, end: Math.min(bytes, start + limits.snapshotChunkBytes) };
  }
}

/** Bytes of a page of the slab that were ever given out; those after them are zero. */
export function slabPageEnd(meta: MetaReader, page: number): number {
  const sizeClass = meta(Kind.slabMeta, page * PAGE_META_WORDS + PageMeta.sizeClass);
  if (sizeClass === 0) return 0;
  if (sizeClass < 0 || sizeClass > SIZE_CLASSES) throw corrupt('size class');
  const reached = meta(Kind.slabMeta, page * PAGE_META_WORDS + PageMeta.reached);
  const end = reached * classBytes(sizeClass - 1);
  if (reached <= 0 || end > SLAB_PAGE_BYTES) throw corrupt('blocks of a page');
  return end;
}

/** Length of a buffer of its own; 0: there is none by this number. */
export function ownBytes(meta: MetaReader, page: number): number {
  const units = meta(Kind.ownMeta, page * LARGE_META_WORDS);
  if (units < 0 || units > OWN_UNITS_MAX) throw corrupt('length of a large value');
  return units * 8;
}

/** Tells damaged bytes from whole ones. Two lanes, as each step waits for the one before. */
export function checksum(words: Int32Array): number {
  let even = 0x2545f491;
  let odd = 0x9e3779b9;
  const pairs = words.length & ~1;
  for (let at = 0; at < pairs; at += 2) {
    even = Math.imul(even ^ words[at]!, 0x01000193);
    odd = Math.imul(odd ^ words[at + 1]!, 0x85ebca6b);
    even ^= even >>> 13;
    odd ^= odd >>> 15;
  }
  if (pairs < words.length) even = Math.imul(even ^ words[pairs]!, 0x01000193);
  return (Math.imul(even ^ (odd >>> 11), 0xc2b2ae35) ^ odd ^ words.length) | 0;
}
