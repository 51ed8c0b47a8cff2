/**
 * What each kind of operation does to the value of its key, as Redis does it. An operation that
 * Redis answers with an error (INCRBY on a text, GET on a list) changes nothing and has no result:
 * where a result was seen it cannot have been that.
 */
import type { Action, Text } from './history.js';
import { absent, none, type StateId, type StateTable } from './states.js';

export interface Transition {
  /** The state afterwards; `none` where the operation, with the result it gave, cannot happen. */
  readonly step: (state: StateId) => StateId;
  /** The only state it can happen in, `none` if there are several. */
  readonly need: StateId;
  /** The only state that it can make of another one, `none` if there are several. */
  readonly makes: StateId;
  /** It leaves every state that it can happen in as it is. */
  readonly pure: boolean;
  /** It can happen in every state, and what follows does not depend on which it was. */
  readonly blind: boolean;
}

function only(need: StateId, after: StateId): Transition {
  const step = (state: StateId) => (state === need ? after : none);
  const pure = need === after;
  return { step, need, makes: pure ? none : after, pure, blind: false };
}

function overwrite(makes: StateId): Transition {
  return { step: () => makes, need: none, makes, pure: false, blind: true };
}

function mixed(makes: StateId, step: Transition['step']): Transition {
  return { step, need: none, makes, pure: false, blind: false };
}

function unchanged(holds: (state: StateId) => boolean): Transition {
  const step = (state: StateId) => (holds(state) ? state : none);
  return { step, need: none, makes: none, pure: true, blind: false };
}

const integer = /^(0|-?[1-9]\d*)$/;
const integerMax = 2n ** 63n - 1n;

/** Null where Redis would answer with an error. */
function add(value: Text, delta: number): string | null {
  if (value === null) return String(delta);
  if (!integer.test(value)) return null;
  const sum = BigInt(value) + BigInt(delta);
  return sum > integerMax || sum < -integerMax - 1n ? null : String(sum);
}

export function isInteger(value: Text): boolean {
  return value !== null && integer.test(value);
}

function increment(states: StateTable, delta: number, result: number | undefined): Transition {
  const makes = result === undefined ? none : states.ofString(String(result));
  const step = (state: StateId): StateId => {
    if (states.listOf(state) !== null) return none;
    const sum = add(states.stringOf(state), delta);
    if (sum === null || (result !== undefined && sum !== String(result))) return none;
    return states.ofString(sum);
  };
  // Both 0 and an absent key become `delta`.
  if (result === undefined || result === delta) return mixed(makes, step);
  const before = BigInt(result) - BigInt(delta);
  return { ...mixed(makes, step), need: states.ofString(String(before)) };
}

function append(states: StateTable, element: string, length: number | null): Transition {
  if (length === 1) return only(absent, states.append(absent, element));
  return mixed(none, (state) => {
    if (state !== absent && states.listOf(state) === null) return none;
    if (length !== null && states.lengthOf(state) + 1 !== length) return none;
    return states.append(state, element);
  });
}

function appendText(states: StateTable, suffix: string): Transition {
  return mixed(none, (state) => {
    if (states.listOf(state) !== null) return none;
    return states.ofString((states.stringOf(state) ?? '') + suffix);
  });
}

function remove(result: number | null | undefined): Transition {
  if (result === 0) return only(absent, absent);
  if (result === 1) return mixed(absent, (state) => (state === absent ? none : absent));
  return overwrite(absent);
}

/** Overwrites, but refuses a list: GETDEL, and SET with GET. */
function overwriteString(states: StateTable, makes: StateId): Transition {
  const step = (state: StateId) => (states.listOf(state) === null ? makes : none);
  return { ...overwrite(makes), step };
}

/**
 * What `action` with its result does. Without a result its outcome is unknown: then the transition
 * is its effect, which can be left out at will. Null: there is no effect that anybody could see.
 */
export function transitionOf(
  states: StateTable,
  action: Action,
  known: boolean,
): Transition | null {
  const id = (value: Text) => states.ofString(value);
  switch (action.f) {
    case 'read':
      return known ? only(id(action.result!), id(action.result!)) : null;
    case 'lread': {
      if (!known) return null;
      const list = states.ofList(action.result!);
      return only(list, list);
    }
    case 'write':
      return overwrite(id(action.value));
    case 'cas': {
      const from = id(action.from);
      if (known && action.result === false) return unchanged((state) => state !== from);
      return only(from, id(action.value));
    }
    case 'setnx':
      if (known && action.result === false) return unchanged((state) => state !== absent);
      return only(absent, id(action.value));
    case 'del':
      return remove(known ? action.result : null);
    case 'getset':
      if (known) return only(id(action.result!), id(action.value));
      return overwriteString(states, id(action.value));
    case 'getdel':
      return known ? only(id(action.result!), absent) : overwriteString(states, absent);
    case 'incr':
      return increment(states, action.delta, known ? action.result : undefined);
    case 'append':
      return append(states, action.value, known ? (action.result ?? null) : null);
    case 'sappend':
      return appendText(states, action.value);
    case 'expire': {
      const value = id(action.value);
      if (!known) return only(value, absent);
      return mixed(absent, (state) => (state === value ? absent : state));
    }
  }
}
