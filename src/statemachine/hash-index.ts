/**
 * Key to slot by linear hashing: one chain per bucket through the records, and one more bucket for
 * every key beyond as many as there are buckets, so there is never a rehash to wait for. A bucket
 * holds slot + 1.
 */
import { equalBytes } from './byte-ranges.js';
import { linearBucket, linearParent } from './hash.js';
import { type Header, Int } from './header.js';
import { ABSENT } from './keyspace-view.js';
import type { PagedInts } from './paged-region.js';
import { Field, keyWord, type RecordTable } from './record-table.js';
import type { BlockStore } from './slab.js';

const BUCKETS_MIN = 1024;

export class HashIndex {
  private readonly ints: Int32Array;

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
