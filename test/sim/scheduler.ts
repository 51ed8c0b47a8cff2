/**
 * Virtual time: a heap of events, run by time and, at the same time, in the order in which they
 * were made. After an event that settled a promise everything that hangs on it runs to its end
 * before the next event, so that real async code takes part without any choice of its own.
 */
import { SimFailure } from './failure.js';

interface Event {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

const realImmediate = setImmediate;

/** Some code settles promises by itself: it is not kept waiting for long. */
const stepsBetweenDrains = 64;

export class Scheduler {
  /** Milliseconds since the start of the simulation. */
  now = 0;
  steps = 0;
  private heap: Event[] = [];
  private made = 0;
  private unsettled = false;
  private traceA = 0x811c9dc5;
  private traceB = 0x9e3779b9;
  private failure: unknown = null;

  constructor(private readonly stepsMax: number) {}

  at(time: number, run: () => void): void {
    const event = { time: Math.max(time, this.now), order: this.made++, run };
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  after(delay: number, run: () => void): void {
    this.at(this.now + delay, run);
  }

  /** A promise was settled, or may have been: its continuations run before the next event. */
  settled(): void {
    this.unsettled = true;
  }

  /** Mixes a number into the hash of the run. */
  trace(value: number): void {
    this.traceA = Math.imul(this.traceA ^ (value | 0), 0x01000193);
    this.traceB = Math.imul(this.traceB ^ (value | 0), 0x85ebca6b) + 0x165667b1;
    this.traceB ^= this.traceB >>> 15;
  }

  traceText(text: string): void {
    for (let at = 0; at < text.length; at++) this.trace(text.charCodeAt(at));
  }

  get traceHash(): string {
    const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
    return hex(this.traceA) + hex(this.traceB);
  }

  /** Ends the simulation with this error as soon as the current event is over. */
  fail(error: unknown): void {
    this.failure ??= error;
  }

  /** Runs until the time is over or `stop` says so. Throws what a check found. */
  async run(until: number, stop: () => boolean = () => false): Promise<boolean> {
    for (;;) {
      if (this.failure !== null) throw this.failure;
      if (stop()) return true;
      const next = this.heap[0];
      if (next === undefined || next.time > until) break;
      this.pop();
      this.now = next.time;
      if (++this.steps > this.stepsMax) throw new SimFailure('bound', 'the simulation has no end');
      next.run();
      if (!this.unsettled && this.steps % stepsBetweenDrains !== 0) continue;
      this.unsettled = false;
      await new Promise((resolve) => realImmediate(resolve));
    }
    this.now = until;
    return false;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
