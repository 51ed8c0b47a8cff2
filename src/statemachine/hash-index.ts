/**
 * Key to slot by linear hashing: one chain per bucket through the records, and one more bucket for
 * every key beyond as many as there are buckets, so there is never a rehash to wait for. A bucket
 * holds slot + 1.
 */
import type { Args } from '../resp/args.js';
import { equalBytes } from './byte-ranges.js';
import { hashKey, linearBucket, linearParent } from './hash.js';
import { type Header, Int } from './header.js';
import { ABSENT } from './keyspace-view.js';
import type { PagedInts } from './paged-region.js';
import { Field, keyWord, type RecordTable } from './record-table.js';
import type { BlockStore } from './slab.js';

const BUCKETS_MIN = 1024;
/** Keys that are looked at together. */
export const AHEAD_MAX = 16;
/** Of longer ones the processor brings the rest by itself. */
const AHEAD_BYTES = 160;

export class HashIndex {
  private readonly ints: Int32Array;
  private readonly hashes = new Int32Array(AHEAD_MAX);
  private readonly slots = new Int32Array(AHEAD_MAX);
  /** What was read ahead, or the compiler would leave the reading out. */
  private read = 0;

  constructor(
    readonly buckets: PagedInts,
    private readonly records: RecordTable,
    private readonly blocks: BlockStore,
    header: Header,
  ) {
    this.ints = header.ints;
  }

  /** Call once for a keyspace without keys. */
  initialize(): void {
    this.ints[Int.bucketCount] = BUCKETS_MIN;
    this.buckets.reserve(BUCKETS_MIN);
  }

  /** Slot of the key, live or not, or ABSENT. `internal`: number of its database. */
  find(hash: number, bytes: Uint8Array, start: number, end: number, internal: number): number {
    const { records } = this;
    const key = keyWord(end - start, internal);
    let slot = this.buckets.get(linearBucket(hash, this.ints[Int.bucketCount]!)) - 1;
    while (slot !== ABSENT) {
      const words = records.page(slot);
      const at = records.at(slot);
      if (words[at + Field.hash] === hash && words[at + Field.key] === key) {
        if (this.holds(slot, bytes, start, end - start)) return slot;
      }
      slot = words[at + Field.next]! - 1;
    }
    return ABSENT;
  }

  /**
   * Reads what find() will read for each of the keys, step by step for all of them: the processor
   * then waits for memory once a step, and not once a step and key.
   */
  prefetch(keys: Args, internal: number): void {
    const { records, buckets, hashes, slots } = this;
    const count = Math.min(keys.count, AHEAD_MAX);
    const bucketCount = this.ints[Int.bucketCount]!;
    for (let at = 0; at < count; at++) {
      const hash = hashKey(keys.bytes, keys.start(at), keys.end(at), internal);
      hashes[at] = hash;
      slots[at] = buckets.get(linearBucket(hash, bucketCount)) - 1;
    }
    for (let at = 0; at < count; at++) {
      const slot = slots[at]!;
      if (slot === ABSENT || records.get(slot, Field.hash) === hashes[at]) continue;
      slots[at] = records.get(slot, Field.next) - 1;
    }
    for (let at = 0; at < count; at++) {
      if (slots[at] !== ABSENT) this.readBlock(slots[at]!);
    }
  }

  private readBlock(slot: number): void {
    const { records, blocks } = this;
    const address = records.get(slot, Field.address);
    const large = records.isLarge(slot);
    const buffer = blocks.buffer(address, large);
    const start = blocks.start(address, large);
    const length = records.keyLength(slot) + records.get(slot, Field.valueLength);
    const last = start + Math.min(Math.max(length, 1), AHEAD_BYTES) - 1;
    this.read ^= buffer[start]! ^ buffer[(start + last) >>> 1]! ^ buffer[last]!;
  }

  private holds(slot: number, bytes: Uint8Array, start: number, length: number): boolean {
    const address = this.records.get(slot, Field.address);
    const large = this.records.isLarge(slot);
    const key = this.blocks.buffer(address, large);
    return equalBytes(key, this.blocks.start(address, large), bytes, start, length);
  }

  /** The record's hash must be set, and its key not be held yet. */
  add(slot: number): void {
    const hash = this.records.get(slot, Field.hash);
    const bucket = linearBucket(hash, this.ints[Int.bucketCount]!);
    this.records.set(slot, Field.next, this.buckets.get(bucket));
    this.buckets.set(bucket, slot + 1);
    if (this.ints[Int.size]! > this.ints[Int.bucketCount]!) this.split();
  }

  remove(slot: number): void {
    const { records } = this;
    const bucket = linearBucket(records.get(slot, Field.hash), this.ints[Int.bucketCount]!);
    const next = records.get(slot, Field.next);
    let at = this.buckets.get(bucket) - 1;
    if (at === slot) {
      this.buckets.set(bucket, next);
      return;
    }
    while (records.get(at, Field.next) - 1 !== slot) at = records.get(at, Field.next) - 1;
    records.set(at, Field.next, next);
  }

  private split(): void {
    const added = this.ints[Int.bucketCount]!;
    const parent = linearParent(added);
    let slot = this.buckets.get(parent) - 1;
    let stays = 0;
    let moves = 0;
    this.buckets.reserve(added + 1);
    this.ints[Int.bucketCount] = added + 1;
    while (slot !== ABSENT) {
      const next = this.records.get(slot, Field.next) - 1;
      const hash = this.records.get(slot, Field.hash);
      if (linearBucket(hash, added + 1) === added) {
        this.records.set(slot, Field.next, moves);
        moves = slot + 1;
      } else {
        this.records.set(slot, Field.next, stays);
        stays = slot + 1;
      }
      slot = next;
    }
    this.buckets.set(parent, stays);
    this.buckets.set(added, moves);
  }
}
