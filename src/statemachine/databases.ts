/**
 * The databases of SELECT. A record says in which one its key lies by an internal number, and a
 * map leads from the database that clients name to that number, so SWAPDB swaps two places of the
 * map. Sizes are counted for all but internal number 0, which has the rest.
 */
import { DATABASE_MAP, DATABASE_SIZES, DATABASE_TTLS, type Header, Int } from './header.js';

export const DATABASES_MAX = 16;
const PLACE_BITS = 4;
const PLACE_MASK = 15;
const PLACES_PER_WORD = 8;

export class Databases {
  private readonly ints: Int32Array;

  constructor(header: Header) {
    this.ints = header.ints;
  }

  /** The number that records hold. The map is zero where nothing was swapped. */
  internal(database: number): number {
    const word = this.ints[DATABASE_MAP + (database >>> 3)]!;
    return ((word >>> ((database & (PLACES_PER_WORD - 1)) * PLACE_BITS)) & PLACE_MASK) ^ database;
  }

  /** The database that clients name. */
  external(internal: number): number {
    if (this.internal(internal) === internal) return internal;
    for (let database = 0; database < DATABASES_MAX; database++) {
      if (this.internal(database) === internal) return database;
    }
    return internal;
  }

  swap(one: number, other: number): void {
    const place = this.internal(one);
    this.place(one, this.internal(other));
    this.place(other, place);
  }

  private place(database: number, internal: number): void {
    const at = DATABASE_MAP + (database >>> 3);
    const shift = (database & (PLACES_PER_WORD - 1)) * PLACE_BITS;
    const others = this.ints[at]! & ~(PLACE_MASK << shift);
    this.ints[at] = others | ((internal ^ database) << shift);
  }

  /** A key came (1) to an internal number, or went (-1). */
  countKey(internal: number, difference: number): void {
    if (internal !== 0) this.ints[DATABASE_SIZES + internal - 1]! += difference;
  }

  countTtl(internal: number, difference: number): void {
    if (internal !== 0) this.ints[DATABASE_TTLS + internal - 1]! += difference;
  }

  size(internal: number): number {
    return this.counted(internal, DATABASE_SIZES, Int.size);
  }

  keysWithTtl(internal: number): number {
    return this.counted(internal, DATABASE_TTLS, Int.keysWithTtl);
  }

  private counted(internal: number, counts: number, total: number): number {
    if (internal !== 0) return this.ints[counts + internal - 1]!;
    let rest = this.ints[total]!;
    for (let other = 1; other < DATABASES_MAX; other++) rest -= this.ints[counts + other - 1]!;
    return rest;
  }
}
