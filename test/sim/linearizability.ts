/**
 * Is there an order of the operations on one key that explains every result? The search of Wing
 * and Gong with Lowe's memory of what was tried: a set of operations done and the value they
 * leave. Operations of one process keep their order.
 */
import { type Operation, stepOf, type Value } from './operations.js';

export type Verdict = 'linearizable' | 'not linearizable' | 'undecided';

interface Place {
  readonly operation: Operation;
  readonly id: number;
  /** The return of a call; null on returns, and on calls without one. */
  readonly match: Place | null;
  readonly isCall: boolean;
  previous: Place | null;
  next: Place | null;
}

const stepsMax = 400_000;

export function checkKey(operations: readonly Operation[], initial: Value = null): Verdict {
  const sorted = [...operations].sort((a, b) => a.call - b.call);
  return new Search(sorted, initial).run();
}

class Search {
  private readonly head: Place;
  private readonly done: Uint32Array;
  private readonly tried = new Set<string>();
  /** Per operation: the known one before it of the same process, or -1. */
  private readonly after: number[];

  constructor(
    operations: readonly Operation[],
    private state: Value,
  ) {
    this.done = new Uint32Array((operations.length + 31) >>> 5);
    this.after = predecessors(operations);
    this.head = chain(operations);
  }

  run(): Verdict {
    const stack: { readonly place: Place; readonly state: Value }[] = [];
    let place = this.head.next;
    for (let steps = 0; place !== null; steps++) {
      if (steps > stepsMax) return 'undecided';
      if (!place.isCall) {
        const last = stack.pop();
        if (last === undefined) return 'not linearizable';
        this.state = last.state;
        this.undo(last.place);
        place = last.place.next;
        continue;
      }
      const before = this.state;
      if (this.mayFollow(place) && this.apply(place)) {
        stack.push({ place, state: before });
        place = this.head.next;
      } else place = place.next;
    }
    // Only operations of unknown outcome are left.
    return 'linearizable';
  }

  private mayFollow({ id }: Place): boolean {
    const before = this.after[id]!;
    return before < 0 || (this.done[before >>> 5]! & (1 << (before & 31))) !== 0;
  }

  private apply(place: Place): boolean {
    const next = stepOf(this.state, place.operation);
    if (next === undefined) return false;
    // What changes nothing and need not have happened leads nowhere new.
    if (place.match === null && next === this.state) return false;
    const { id } = place;
    this.done[id >>> 5]! |= 1 << (id & 31);
    const key = `${this.done.join(',')}|${next}`;
    if (this.tried.has(key)) {
      this.done[id >>> 5]! &= ~(1 << (id & 31));
      return false;
    }
    this.tried.add(key);
    this.state = next;
    unlink(place);
    if (place.match !== null) unlink(place.match);
    return true;
  }

  private undo(place: Place): void {
    this.done[place.id >>> 5]! &= ~(1 << (place.id & 31));
    if (place.match !== null) link(place.match);
    link(place);
  }
}

function predecessors(operations: readonly Operation[]): number[] {
  const last = new Map<number, number>();
  return operations.map(({ process, return: end }, at) => {
    const before = last.get(process) ?? -1;
    if (end !== null && process >= 0) last.set(process, at);
    return before;
  });
}

/** Calls and returns in the order of time; equal times count as concurrent. */
function chain(operations: readonly Operation[]): Place {
  const places: { time: number; place: Place }[] = [];
  operations.forEach((operation, id) => {
    const end = operation.return;
    const shared = { operation, id, previous: null, next: null };
    const match = end === null ? null : { ...shared, match: null, isCall: false };
    if (match !== null) places.push({ time: end!, place: match });
    places.push({ time: operation.call, place: { ...shared, match, isCall: true } });
  });
  places.sort((a, b) => a.time - b.time || Number(b.place.isCall) - Number(a.place.isCall));
  const head: Place = { ...emptyPlace };
  let last = head;
  for (const { place } of places) {
    last.next = place;
    place.previous = last;
    last = place;
  }
  return head;
}

const nobody: Operation = {
  process: -1,
  key: '',
  kind: 'read',
  call: 0,
  return: null,
  value: '',
  expected: '',
  result: null,
};
const emptyPlace: Place = {
  operation: nobody,
  id: -1,
  match: null,
  isCall: true,
  previous: null,
  next: null,
};

function unlink(place: Place): void {
  place.previous!.next = place.next;
  if (place.next !== null) place.next.previous = place.previous;
}

function link(place: Place): void {
  place.previous!.next = place;
  if (place.next !== null) place.next.previous = place;
}
