/**
 * The definition of linearizability, tried out in every order, on plain values. It shares nothing
 * with the checker but the type of an operation, and no cleverness.
 */
import type { Action, Operation, Text } from '../../jepsen-lite/history.js';

type Value = Text | readonly string[];
/** What the key holds afterwards and what the client is told; null if it is told an error. */
type Effect = { readonly after: Value; readonly reply: unknown } | null;

const asInteger = (value: Text) =>
  value === null ? 0 : /^(0|-?[1-9]\d*)$/.test(value) ? Number(value) : null;

function applyToString(action: Action, value: Text): Effect {
  switch (action.f) {
    case 'read':
      return { after: value, reply: value };
    case 'getset':
      return { after: action.value, reply: value };
    case 'getdel':
      return { after: null, reply: value };
    case 'sappend':
      return { after: (value ?? '') + action.value, reply: undefined };
    case 'incr': {
      const before = asInteger(value);
      if (before === null) return null;
      return { after: String(before + action.delta), reply: before + action.delta };
    }
    default:
      return null;
  }
}

function applyToList(action: Action, value: readonly string[]): Effect {
  if (action.f === 'lread') return { after: value.length === 0 ? null : value, reply: value };
  if (action.f !== 'append') return null;
  return { after: [...value, action.value], reply: value.length + 1 };
}

export function apply(action: Action, value: Value): Effect {
  switch (action.f) {
    case 'write':
      return { after: action.value, reply: undefined };
    case 'cas': {
      const reply = value === action.from;
      return { after: reply ? action.value : value, reply };
    }
    case 'del':
      return { after: null, reply: value === null ? 0 : 1 };
    case 'setnx':
      return { after: value ?? action.value, reply: value === null };
    case 'expire':
      return { after: value === action.value ? null : value, reply: undefined };
    case 'append':
    case 'lread':
      return typeof value === 'string' ? null : applyToList(action, value ?? []);
    default:
      return value === null || typeof value === 'string' ? applyToString(action, value) : null;
  }
}

function fits(action: Action, reply: unknown): boolean {
  const told = 'result' in action ? action.result : undefined;
  if (told === undefined) return true;
  if (told === null && (action.f === 'del' || action.f === 'append')) return true;
  return JSON.stringify(told) === JSON.stringify(reply);
}

function explains(
  known: readonly Operation[],
  unknown: readonly Operation[],
  value: Value,
): boolean {
  if (known.length === 0) return true;
  const end = Math.min(...known.map(({ ret }) => ret));
  const without = (list: readonly Operation[], one: Operation) => list.filter((o) => o !== one);
  return (
    known.some((one) => {
      const effect = one.call <= end ? apply(one.action, value) : null;
      if (effect === null || !fits(one.action, effect.reply)) return false;
      return explains(without(known, one), unknown, effect.after);
    }) ||
    unknown.some((one) => {
      const effect = one.call <= end ? apply(one.action, value) : null;
      return effect !== null && explains(known, without(unknown, one), effect.after);
    })
  );
}

/** When the operations of one key stop making sense: the first such return; null if never. */
export function firstWrongReturn(init: Text, operations: readonly Operation[]): number | null {
  const happened = operations.filter(({ outcome }) => outcome !== 'fail');
  const returns = [...new Set(happened.map(({ ret }) => ret))].filter(Number.isFinite);
  const isWrong = (end: number) => {
    const known = happened.filter(({ ret }) => ret <= end);
    const unknown = happened.filter(({ ret, call }) => ret > end && call <= end);
    return !explains(known, unknown, init);
  };
  return returns.sort((a, b) => a - b).find(isWrong) ?? null;
}
