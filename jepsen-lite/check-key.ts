/** The verdict on one key and, where no order explains what was seen, since when that is so. */
import type { Operation } from './history.js';
import { type Answer, type Budget, Search } from './search.js';
import type { StateTable } from './states.js';
import { type KeyHistory, type Prefix, prefixOf, type Step } from './steps.js';

/** A prefix that no order explains. It ends with the return of the offending operation. */
export interface Failure {
  readonly key: string;
  readonly offending: Operation;
  readonly prefix: Prefix;
  /** An order that explains the prefix without the offending operation. */
  readonly explained: readonly Step[];
  /** False where a bound ended the hunt for a shorter one. */
  readonly isShortest: boolean;
}

export interface KeyAnswer {
  readonly history: KeyHistory;
  readonly answer: Answer;
  /** How many operations, in order of return, are known to be explained by some order. */
  readonly explained: number;
}

export function checkKey(states: StateTable, history: KeyHistory, budget: Budget): KeyAnswer {
  const search = new Search(states, prefixOf(states, history, history.known.length), budget);
  return { history, answer: search.run(), explained: search.deepest };
}

/**
 * Looks for the least number of returns that fails. The searches know what is read later and give
 * up early, so how far they came says only where to begin.
 */
export function failureOf(states: StateTable, answer: KeyAnswer, budget: Budget): Failure {
  const { history } = answer;
  let [explained, failing, stride] = [answer.explained, history.known.length, 1];
  let isShortest = true;
  while (explained + 1 < failing && isShortest) {
    const count = Math.min(explained + stride, (explained + failing) >>> 1);
    const search = new Search(states, prefixOf(states, history, count), budget);
    const answer = search.run();
    if (answer === 'yes') [explained, stride] = [count, stride * 2];
    else if (answer === 'no') [explained, failing] = [Math.max(explained, search.deepest), count];
    else isShortest = false;
  }
  return describe(states, history, failing, isShortest, budget);
}

function describe(
  states: StateTable,
  history: KeyHistory,
  failing: number,
  isShortest: boolean,
  budget: Budget,
): Failure {
  const before = new Search(states, prefixOf(states, history, failing - 1), budget);
  return {
    key: history.key,
    offending: history.known[failing - 1]!,
    prefix: prefixOf(states, history, failing),
    explained: before.run() === 'yes' ? before.order() : [],
    isShortest,
  };
}
