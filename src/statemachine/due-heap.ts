/**
 * Slots ordered by due time, then by last use, for the policy `tlru-due`: a heap with four
 * children per node in a paged array. The record knows its position, so any slot can be taken out.
 */
import { type Header, Int } from './header.js';
import { ABSENT } from './keyspace-view.js';
import type { PagedInts } from './paged-region.js';
import { Field, Queue, type RecordTable } from './record-table.js';

const CHILDREN = 4;

export class DueHeap {
  private readonly ints: Int32Array;

  constructor(
    private readonly heap: PagedInts,
    private readonly records: RecordTable,
    header: Header,
  ) {
    this.ints = header.ints;
  }

  get count(): number {
    return this.ints[Int.heapSize]!;
  }

  /** The first slot in order that is not `protectedSlot`, or ABSENT. */
  first(protectedSlot: number): number {
    if (this.count === 0) return ABSENT;
    const top = this.heap.get(0);
    if (top !== protectedSlot) return top;
    const child = this.firstChild(0);
    return child === ABSENT ? ABSENT : this.heap.get(child);
  }

  add(slot: number): void {
    const at = this.count;
    this.ints[Int.heapSize] = at + 1;
    this.heap.reserve(at + 1);
    this.records.setQueue(slot, Queue.heap);
    this.stampUse(slot);
    this.rise(at, slot);
  }

  remove(slot: number): void {
    const at = this.records.get(slot, Field.queuePrevious);
    const last = this.count - 1;
    this.ints[Int.heapSize] = last;
    this.records.setQueue(slot, Queue.none);
    const moved = this.heap.get(last);
    this.heap.set(last, 0);
    if (at === last) return;
    this.rise(at, moved);
    this.sink(this.records.get(moved, Field.queuePrevious), moved);
  }

  /** The slot was used: behind others that are due at the same time. */
  touch(slot: number): void {
    this.stampUse(slot);
    this.sink(this.records.get(slot, Field.queuePrevious), slot);
  }

  private stampUse(slot: number): void {
    const uses = (this.ints[Int.useCount]! + 1) | 0;
    this.ints[Int.useCount] = uses;
    this.records.set(slot, Field.queueNext, uses);
  }

  private before(left: number, right: number): boolean {
    const difference = this.records.dueMs(left) - this.records.dueMs(right);
    if (difference !== 0) return difference < 0;
    const leftUse = this.records.get(left, Field.queueNext);
    return ((leftUse - this.records.get(right, Field.queueNext)) | 0) < 0;
  }

  private put(at: number, slot: number): void {
    this.heap.set(at, slot);
    this.records.set(slot, Field.queuePrevious, at);
  }

  private rise(from: number, slot: number): void {
    let at = from;
    while (at > 0) {
      const parent = ((at - 1) / CHILDREN) | 0;
      const above = this.heap.get(parent);
      if (!this.before(slot, above)) break;
      this.put(at, above);
      at = parent;
    }
    this.put(at, slot);
  }

  private sink(from: number, slot: number): void {
    let at = from;
    for (;;) {
      const child = this.firstChild(at);
      if (child === ABSENT || !this.before(this.heap.get(child), slot)) break;
      this.put(at, this.heap.get(child));
      at = child;
    }
    this.put(at, slot);
  }

  /** Position of the child that comes first in order, or ABSENT. */
  private firstChild(at: number): number {
    const start = at * CHILDREN + 1;
    const end = Math.min(start + CHILDREN, this.count);
    let best = start < end ? start : ABSENT;
    for (let child = start + 1; child < end; child++) {
      if (this.before(this.heap.get(child), this.heap.get(best))) best = child;
    }
    return best;
  }
}
