/**
 * `tlru-due`, the strict original: the key that is due first goes first, then the one whose last
 * use is longest ago. A key without due time counts as due in the far future, so those go last,
 * in order of use.
 */
import type { EvictionPolicy } from './eviction.js';
import { Int } from './header.js';
import type { KeyspaceState } from './keyspace-state.js';
import { ABSENT } from './keyspace-view.js';
import { Queue } from './record-table.js';

export class DuePolicy implements EvictionPolicy {
  constructor(private readonly state: KeyspaceState) {}

  inserted(slot: number): void {
    const { state } = this;
    if (state.records.hasDue(slot)) state.heap.add(slot);
    else state.main.pushHead(slot);
  }

  touched(slot: number): void {
    const { state } = this;
    const queue = state.records.queue(slot);
    if (queue === Queue.heap) state.heap.touch(slot);
    else if (queue === Queue.main) state.main.moveToHead(slot);
  }

  dueChanged(slot: number, _had: boolean): void {
    this.state.detach(slot);
    this.inserted(slot);
  }

  leaving(_slot: number): void {}

  adopt(slot: number): void {
    const { state } = this;
    const queue = state.records.queue(slot);
    const wanted = state.records.hasDue(slot) ? Queue.heap : Queue.main;
    if (queue === wanted) return;
    state.detach(slot);
    if (wanted === Queue.heap) state.heap.add(slot);
    else state.main.pushTail(slot);
  }

  victim(protectedSlot: number): number {
    const { state } = this;
    const first = state.heap.first(protectedSlot);
    if (first !== ABSENT) return first;
    const oldest = state.main.oldest(protectedSlot);
    return oldest !== ABSENT ? oldest : state.probation.oldest(protectedSlot);
  }

  evicting(_slot: number): void {}

  canEvict(): boolean {
    return this.state.header.ints[Int.size]! > 0;
  }

  /** Among keys with a due time the use only breaks ties: not worth a byte of log. */
  wantsTouch(slot: number): boolean {
    return !this.state.records.hasDue(slot);
  }
}
