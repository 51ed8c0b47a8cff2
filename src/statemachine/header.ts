/**
 * The scalars of the keyspace, and the small tables of fixed size, in two arrays: whatever is
 * state and not in a region is here, so a snapshot needs no list of fields. Numbers that may pass
 * 32 bits are in `nums`, the others in `ints`. Positions belong to the snapshot format.
 */

export const Num = {
  nowMs: 0,
  maxmemory: 1,
  maxkeys: 2,
  usedBytes: 3,
  probationBytes: 4,
  expired: 5,
  evicted: 6,
} as const;

export const NUM_COUNT = 16;

export const Int = {
  policy: 0,
  size: 1,
  keysWithTtl: 2,
  /** Modifications so far, modulo 2^32. */
  changes: 3,
  slotLimit: 4,
  /** Free slots, last in first out; slot + 1, 0: none. */
  freeSlot: 5,
  bucketCount: 6,
  /** The queues: slot or -1. */
  probationHead: 7,
  probationTail: 8,
  probationCount: 9,
  mainHead: 10,
  mainTail: 11,
  mainCount: 12,
  heapSize: 13,
  useCount: 14,
  ghostSets: 15,
  ghostTick: 16,
  ghostTickLeft: 17,
  ghostScrub: 18,
  duelA: 19,
  duelB: 20,
  duelInserts: 21,
  thrashInserts: 22,
  /** Next slot that a change of policy has to look at; -1: done. */
  sweepAt: 23,
  wheelLow: 24,
  wheelHigh: 25,
  /** Bucket whose keys are on their way to lower levels; -1: none. */
  cascading: 26,
  slabPages: 27,
  /** Page + 1. */
  freeSlabPage: 28,
  largeLimit: 29,
  /** Large buffer + 1. */
  freeLarge: 30,
} as const;

export const WHEEL_LEVELS = 9;
export const WHEEL_SLOTS = 64;
export const SIZE_CLASSES = 104;

/** Keys in the databases with internal numbers 1 to 15, and those of them with a TTL. */
export const DATABASE_SIZES = 31;
export const DATABASE_TTLS = 46;
/** Two words of eight places of four bits: internal number xor database. */
export const DATABASE_MAP = 61;
/** Heads of the wheel's buckets: slot + 1. */
export const WHEEL_HEADS = 64;
/** Two words per level: which buckets hold keys. */
export const WHEEL_MASKS = WHEEL_HEADS + WHEEL_LEVELS * WHEEL_SLOTS;
/** First page with room per size class: page + 1. */
export const CLASS_PAGES = WHEEL_MASKS + 2 * WHEEL_LEVELS;
export const INT_COUNT = CLASS_PAGES + SIZE_CLASSES;

export interface Header {
  readonly nums: Float64Array;
  readonly ints: Int32Array;
}

export function newHeader(): Header {
  const ints = new Int32Array(INT_COUNT);
  for (const at of [Int.probationHead, Int.probationTail, Int.mainHead, Int.mainTail]) {
    ints[at] = -1;
  }
  ints[Int.sweepAt] = -1;
  ints[Int.cascading] = -1;
  return { nums: new Float64Array(NUM_COUNT), ints };
}
