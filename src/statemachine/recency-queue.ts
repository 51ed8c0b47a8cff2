/**
 * A doubly linked list of slots through the records: head is newest, tail is next to go. The
 * record says which queue it is in, so that it can be taken out without searching.
 */
import { Int } from './header.js';
import { ABSENT } from './keyspace-view.js';
import { Field, Queue, type RecordTable } from './record-table.js';

export class RecencyQueue {
  private readonly headAt: number;
  private readonly tailAt: number;
  private readonly countAt: number;

  constructor(
    private readonly records: RecordTable,
    private readonly ints: Int32Array,
    private readonly id: number,
  ) {
    const probation = id === Queue.probation;
    this.headAt = probation ? Int.probationHead : Int.mainHead;
    this.tailAt = probation ? Int.probationTail : Int.mainTail;
    this.countAt = probation ? Int.probationCount : Int.mainCount;
  }

  get count(): number {
    return this.ints[this.countAt]!;
  }

  /** The slot that has waited longest, passing over `protectedSlot`; or ABSENT. */
  oldest(protectedSlot: number): number {
    const tail = this.ints[this.tailAt]!;
    if (tail !== protectedSlot || tail === ABSENT) return tail;
    return this.records.get(tail, Field.queuePrevious);
  }

  pushHead(slot: number): void {
    const head = this.ints[this.headAt]!;
    this.place(slot, ABSENT, head);
    if (head === ABSENT) this.ints[this.tailAt] = slot;
    else this.records.set(head, Field.queuePrevious, slot);
    this.ints[this.headAt] = slot;
  }

  pushTail(slot: number): void {
    const tail = this.ints[this.tailAt]!;
    this.place(slot, tail, ABSENT);
    if (tail === ABSENT) this.ints[this.headAt] = slot;
    else this.records.set(tail, Field.queueNext, slot);
    this.ints[this.tailAt] = slot;
  }

  remove(slot: number): void {
    const { records, ints } = this;
    const previous = records.get(slot, Field.queuePrevious);
    const next = records.get(slot, Field.queueNext);
    if (previous === ABSENT) ints[this.headAt] = next;
    else records.set(previous, Field.queueNext, next);
    if (next === ABSENT) ints[this.tailAt] = previous;
    else records.set(next, Field.queuePrevious, previous);
    records.setQueue(slot, Queue.none);
    ints[this.countAt] = ints[this.countAt]! - 1;
  }

  moveToHead(slot: number): void {
    if (this.ints[this.headAt] === slot) return;
    this.remove(slot);
    this.pushHead(slot);
  }

  private place(slot: number, previous: number, next: number): void {
    const words = this.records.forWrite(slot);
    const at = this.records.at(slot);
    words[at + Field.queuePrevious] = previous;
    words[at + Field.queueNext] = next;
    this.records.setQueue(slot, this.id);
    this.ints[this.countAt] = this.ints[this.countAt]! + 1;
  }
}
