/**
 * Which states are still needed, and what can still make them. With unlimited patience the search
 * would find out by itself that it left a state too early; counting tells it at once.
 */

import { type Traces, traceLists } from './appended-lists.js';
import { traceStrings } from './appended-strings.js';
import { isInteger } from './model.js';
import { absent, none, type StateId, type StateTable } from './states.js';
import type { Prefix, Step } from './steps.js';

export class Demand {
  /** False: a result was seen that nothing can have brought about. */
  readonly possible: boolean;
  /** Every step overwrites, or can happen in one state only: then values can be told apart. */
  readonly isSimple: boolean;
  /** By state, of the steps not taken: they need it, they need it and must be taken. */
  private readonly wanted: Int32Array;
  private readonly must: Int32Array;
  /** By state: steps not taken that can make it. Steps that make any state are not counted. */
  private readonly makers: Int32Array;
  private readonly exact: Uint8Array;

  constructor(states: StateTable, prefix: Prefix) {
    const traces: Traces = { exact: new Set(), possible: true };
    traceLists(states, prefix, traces);
    traceStrings(states, prefix, traces);
    const steps = [...prefix.known, ...prefix.unknown];
    this.wanted = new Int32Array(states.size);
    this.must = new Int32Array(states.size);
    this.makers = new Int32Array(states.size);
    this.isSimple = steps.every(isSimpleStep);
    for (const step of steps) this.count(step, 1);
    this.exact = exactStates(states, steps, traces);
    const isMissing = (count: number, state: StateId) =>
      count > 0 && this.makers[state] === 0 && this.exact[state] === 1 && state !== prefix.init;
    this.possible = traces.possible && !this.must.some(isMissing);
  }

  take(step: Step): void {
    this.count(step, -1);
  }

  giveBack(step: Step): void {
    this.count(step, 1);
  }

  /** It is needed, and once left it will not come again. */
  isLost(state: StateId): boolean {
    // States that the search came upon later are needed by no step.
    if (state >= this.must.length) return false;
    return this.must[state]! > 0 && this.makers[state] === 0 && this.exact[state] === 1;
  }

  /** It overwrites, and no step that is left could tell that it happened. */
  isUnseen(step: Step): boolean {
    return this.isSimple && step.blind && this.wanted[step.makes] === 0;
  }

  /** By how many of the steps not taken. */
  wantedTimes(state: StateId): number {
    return this.wanted[state]!;
  }

  private count(step: Step, by: 1 | -1): void {
    const { need, makes } = step;
    if (need !== none) {
      this.wanted[need]! += by;
      if (step.must) this.must[need]! += by;
    }
    if (makes !== none) this.makers[makes]! += by;
  }
}

/** Keys with lists are left out: not all that overwrites strings overwrites a list. */
function isSimpleStep({ operation: { action }, need, blind }: Step): boolean {
  return action.f !== 'append' && action.f !== 'lread' && (blind || need !== none);
}

/** One for each state of which all makers are counted. */
function exactStates(states: StateTable, steps: readonly Step[], traces: Traces): Uint8Array {
  const grows = steps.some(({ operation }) => operation.action.f === 'sappend');
  const counted = steps.some(({ operation, known }) => operation.action.f === 'incr' && !known);
  return Uint8Array.from({ length: states.size }, (_, state) => {
    if (state === absent || traces.exact.has(state)) return 1;
    const text = states.stringOf(state);
    if (text === null || grows) return 0;
    return counted && isInteger(text) ? 0 : 1;
  });
}
