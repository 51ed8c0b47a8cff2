/** The operations of one key, cut off at some moment, as the search sees them. */
import type { Operation, Text } from './history.js';
import { type Transition, transitionOf } from './model.js';
import type { StateId, StateTable } from './states.js';

/** The operations of one key that may have had an effect. */
export interface KeyHistory {
  readonly key: string;
  readonly init: Text;
  /** Their results were seen; by return. */
  readonly known: readonly Operation[];
  /** Their outcomes are unknown; by call. */
  readonly unknown: readonly Operation[];
}

export interface Step extends Omit<Transition, 'need' | 'makes'> {
  readonly operation: Operation;
  /** It happened, and its result is given. Otherwise it may also never happen. */
  readonly known: boolean;
  need: StateId;
  makes: StateId;
  /** It has happened in every history that explains the results. */
  must: boolean;
  /** Equal for steps that do the same, and for these with the same result. */
  readonly effect: string;
  readonly kind: string;
}

function makeStep(states: StateTable, operation: Operation, known: boolean): Step | null {
  const { action } = operation;
  const transition = transitionOf(states, action, known);
  if (transition === null || (transition.pure && !known)) return null;
  const { result, ...asked } = { result: undefined, ...action };
  const effect = JSON.stringify(asked);
  const kind = `${effect} ${known ? JSON.stringify(result) : ''}`;
  return { ...transition, operation, known, must: known, effect, kind };
}

export interface Prefix {
  readonly init: StateId;
  /** By return. */
  readonly known: readonly Step[];
  /** By call: what was not over at the end of the prefix, or has an outcome that is unknown. */
  readonly unknown: readonly Step[];
}

/** What was to be seen when the operation `count` in order of return had just returned. */
export function prefixOf(states: StateTable, history: KeyHistory, count: number): Prefix {
  const end = history.known[count - 1]?.ret ?? 0;
  const make = (known: boolean) => (operation: Operation) =>
    makeStep(states, operation, known) ?? [];
  const open = [...history.known.slice(count), ...history.unknown]
    .filter(({ call }) => call <= end)
    .sort((a, b) => a.call - b.call);
  return {
    init: states.ofString(history.init),
    known: history.known.slice(0, count).flatMap(make(true)),
    unknown: open.flatMap(make(false)),
  };
}
