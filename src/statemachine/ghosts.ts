/**
 * TLRU rule 5: remembers keys that left, in a 4-way table of 32-bit words: a 16-bit fingerprint
 * whose lowest bit says "hot", and the coarse time of leaving counted in evictions. A ghost is
 * valid for 1.35 x resident count evictions. The table starts empty and grows a set at a time; a
 * new set begins as a copy of the one it is split from, as fingerprints cannot tell which of the
 * two a ghost belongs to.
 */
import { linearBucket, linearParent, rehash } from './hash.js';
import { type Header, Int } from './header.js';
import type { PagedInts } from './paged-region.js';

const WAYS = 4;
const SETS_MIN = 64;
/** Sets made per added ghost while the table is too small. */
const GROWTH_STEPS = 8;
const HOT = 1;

export const Ghost = { none: 0, cold: 1, hot: 2 } as const;

export class GhostTable {
  private readonly ints: Int32Array;

  constructor(
    private readonly table: PagedInts,
    header: Header,
  ) {
    this.ints = header.ints;
  }

  /** Forgets the ghost of the key and says what it was. */
  take(hash: number): number {
    const mixed = rehash(hash);
    const at = this.setOf(mixed);
    if (at < 0) return Ghost.none;
    const wanted = fingerprint(mixed);
    for (let way = at; way < at + WAYS; way++) {
      const word = this.table.get(way);
      if (((word >>> 16) & ~HOT) !== wanted || !this.isValid(word)) continue;
      this.table.set(way, 0);
      return ((word >>> 16) & HOT) === 0 ? Ghost.cold : Ghost.hot;
    }
    return Ghost.none;
  }

  add(hash: number, hot: boolean): void {
    this.grow();
    this.scrub();
    const mixed = rehash(hash);
    const print = fingerprint(mixed);
    const way = this.wayFor(this.setOf(mixed), print);
    const tick = this.ints[Int.ghostTick]!;
    this.table.set(way, ((print | (hot ? HOT : 0)) << 16) | tick);
  }

  /** A resident key was evicted: the clock of the ghosts moves. */
  countEviction(): void {
    const { ints } = this;
    const left = ints[Int.ghostTickLeft]! - 1;
    ints[Int.ghostTickLeft] = left;
    if (left > 0) return;
    ints[Int.ghostTick] = (ints[Int.ghostTick]! + 1) & 0xffff;
    ints[Int.ghostTickLeft] = this.evictionsPerTick();
  }

  /** 4096 ticks per round of evictions, so that 16 bits hold many rounds. */
  private evictionsPerTick(): number {
    return Math.max(1, this.ints[Int.size]! >>> 12);
  }

  private age(word: number): number {
    return (this.ints[Int.ghostTick]! - (word & 0xffff)) & 0xffff;
  }

  private isValid(word: number): boolean {
    if (word === 0) return false;
    const evictionsMax = Math.floor((this.ints[Int.size]! * 27) / 20);
    return this.age(word) <= Math.floor(evictionsMax / this.evictionsPerTick());
  }

  private setOf(mixed: number): number {
    const sets = this.ints[Int.ghostSets]!;
    return sets === 0 ? -1 : linearBucket(mixed, sets) * WAYS;
  }

  /** The way of the same fingerprint, else a free or outdated one, else the oldest. */
  private wayFor(set: number, print: number): number {
    let best = set;
    let bestAge = -1;
    for (let way = set; way < set + WAYS; way++) {
      const word = this.table.get(way);
      if (word !== 0 && ((word >>> 16) & ~HOT) === print) return way;
      const age = this.isValid(word) ? this.age(word) : 0x10000;
      if (age > bestAge) {
        best = way;
        bestAge = age;
      }
    }
    return best;
  }

  /** Room for 1.6 ghosts per resident key. */
  private grow(): void {
    const { ints, table } = this;
    const wanted = SETS_MIN + Math.floor((ints[Int.size]! * 2) / 5);
    if (ints[Int.ghostSets] === 0) {
      ints[Int.ghostSets] = SETS_MIN;
      table.reserve(SETS_MIN * WAYS);
    }
    for (let step = 0; step < GROWTH_STEPS && ints[Int.ghostSets]! < wanted; step++) {
      const added = ints[Int.ghostSets]!;
      const parent = linearParent(added) * WAYS;
      table.reserve((added + 1) * WAYS);
      for (let way = 0; way < WAYS; way++) table.set(added * WAYS + way, table.get(parent + way));
      ints[Int.ghostSets] = added + 1;
    }
  }

  /** Clears one set of outdated ghosts, or they would look new when the ticks come round. */
  private scrub(): void {
    const { ints, table } = this;
    const set = ints[Int.ghostScrub]! % ints[Int.ghostSets]!;
    ints[Int.ghostScrub] = set + 1;
    for (let way = set * WAYS; way < (set + 1) * WAYS; way++) {
      const word = table.get(way);
      if (word !== 0 && !this.isValid(word)) table.set(way, 0);
    }
  }
}

/** 15 bits above the bit for "hot", never all zero. */
function fingerprint(mixed: number): number {
  return (mixed >>> 17) << 1 || 2;
}
