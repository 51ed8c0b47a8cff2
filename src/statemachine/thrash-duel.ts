/**
 * TLRU rule 6: finds out whether keys come round in a loop larger than the memory. Two samples of
 * the keys always insert in one way each, group A normally and group B in thrash mode; the sample
 * with fewer inserts of new keys shows what suits the others.
 */
import { type Header, Int } from './header.js';

const GROUP_A = 0;
const GROUP_B = 1;
const WEIGHT = 16;
const HALVE_EVERY = 1024;
/** In thrash mode one in so many new keys still gets a good place. */
const LUCKY_EVERY = 32;

export class ThrashDuel {
  private readonly ints: Int32Array;

  constructor(header: Header) {
    this.ints = header.ints;
  }

  /** Counts the insert of a new key; true: insert it in thrash mode. */
  countInsert(hash: number): boolean {
    const group = hash >>> 26;
    if (group > GROUP_B) return this.ints[Int.duelA]! * 2 > this.ints[Int.duelB]! * 3 + 1024;
    this.count(group === GROUP_A ? Int.duelA : Int.duelB);
    return group === GROUP_B;
  }

  /** Call for each insert in thrash mode; true for every 32nd. */
  isLucky(): boolean {
    const inserts = (this.ints[Int.thrashInserts]! + 1) % LUCKY_EVERY;
    this.ints[Int.thrashInserts] = inserts;
    return inserts === 0;
  }

  private count(counter: number): void {
    const { ints } = this;
    ints[counter] = ints[counter]! + WEIGHT;
    ints[Int.duelInserts] = ints[Int.duelInserts]! + 1;
    if (ints[Int.duelInserts]! < HALVE_EVERY) return;
    ints[Int.duelInserts] = 0;
    ints[Int.duelA] = ints[Int.duelA]! >>> 1;
    ints[Int.duelB] = ints[Int.duelB]! >>> 1;
  }
}
