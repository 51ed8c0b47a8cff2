/**
 * Operations on one key as clients saw them, and what each does to a string value. Names follow
 * the format of jepsen-lite, so that another checker can take the same histories.
 */
export type Kind =
  | 'read'
  | 'write'
  | 'cas'
  | 'del'
  | 'incr'
  | 'setnx'
  | 'getset'
  | 'getdel'
  | 'sappend'
  /** Made by the recorder: if the key still holds `value`, it goes (TTL, eviction). */
  | 'expire';

export type Value = string | null;

export interface Operation {
  /** One connection; its operations take effect in their order. */
  readonly process: number;
  readonly key: string;
  readonly kind: Kind;
  /** Virtual ms, before the command was handed over. */
  readonly call: number;
  /** Null: the outcome is unknown; it may take effect at any time after `call`, or never. */
  return: number | null;
  /** What is written; the delta of incr. */
  readonly value: string;
  /** cas: what must be there. */
  readonly expected: string;
  /** read, getset, getdel: the value; incr: the sum; cas, setnx, del: '1' or '0'; length. */
  result: Value;
}

/** The next state, or undefined when the operation cannot have had its result here. */
export function stepOf(state: Value, operation: Operation): Value | undefined {
  const { kind, value, result } = operation;
  const known = operation.return !== null;
  switch (kind) {
    case 'read':
      return !known || state === result ? state : undefined;
    case 'write':
      return value;
    case 'expire':
      return state === value ? null : undefined;
    case 'cas':
      if (!known) return state === operation.expected ? value : state;
      if (result === '1') return state === operation.expected ? value : undefined;
      return state;
    case 'del':
      return !known || (result === '1') === (state !== null) ? null : undefined;
    case 'setnx':
      if (known && (result === '1') !== (state === null)) return undefined;
      return state ?? value;
    case 'getset':
      return !known || state === result ? value : undefined;
    case 'getdel':
      return !known || state === result ? null : undefined;
    case 'incr': {
      const sum = String(Number(state ?? 0) + Number(value));
      return !known || sum === result ? sum : undefined;
    }
    case 'sappend': {
      const longer = (state ?? '') + value;
      return !known || String(longer.length) === result ? longer : undefined;
    }
  }
}
