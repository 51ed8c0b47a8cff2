/**
 * TLRU, rules 2 to 6: a queue on probation for new keys and a main queue for those that proved
 * useful, ghosts of those that left, and a duel that notices loops. `allkeys-tlru` holds all keys
 * in its queues, `volatile-tlru` those with a due time. Integers only.
 */
import { limits } from '../limits.js';
import type { EvictionPolicy, Shortage } from './eviction.js';
import { Ghost } from './ghosts.js';
import { Int, Num } from './header.js';
import type { KeyspaceState } from './keyspace-state.js';
import { ABSENT } from './keyspace-view.js';
import { Field, Queue } from './record-table.js';

const USE_MAX = 3;
/** Uses that take a key from probation to the main queue. */
const PROVEN_USE = 2;

export class TlruPolicy implements EvictionPolicy {
  constructor(
    private readonly state: KeyspaceState,
    private readonly volatileOnly: boolean,
  ) {}

  inserted(slot: number): void {
    const { state } = this;
    if (this.volatileOnly && !state.records.hasDue(slot)) return;
    const hash = state.records.get(slot, Field.hash);
    const thrash = state.duel.countInsert(hash);
    const ghost = state.ghosts.take(hash);
    const use = this.initialUse(slot);
    state.records.setUse(slot, ghost === Ghost.hot ? Math.max(1, use) : use);
    if (ghost !== Ghost.none) state.main.pushHead(slot);
    else if (!thrash) state.pushProbation(slot, true);
    else if (state.duel.isLucky()) state.main.pushHead(slot);
    else state.pushProbation(slot, false);
  }

  touched(slot: number): void {
    const { records } = this.state;
    const use = records.use(slot);
    if (use < USE_MAX) records.setUse(slot, use + 1);
  }

  dueChanged(slot: number, _had: boolean): void {
    if (!this.volatileOnly) return;
    const { state } = this;
    const has = state.records.hasDue(slot);
    const queue = state.records.queue(slot);
    if (!has) state.detach(slot);
    else if (queue === Queue.none) state.pushProbation(slot, true);
  }

  leaving(slot: number): void {
    const { records, ghosts } = this.state;
    if (!this.isLimited()) return;
    if (records.queue(slot) !== Queue.main && records.use(slot) === 0) return;
    ghosts.add(records.get(slot, Field.hash), true);
  }

  adopt(slot: number): void {
    const { state } = this;
    const queue = state.records.queue(slot);
    if (this.volatileOnly && !state.records.hasDue(slot)) {
      state.detach(slot);
    } else if (queue === Queue.none || queue === Queue.heap) {
      state.detach(slot);
      state.main.pushTail(slot);
    }
  }

  victim(protectedSlot: number, shortage: Shortage): number {
    const { state } = this;
    // The bound keeps one write from turning over a whole queue of hot keys.
    for (let step = 0; ; step++) {
      const probation = state.probation.oldest(protectedSlot);
      const main = state.main.oldest(protectedSlot);
      const fromProbation =
        probation !== ABSENT && (main === ABSENT || this.probationIsFull(shortage));
      const slot = fromProbation ? probation : main;
      if (slot === ABSENT) return slot;
      if (this.volatileOnly && !state.records.hasDue(slot)) {
        // Placed by a policy for all keys; the sweep has not come to it yet.
        if (step >= limits.evictionStepsMax) return ABSENT;
        state.detach(slot);
        continue;
      }
      if (step >= limits.evictionStepsMax) return slot;
      if (!(fromProbation ? this.promote(slot) : this.spare(slot))) return slot;
    }
  }

  evicting(slot: number): void {
    const { records, ghosts } = this.state;
    ghosts.countEviction();
    if (records.queue(slot) === Queue.probation) ghosts.add(records.get(slot, Field.hash), false);
  }

  canEvict(): boolean {
    const { ints } = this.state.header;
    return ints[this.volatileOnly ? Int.keysWithTtl : Int.size]! > 0;
  }

  wantsTouch(slot: number): boolean {
    const { records } = this.state;
    if (records.use(slot) >= USE_MAX) return false;
    return !this.volatileOnly || records.hasDue(slot);
  }

  /** Without a limit nothing is evicted, and a place in the queues is worth no memory. */
  private isLimited(): boolean {
    const { nums } = this.state.header;
    return nums[Num.maxmemory]! > 0 || nums[Num.maxkeys]! > 0;
  }

  /** Rule 3: a small key needs less proof of its use. */
  private initialUse(slot: number): number {
    const charge = this.state.chargeOf(slot);
    const mean = this.state.meanCharge();
    if (charge * 8 < mean) return 2;
    return charge * 2 < mean ? 1 : 0;
  }

  /** Rule 4: probation holds over 10% of the capacity. */
  private probationIsFull(shortage: Shortage): boolean {
    const { nums, ints } = this.state.header;
    if (shortage === 'bytes') return nums[Num.probationBytes]! * 10 > nums[Num.maxmemory]!;
    return ints[Int.probationCount]! * 10 > nums[Num.maxkeys]!;
  }

  /** True when the key moved to the main queue; false: it goes. */
  private promote(slot: number): boolean {
    const { state } = this;
    if (state.records.use(slot) < PROVEN_USE) return false;
    state.detach(slot);
    state.records.setUse(slot, this.initialUse(slot));
    state.main.pushHead(slot);
    return true;
  }

  /** True when the key paid with its uses for another round; false: it goes. */
  private spare(slot: number): boolean {
    const { state } = this;
    const use = state.records.use(slot);
    const cost = state.chargeOf(slot) > 4 * state.meanCharge() ? 2 : 1;
    if (use < cost) return false;
    state.records.setUse(slot, use - cost);
    state.main.moveToHead(slot);
    return true;
  }
}
