/**
 * Is there an order that explains a prefix? The search of Wing and Gong with the memory of Lowe:
 * take, one after another, operations that were called before the next return, until all known
 * ones are taken; go back where that leads nowhere, and never to the same place twice. What
 * keeps it short, each of it without loss:
 * - an operation that changes nothing is taken as soon as it can be;
 * - of operations that do the same only the one that returns first is tried;
 * - an overwriting is taken just before another one, with all that can see it, if these are open;
 * - no state is left that is needed again and cannot come again (demand.ts);
 * - an unknown operation is only taken to change something that is then seen, and with visited.ts
 *   no more of them than needed.
 */
import { Demand } from './demand.js';
import type { StateId, StateTable } from './states.js';
import { none } from './states.js';
import type { Prefix, Step } from './steps.js';
import { Visited } from './visited.js';
import { type Windows, windowsOf } from './windows.js';

export type Answer = 'yes' | 'no' | 'unknown';

/** What a check may cost; shared by all searches of one key. */
export interface Budget {
  stepsLeft: number;
  readonly bytesMax: number;
  /** Asked now and then; true ends the search. */
  readonly isOver: () => boolean;
}

/** Steps between two looks at the clock. */
const stepsPerLook = 4096;

/** A place to come back to, and what to try from there. */
interface Branch {
  readonly moves: readonly number[];
  next: number;
  readonly trail: number;
  readonly state: StateId;
}

/** In the trail, in place of a step: the next known operation returned. */
const returned = -1;

export class Search {
  private readonly steps: readonly Step[];
  private readonly knownCount: number;
  private readonly windows: Windows;
  private readonly demand: Demand;
  private readonly visited: Visited;
  private readonly bits: Int32Array;
  private readonly unknownBits: number;
  private readonly trail: number[] = [];
  private readonly branches: Branch[] = [];
  /** The known operation that returns next. */
  private at = 0;
  private state: StateId;
  /** How many known operations, in order of return, could be explained. */
  deepest = 0;

  constructor(
    private readonly states: StateTable,
    prefix: Prefix,
    private readonly budget: Budget,
  ) {
    this.demand = new Demand(states, prefix);
    const useful = prefix.unknown.filter((step) => !this.demand.isUnseen(step));
    this.steps = [...prefix.known, ...useful];
    this.knownCount = prefix.known.length;
    this.windows = windowsOf(prefix.known, useful);
    const knownWords = Math.ceil(this.windows.bitCount / 32);
    const unknownWords = Math.ceil(useful.length / 32);
    this.unknownBits = knownWords * 32;
    this.bits = new Int32Array(knownWords + unknownWords);
    this.visited = new Visited(knownWords, unknownWords);
    this.state = prefix.init;
  }

  run(): Answer {
    if (!this.demand.possible) return 'no';
    this.settle();
    if (this.arrive()) return 'yes';
    for (let branch = this.branches.at(-1); branch; branch = this.branches.at(-1)) {
      this.goBackTo(branch);
      const move = branch.moves[branch.next++];
      if (move === undefined) this.branches.pop();
      else if (this.isExhausted()) return 'unknown';
      else if (this.take(move) && this.arrive()) return 'yes';
    }
    return 'no';
  }

  /** The order that was found. */
  order(): Step[] {
    return this.trail.filter((place) => place !== returned).map((place) => this.steps[place]!);
  }

  private isExhausted(): boolean {
    const { budget } = this;
    if (--budget.stepsLeft < 0) return true;
    if (budget.stepsLeft % stepsPerLook !== 0) return false;
    return this.visited.bytes + this.states.bytes > budget.bytesMax || budget.isOver();
  }

  /** At a new place: true if it is the end, otherwise notes what to try from here. */
  private arrive(): boolean {
    this.deepest = Math.max(this.deepest, this.at);
    if (this.at === this.knownCount) return true;
    if (this.visited.add(this.at, this.state, this.bits)) {
      const { state } = this;
      this.branches.push({ moves: this.moves(), next: 0, trail: this.trail.length, state });
    }
    return false;
  }

  private moves(): number[] {
    const moves: number[] = [];
    const isUseless = this.endsUnseen();
    const kinds = new Set<string>();
    for (const place of this.windows.open[this.at]!) {
      const step = this.steps[place]!;
      if (kinds.has(step.kind) || this.isTaken(place) || !this.isPossible(step)) continue;
      if (isUseless && step.blind) continue;
      if (this.closedGroup(place)?.includes(this.at) === false) continue;
      kinds.add(step.kind).add(step.effect);
      moves.push(place);
    }
    const end = this.knownCount + this.windows.unknown[this.at]!;
    for (let place = this.knownCount; place < end; place++) {
      const step = this.steps[place]!;
      if (kinds.has(step.effect) || this.isTaken(place) || !this.isPossible(step)) continue;
      if (isUseless && step.blind) continue;
      if (this.demand.isUnseen(step) || step.step(this.state) === this.state) continue;
      kinds.add(step.effect);
      moves.push(place);
    }
    return moves;
  }

  /** The last step is an unknown one. To overwrite it now is the same as to leave it out. */
  private endsUnseen(): boolean {
    return (this.trail.at(-1) ?? returned) >= this.knownCount;
  }

  private isPossible(step: Step): boolean {
    if (step.need !== none && step.need !== this.state) return false;
    return step.step(this.state) !== none;
  }

  /** False if that was a mistake for certain. */
  private take(place: number): boolean {
    const step = this.steps[place]!;
    const before = this.state;
    if (step.blind) this.takeClosedGroups(place);
    this.mark(place);
    this.state = step.step(before);
    if (this.state !== before && this.demand.isLost(before)) return false;
    this.settle();
    return true;
  }

  private takeClosedGroups(except: number): void {
    for (const place of this.windows.open[this.at]!) {
      if (place === except || this.isTaken(place)) continue;
      for (const each of this.closedGroup(place) ?? []) this.mark(each);
    }
  }

  /**
   * An overwriting and what must follow it, up to a state that nobody needs; null if not all of it
   * is open. It can be put before any other overwriting, and makes no difference there.
   */
  private closedGroup(place: number): number[] | null {
    const first = this.steps[place]!;
    if (!first.blind || !this.demand.isSimple) return null;
    const group = [place];
    for (let state = first.makes; ; ) {
      const following = this.windows.open[this.at]!.filter(
        (each) => this.steps[each]!.need === state && !this.isTaken(each) && !group.includes(each),
      );
      if (following.length < this.demand.wantedTimes(state)) return null;
      group.push(...following.filter((each) => this.steps[each]!.pure));
      const leaving = following.filter((each) => !this.steps[each]!.pure);
      if (leaving.length === 0) return group;
      if (leaving.length > 1) return null;
      group.push(leaving[0]!);
      state = this.steps[leaving[0]!]!.makes;
    }
  }

  /** Lets return what is taken, and takes what changes nothing. */
  private settle(): void {
    this.takePure();
    while (this.at < this.knownCount && this.isTaken(this.at)) {
      this.flip(this.at++);
      this.trail.push(returned);
      if (this.at < this.knownCount) this.takePure();
    }
  }

  private takePure(): void {
    for (const place of this.windows.open[this.at] ?? []) {
      const step = this.steps[place]!;
      if (step.pure && !this.isTaken(place) && this.isPossible(step)) this.mark(place);
    }
  }

  private mark(place: number): void {
    this.flip(place);
    this.demand.take(this.steps[place]!);
    this.trail.push(place);
  }

  private goBackTo(branch: Branch): void {
    while (this.trail.length > branch.trail) {
      const place = this.trail.pop()!;
      if (place === returned) this.flip(--this.at);
      else {
        this.flip(place);
        this.demand.giveBack(this.steps[place]!);
      }
    }
    this.state = branch.state;
  }

  private bitOf(place: number): number {
    if (place < this.knownCount) return this.windows.bits[place]!;
    return this.unknownBits + place - this.knownCount;
  }

  /** For places that have not returned. */
  private isTaken(place: number): boolean {
    const bit = this.bitOf(place);
    return ((this.bits[bit >>> 5]! >>> (bit & 31)) & 1) === 1;
  }

  private flip(place: number): void {
    const bit = this.bitOf(place);
    this.bits[bit >>> 5]! ^= 1 << (bit & 31);
  }
}
