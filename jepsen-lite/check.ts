/**
 * The verdict on a history. Keys are checked one by one, since a history of independent keys is
 * linearizable if that of each key is (Herlihy and Wing). Pure: the same history and bounds give
 * the same verdict, unless the caller's clock ends it.
 */
import { checkKey, type Failure, failureOf, type KeyAnswer } from './check-key.js';
import type { History, Operation } from './history.js';
import type { Budget } from './search.js';
import { StateTable } from './states.js';
import type { KeyHistory } from './steps.js';

export type Verdict = 'linearizable' | 'not linearizable' | 'unknown';

export interface Bounds {
  /** Operations tried for one key. */
  readonly stepsMax: number;
  /** Memory of the search of one key, about. */
  readonly bytesMax: number;
  /** Asked now and then; true ends the check. */
  readonly isOver: () => boolean;
}

export const defaultBounds: Bounds = {
  stepsMax: 1_000_000_000,
  bytesMax: 512 * 1024 * 1024,
  isOver: () => false,
};

/** Tried for each key before any key gets more, so that a hard key does not hide a wrong one. */
const firstStepsMax = 200_000;

export interface Report {
  readonly verdict: Verdict;
  readonly operations: number;
  readonly keys: number;
  readonly undecidedKeys: readonly string[];
  /** Operations tried, over all keys. */
  readonly steps: number;
  /** The earliest one found, where the verdict is `not linearizable`. */
  readonly failure: Failure | null;
}

function splitByKey({ init, operations }: History): KeyHistory[] {
  const byKey = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.outcome === 'fail') continue;
    const before = byKey.get(operation.key);
    if (before === undefined) byKey.set(operation.key, [operation]);
    else before.push(operation);
  }
  return [...byKey].map(([key, all]) => ({
    key,
    init,
    known: all.filter(({ outcome }) => outcome === 'ok').sort((a, b) => a.ret - b.ret),
    unknown: all.filter(({ outcome }) => outcome === 'unknown').sort((a, b) => a.call - b.call),
  }));
}

class Check {
  steps = 0;

  constructor(private readonly bounds: Bounds) {}

  /** Runs `work` with a state table and a budget of its own. */
  private spend<T>(stepsMax: number, work: (states: StateTable, budget: Budget) => T): T {
    const { bytesMax, isOver } = this.bounds;
    const budget: Budget = { stepsLeft: stepsMax, bytesMax, isOver };
    const result = work(new StateTable(), budget);
    this.steps += stepsMax - Math.max(0, budget.stepsLeft);
    return result;
  }

  answer(history: KeyHistory, stepsMax: number): KeyAnswer {
    return this.spend(stepsMax, (states, budget) => checkKey(states, history, budget));
  }

  answers(keys: readonly KeyHistory[]): KeyAnswer[] {
    const { stepsMax } = this.bounds;
    const firstMax = Math.min(firstStepsMax, stepsMax);
    const first = keys.map((key) => this.answer(key, firstMax));
    if (firstMax === stepsMax || first.some(({ answer }) => answer === 'no')) return first;
    return first.map((each) =>
      each.answer === 'unknown' ? this.answer(each.history, stepsMax) : each,
    );
  }

  /** That of the key which went wrong first. */
  failure(answers: readonly KeyAnswer[]): Failure | null {
    const failures = answers
      .filter(({ answer }) => answer === 'no')
      .map((each) =>
        this.spend(this.bounds.stepsMax, (states, budget) => failureOf(states, each, budget)),
      )
      .sort((a, b) => a.offending.ret - b.offending.ret);
    return failures[0] ?? null;
  }
}

export function check(history: History, bounds: Bounds = defaultBounds): Report {
  const keys = splitByKey(history);
  const run = new Check(bounds);
  const answers = run.answers(keys);
  const failure = run.failure(answers);
  const undecidedKeys = answers
    .filter(({ answer }) => answer === 'unknown')
    .map((each) => each.history.key);
  const decided = undecidedKeys.length === 0;
  return {
    verdict: failure ? 'not linearizable' : decided ? 'linearizable' : 'unknown',
    operations: history.operations.length,
    keys: keys.length,
    undecidedKeys,
    steps: run.steps,
    failure: failure && { ...failure, isShortest: failure.isShortest && decided },
  };
}
