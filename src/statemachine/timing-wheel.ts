/**
 * Hierarchical timing wheel over 50-bit milliseconds: nine levels of 64 buckets, the lowest of one
 * millisecond each. A key lies at the level of the highest six bits in which its due time differs
 * from the wheel's position. When the time of a bucket comes, the position moves to its start and
 * its keys move to lower levels one by one, so the work of a call can be bounded whatever the
 * number of keys that are due together.
 *
 * Invariant: position <= now; apart from the bucket that is cascading, each bucket lies at or
 * after the position.
 */
import { type Header, Int, WHEEL_HEADS, WHEEL_LEVELS, WHEEL_MASKS, WHEEL_SLOTS } from './header.js';
import { ABSENT } from './keyspace-view.js';
import { Field, type RecordTable } from './record-table.js';

const LOW_BITS = 30;
const LOW_RANGE = 2 ** LOW_BITS;
const LOW_LEVELS = 5;
const NO_BUCKET = -1;

export class TimingWheel {
  private readonly ints: Int32Array;

  constructor(
    private readonly records: RecordTable,
    header: Header,
  ) {
    this.ints = header.ints;
  }

  /** The record has a due time and is in no bucket. */
  add(slot: number): void {
    const bucket = this.bucketFor(this.records.dueHigh(slot), this.records.get(slot, Field.dueLow));
    this.link(slot, bucket);
  }

  remove(slot: number): void {
    const { records, ints } = this;
    const previous = records.get(slot, Field.wheelPrevious);
    const next = records.get(slot, Field.wheelNext);
    if (next !== ABSENT) records.set(next, Field.wheelPrevious, previous);
    if (previous >= 0) {
      records.set(previous, Field.wheelNext, next);
      return;
    }
    const bucket = -1 - previous;
    ints[WHEEL_HEADS + bucket] = next + 1;
    if (next === ABSENT) this.clearMask(bucket);
  }

  /**
   * A key that is due at or before nowMs (still in the wheel), or ABSENT. Moves at most
   * `stepsMax` keys to lower levels on the way; steps() says how many, owed() whether that
   * left anything.
   */
  nextDue(nowMs: number, stepsMax: number): number {
    this.stepsTaken = 0;
    for (;;) {
      const bucket = this.firstBucket();
      if (bucket === NO_BUCKET || this.bucketStart(bucket) > nowMs) return ABSENT;
      const slot = this.ints[WHEEL_HEADS + bucket]! - 1;
      if (bucket < WHEEL_SLOTS) return slot;
      // The first key of a bucket shows that it may be due without having moved.
      if (this.records.dueMs(slot) <= nowMs) return slot;
      if (this.stepsTaken >= stepsMax) return ABSENT;
      this.stepsTaken++;
      this.cascade(bucket);
    }
  }

  /** Follows the time, so that keys due soon need no moves; only while nothing is owed. */
  catchUp(nowMs: number): void {
    const high = Math.floor(nowMs / LOW_RANGE);
    this.ints[Int.wheelHigh] = high;
    this.ints[Int.wheelLow] = nowMs - high * LOW_RANGE;
  }

  /** Keys moved by the last call of nextDue. Not state. */
  stepsTaken = 0;

  /** A key may be due at or before nowMs. */
  owed(nowMs: number): boolean {
    const bucket = this.firstBucket();
    return bucket !== NO_BUCKET && this.bucketStart(bucket) <= nowMs;
  }

  /** No key is due before this; 0: no key has a due time. Never later than the first due time. */
  lowerBoundMs(): number {
    const bucket = this.firstBucket();
    return bucket === NO_BUCKET ? 0 : Math.max(1, this.bucketStart(bucket));
  }

  private bucketFor(high: number, low: number): number {
    const { ints } = this;
    const atHigh = ints[Int.wheelHigh]!;
    const atLow = ints[Int.wheelLow]!;
    const differsHigh = high ^ atHigh;
    if (high < atHigh || (differsHigh === 0 && low <= atLow)) return atLow & 63;
    if (differsHigh !== 0) {
      const level = ((31 - Math.clz32(differsHigh)) / 6) | 0;
      return (LOW_LEVELS + level) * WHEEL_SLOTS + ((high >>> (level * 6)) & 63);
    }
    const level = ((31 - Math.clz32(low ^ atLow)) / 6) | 0;
    return level * WHEEL_SLOTS + ((low >>> (level * 6)) & 63);
  }

  private link(slot: number, bucket: number): void {
    const { records, ints } = this;
    const first = ints[WHEEL_HEADS + bucket]! - 1;
    const words = records.forWrite(slot);
    const at = records.at(slot);
    words[at + Field.wheelPrevious] = -1 - bucket;
    words[at + Field.wheelNext] = first;
    if (first !== ABSENT) records.set(first, Field.wheelPrevious, slot);
    ints[WHEEL_HEADS + bucket] = slot + 1;
    const mask = WHEEL_MASKS + (bucket >>> 5);
    ints[mask] = ints[mask]! | (1 << (bucket & 31));
  }

  private clearMask(bucket: number): void {
    const mask = WHEEL_MASKS + (bucket >>> 5);
    this.ints[mask] = this.ints[mask]! & ~(1 << (bucket & 31));
    if (this.ints[Int.cascading] === bucket) this.ints[Int.cascading] = NO_BUCKET;
  }

  /** The bucket that must be emptied next, or NO_BUCKET. */
  private firstBucket(): number {
    const { ints } = this;
    if (ints[Int.cascading] !== NO_BUCKET) return ints[Int.cascading]!;
    for (let level = 0; level < WHEEL_LEVELS; level++) {
      const low = ints[WHEEL_MASKS + level * 2]!;
      if (low !== 0) return level * WHEEL_SLOTS + 31 - Math.clz32(low & -low);
      const high = ints[WHEEL_MASKS + level * 2 + 1]!;
      if (high !== 0) return level * WHEEL_SLOTS + 63 - Math.clz32(high & -high);
    }
    return NO_BUCKET;
  }

  /** Unix ms at which the time covered by the bucket begins. */
  private bucketStart(bucket: number): number {
    const level = (bucket / WHEEL_SLOTS) | 0;
    const digit = bucket & 63;
    const atHigh = this.ints[Int.wheelHigh]!;
    if (level < LOW_LEVELS) {
      const upper = (this.ints[Int.wheelLow]! >>> (level * 6 + 6)) << (level * 6 + 6);
      return atHigh * LOW_RANGE + upper + (digit << (level * 6));
    }
    const shift = (level - LOW_LEVELS) * 6;
    return (((atHigh >>> (shift + 6)) << (shift + 6)) + (digit << shift)) * LOW_RANGE;
  }

  /** Moves the position to the start of the bucket and one of its keys to a lower level. */
  private cascade(bucket: number): void {
    const { ints } = this;
    if (ints[Int.cascading] !== bucket) {
      const startMs = this.bucketStart(bucket);
      ints[Int.cascading] = bucket;
      ints[Int.wheelHigh] = Math.floor(startMs / LOW_RANGE);
      ints[Int.wheelLow] = startMs % LOW_RANGE;
    }
    const slot = ints[WHEEL_HEADS + bucket]! - 1;
    this.remove(slot);
    this.add(slot);
  }
}
