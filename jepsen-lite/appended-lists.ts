/**
 * Where each element of a list is appended only once, a list that was read gives away the state in
 * which each of its elements was appended. Without this the search would try all their orders.
 */

import { absent, none, type StateId, type StateTable } from './states.js';
import type { Prefix, Step } from './steps.js';

/** What reads give away about the states that a key went through. */
export interface Traces {
  /** States of which it is known how they came about: by no more than the steps that make them. */
  readonly exact: Set<StateId>;
  /** False: no history explains the results. */
  possible: boolean;
}

/** `step` happened, and it happened between these states. */
export function tie(step: Step, before: StateId, after: StateId, traces: Traces): void {
  if (step.need !== none && step.need !== before) traces.possible = false;
  step.need = before;
  step.makes = after;
  step.must = true;
  traces.exact.add(after);
}

/** What steps add to values, and the step that adds it; null where there are several. */
export function byAddition(steps: readonly Step[], f: 'append' | 'sappend') {
  const adding = new Map<string, Step | null>();
  for (const step of steps) {
    const { action } = step.operation;
    if (action.f === f) adding.set(action.value, adding.has(action.value) ? null : step);
  }
  return adding;
}

export function traceLists(states: StateTable, prefix: Prefix, traces: Traces): void {
  const appending = byAddition([...prefix.known, ...prefix.unknown], 'append');
  const seen = new Set<StateId>([absent]);
  for (const { operation, need } of prefix.known) {
    if (operation.action.f !== 'lread') continue;
    for (let list = need; !seen.has(list); list = states.listOf(list)!.before) {
      seen.add(list);
      const { before, element } = states.listOf(list)!;
      const step = appending.get(element);
      if (step === undefined) traces.possible = false;
      else if (step !== null) tie(step, before, list, traces);
    }
  }
}
