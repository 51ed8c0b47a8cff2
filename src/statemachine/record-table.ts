/**
 * One record of 48 bytes per key, in pages. A slot is the number of a record; free slots are given
 * out again last in first out, hence alike on all replicas. Reading goes through words() and at(),
 * writing through forWrite() and at(), which is where copy-on-write hooks in.
 */
import { type Header, Int } from './header.js';
import type { OpenViews, PagedRegion } from './paged-region.js';

/** Words of a record. Part of the snapshot format. */
export const Field = {
  hash: 0,
  /** Next slot in the chain of the index, or in the list of free slots; slot + 1, 0: none. */
  next: 1,
  address: 2,
  valueLength: 3,
  /** Low 28 bits: length of the key; high 4 bits: its database, as an internal number. */
  key: 4,
  /** Towards the head of the queue; in the due heap the position. */
  queuePrevious: 5,
  /** Towards the tail of the queue; in the due heap the count of uses at the last use. */
  queueNext: 6,
  /** Slot, or below zero: -1 - bucket of which this is the first. */
  wheelPrevious: 7,
  wheelNext: 8,
  /** Low 30 bits of the due time. */
  dueLow: 9,
  /** High 20 bits of the due time, and the flags. */
  flags: 10,
  version: 11,
} as const;

/** Which structure of the eviction policy holds a record. */
export const Queue = { none: 0, probation: 1, main: 2, heap: 3 } as const;

export const RECORD_WORDS = 12;
const PAGE_SHIFT = 14;
const GRANULE_SHIFT = 6;
const PAGE_MASK = (1 << PAGE_SHIFT) - 1;
export const RECORD_PAGE_BYTES = (RECORD_WORDS * 4) << PAGE_SHIFT;
export const RECORD_GRANULE_BYTES = (RECORD_WORDS * 4) << GRANULE_SHIFT;

const KEY_LENGTH_BITS = 28;
/** Longest key. */
export const KEY_BYTES_MAX = (1 << KEY_LENGTH_BITS) - 1;

const DUE_HIGH_MASK = (1 << 20) - 1;
const DUE_LOW_RANGE = 2 ** 30;
/** The latest due time that can be held, some 35,000 years on; later ones become this. */
export const DUE_MAX_MS = 2 ** 50 - 1;
const USE_SHIFT = 20;
const QUEUE_SHIFT = 22;
const LARGE_FLAG = 1 << 24;
const HELD_FLAG = 1 << 25;
const TYPE_SHIFT = 26;

/** Field.key of a key of this length in this database. */
export function keyWord(length: number, internal: number): number {
  return length | (internal << KEY_LENGTH_BITS);
}

/** The length of a key, from Field.key. */
export function keyLengthOf(word: number): number {
  return word & KEY_BYTES_MAX;
}

export function databaseOfKey(word: number): number {
  return word >>> KEY_LENGTH_BITS;
}

export class RecordTable {
  private readonly words: Int32Array[];
  private readonly ints: Int32Array;

  constructor(
    private readonly views: OpenViews,
    readonly region: PagedRegion,
    header: Header,
  ) {
    this.words = region.words;
    this.ints = header.ints;
  }

  at(slot: number): number {
    return (slot & PAGE_MASK) * RECORD_WORDS;
  }

  page(slot: number): Int32Array {
    return this.words[slot >>> PAGE_SHIFT]!;
  }

  forWrite(slot: number): Int32Array {
    const page = slot >>> PAGE_SHIFT;
    if (this.views.active) {
      this.region.guardGranule(page, (slot & PAGE_MASK) >>> GRANULE_SHIFT);
    }
    return this.words[page]!;
  }

  get(slot: number, field: number): number {
    return this.words[slot >>> PAGE_SHIFT]![(slot & PAGE_MASK) * RECORD_WORDS + field]!;
  }

  set(slot: number, field: number, value: number): void {
    this.forWrite(slot)[(slot & PAGE_MASK) * RECORD_WORDS + field] = value;
  }

  /** A slot whose record is zero but for the mark that it is held. */
  allocate(): number {
    const { ints } = this;
    const free = ints[Int.freeSlot]!;
    let slot: number;
    if (free !== 0) {
      slot = free - 1;
      ints[Int.freeSlot] = this.get(slot, Field.next);
    } else {
      slot = ints[Int.slotLimit]!;
      ints[Int.slotLimit] = slot + 1;
      const page = slot >>> PAGE_SHIFT;
      if (page === this.region.pageCount) this.region.addPage(page);
    }
    const words = this.forWrite(slot);
    const at = this.at(slot);
    words[at + Field.next] = 0;
    words[at + Field.flags] = HELD_FLAG;
    return slot;
  }

  release(slot: number): void {
    const words = this.forWrite(slot);
    const at = this.at(slot);
    words.fill(0, at, at + RECORD_WORDS);
    words[at + Field.next] = this.ints[Int.freeSlot]!;
    this.ints[Int.freeSlot] = slot + 1;
  }

  isHeld(slot: number): boolean {
    return slot >= 0 && slot < this.ints[Int.slotLimit]! && this.hasFlag(slot, HELD_FLAG);
  }

  private hasFlag(slot: number, flag: number): boolean {
    return (this.get(slot, Field.flags) & flag) !== 0;
  }

  isLarge(slot: number): boolean {
    return this.hasFlag(slot, LARGE_FLAG);
  }

  setLarge(slot: number, large: boolean): void {
    const flags = this.get(slot, Field.flags);
    this.set(slot, Field.flags, large ? flags | LARGE_FLAG : flags & ~LARGE_FLAG);
  }

  keyLength(slot: number): number {
    return keyLengthOf(this.get(slot, Field.key));
  }

  /** Internal number of the database that holds the key. */
  database(slot: number): number {
    return databaseOfKey(this.get(slot, Field.key));
  }

  typeOf(slot: number): number {
    return (this.get(slot, Field.flags) >>> TYPE_SHIFT) & 15;
  }

  /** Unix ms; 0: never. */
  dueMs(slot: number): number {
    const words = this.page(slot);
    const at = this.at(slot);
    return (words[at + Field.flags]! & DUE_HIGH_MASK) * DUE_LOW_RANGE + words[at + Field.dueLow]!;
  }

  hasDue(slot: number): boolean {
    const words = this.page(slot);
    const at = this.at(slot);
    return ((words[at + Field.flags]! & DUE_HIGH_MASK) | words[at + Field.dueLow]!) !== 0;
  }

  dueHigh(slot: number): number {
    return this.get(slot, Field.flags) & DUE_HIGH_MASK;
  }

  setDue(slot: number, dueMs: number): void {
    const words = this.forWrite(slot);
    const at = this.at(slot);
    const high = Math.floor(dueMs / DUE_LOW_RANGE);
    words[at + Field.dueLow] = dueMs - high * DUE_LOW_RANGE;
    words[at + Field.flags] = (words[at + Field.flags]! & ~DUE_HIGH_MASK) | high;
  }

  /** TLRU's f, 0 to 3. */
  use(slot: number): number {
    return (this.get(slot, Field.flags) >>> USE_SHIFT) & 3;
  }

  setUse(slot: number, use: number): void {
    const flags = this.get(slot, Field.flags);
    this.set(slot, Field.flags, (flags & ~(3 << USE_SHIFT)) | (use << USE_SHIFT));
  }

  queue(slot: number): number {
    return (this.get(slot, Field.flags) >>> QUEUE_SHIFT) & 3;
  }

  setQueue(slot: number, queue: number): void {
    const flags = this.get(slot, Field.flags);
    this.set(slot, Field.flags, (flags & ~(3 << QUEUE_SHIFT)) | (queue << QUEUE_SHIFT));
  }
}
