/**
 * Keeps the keyspace within its limits: removes what is due (TLRU rule 1), evicts where a write
 * needs room (rule 4), and moves keys over when the policy was changed. Each call does a bounded
 * amount of work and leaves the rest to later ones, in the same way on every replica.
 */
import { limits } from '../limits.js';
import type { Entries } from './entries.js';
import type { EvictionPolicy, Shortage } from './eviction.js';
import { Int, Num } from './header.js';
import type { KeyspaceState } from './keyspace-state.js';
import { ABSENT } from './keyspace-view.js';

/** Moves between levels of the wheel for one key that is looked for in place of a victim. */
const CASCADE_PER_VICTIM = 64;

export class Room {
  private readonly nums: Float64Array;
  private readonly ints: Int32Array;

  constructor(
    private readonly state: KeyspaceState,
    private readonly entries: Entries,
    private readonly policy: EvictionPolicy,
  ) {
    this.nums = state.header.nums;
    this.ints = state.header.ints;
  }

  /** The share of one log entry: called when the time has been set. */
  advance(): void {
    this.expire();
    this.sweep();
    if (this.shortage(0, 0) !== null) this.make(0, 0, ABSENT);
  }

  /** Keys that are due are still there, or on the wrong level of the wheel. */
  get expiryOwed(): boolean {
    return this.state.wheel.owed(this.nums[Num.nowMs]!);
  }

  /** Further entries, even empty ones, would get on with something. */
  get workOwed(): boolean {
    if (this.expiryOwed || this.ints[Int.sweepAt]! >= 0) return true;
    return this.shortage(0, 0) !== null && this.policy.canEvict();
  }

  /** Evicts until so much more fits, or nothing more may go, or the bound for one write. */
  make(bytes: number, keys: number, protectedSlot: number): void {
    for (let evicted = 0; evicted < limits.evictPerWriteMax; evicted++) {
      const shortage = this.shortage(bytes, keys);
      if (shortage === null || !this.evictOne(protectedSlot, shortage)) return;
    }
  }

  /** Removes a key that is due. */
  expireSlot(slot: number): void {
    this.policy.leaving(slot);
    this.entries.drop(slot, 'expired');
    this.nums[Num.expired] = this.nums[Num.expired]! + 1;
  }

  private shortage(bytes: number, keys: number): Shortage | null {
    const maxmemory = this.nums[Num.maxmemory]!;
    if (maxmemory > 0 && this.nums[Num.usedBytes]! + bytes > maxmemory) return 'bytes';
    const maxkeys = this.nums[Num.maxkeys]!;
    return maxkeys > 0 && this.ints[Int.size]! + keys > maxkeys ? 'keys' : null;
  }

  private evictOne(protectedSlot: number, shortage: Shortage): boolean {
    const due = this.state.wheel.nextDue(this.nums[Num.nowMs]!, CASCADE_PER_VICTIM);
    if (due !== ABSENT) {
      this.expireSlot(due);
      return true;
    }
    let slot = this.policy.victim(protectedSlot, shortage);
    if (slot === ABSENT && this.ints[Int.sweepAt]! >= 0) {
      this.sweep();
      slot = this.policy.victim(protectedSlot, shortage);
    }
    if (slot === ABSENT) return false;
    this.policy.evicting(slot);
    this.entries.drop(slot, 'evicted');
    this.nums[Num.evicted] = this.nums[Num.evicted]! + 1;
    return true;
  }

  private expire(): void {
    const { wheel } = this.state;
    const nowMs = this.nums[Num.nowMs]!;
    let moves = limits.cascadePerEntryMax;
    for (let expired = 0; expired < limits.expirePerEntryMax; expired++) {
      const slot = wheel.nextDue(nowMs, moves);
      moves -= wheel.stepsTaken;
      if (slot === ABSENT) break;
      this.expireSlot(slot);
    }
    if (!wheel.owed(nowMs)) wheel.catchUp(nowMs);
  }

  private sweep(): void {
    const from = this.ints[Int.sweepAt]!;
    if (from < 0) return;
    const end = this.ints[Int.slotLimit]!;
    const to = Math.min(end, from + limits.sweepPerEntryMax);
    for (let slot = from; slot < to; slot++) {
      if (this.state.records.isHeld(slot)) this.policy.adopt(slot);
    }
    this.ints[Int.sweepAt] = to === end ? -1 : to;
  }
}
