/**
 * The line format of a history (see README.md) to operations. Everything that does not follow the
 * format is refused with the number of its line: a checker that guesses proves nothing.
 */
export type Text = string | null;
export type Outcome = 'ok' | 'fail' | 'unknown';

/** What was asked of the key and, where the outcome is `ok`, what came back. */
export type Action =
  | { readonly f: 'read' | 'getdel'; readonly result?: Text }
  | { readonly f: 'write' | 'sappend' | 'expire'; readonly value: string }
  | { readonly f: 'cas'; readonly from: Text; readonly value: string; readonly result?: boolean }
  | { readonly f: 'del'; readonly result?: number | null }
  | { readonly f: 'incr'; readonly delta: number; readonly result?: number }
  | { readonly f: 'setnx'; readonly value: string; readonly result?: boolean }
  | { readonly f: 'getset'; readonly value: string; readonly result?: Text }
  | { readonly f: 'append'; readonly value: string; readonly result?: number | null }
  | { readonly f: 'lread'; readonly result?: readonly string[] };

export interface Operation {
  /** From 1, in the file. */
  readonly line: number;
  readonly id: number;
  readonly process: number;
  readonly key: string;
  readonly call: number;
  /** Infinity unless the outcome is `ok`. */
  readonly ret: number;
  readonly outcome: Outcome;
  readonly action: Action;
}

export interface History {
  /** What each key holds before the first operation. */
  readonly init: Text;
  readonly operations: readonly Operation[];
}

/** The text is no history; `line` counts from 1. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError';
  constructor(
    readonly line: number,
    problem: string,
  ) {
    super(`line ${line}: ${problem}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;
/** Gives the value in the form that actions use, or undefined where it is something else. */
type Read<T> = (value: unknown) => T | undefined;

const flag: Read<boolean> = (value) => (typeof value === 'boolean' ? value : undefined);
const whole: Read<number> = (value) => (Number.isSafeInteger(value) ? Number(value) : undefined);
// Drivers may count their values; Redis gives all of them back as text.
const text: Read<string> = (value) =>
  typeof value === 'string' ? value : whole(value)?.toString();
const textOrNull: Read<Text> = (value) => (value === null ? null : text(value));
const oneOrZero: Read<0 | 1> = (value) => (value === 0 || value === 1 ? value : undefined);
const length: Read<number> = (value) => (Number(whole(value)) > 0 ? whole(value) : undefined);
/** A reply that the client may not have passed on. */
const reported = <T>(read: Read<T>): Read<T | null> => {
  return (value) => (value === null || value === undefined ? null : read(value));
};
const texts: Read<readonly string[]> = (value) => {
  if (!Array.isArray(value)) return undefined;
  const read = value.map(text);
  return read.every((each) => each !== undefined) ? read : undefined;
};
const swap: Read<{ from: Text; value: string }> = (value) => {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [from, to] = [textOrNull(value[0]), text(value[1])];
  return from === undefined || to === undefined ? undefined : { from, value: to };
};

class Line {
  constructor(
    readonly number: number,
    readonly fields: Fields,
  ) {}

  refuse(problem: string): never {
    throw new HistoryError(this.number, problem);
  }

  field<T>(name: string, read: Read<T>, what: string): T {
    const value = read(this.fields[name]);
    if (value !== undefined) return value;
    const given = this.fields[name] === undefined ? 'is missing' : 'is something else';
    this.refuse(`"${name}" must be ${what}, and ${given}`);
  }

  value(): { value: string } {
    return { value: this.field('a', text, 'a string') };
  }

  result<T>(read: Read<T>, what: string): { result?: T } {
    return this.fields.st === 'ok' ? { result: this.field('r', read, what) } : {};
  }
}

const actions: Readonly<Record<Action['f'], (line: Line) => Action>> = {
  read: (line) => ({ f: 'read', ...line.result(textOrNull, 'a string or null') }),
  write: (line) => ({ f: 'write', ...line.value() }),
  cas: (line) => ({
    f: 'cas',
    ...line.field('a', swap, 'an array of the old and the new string'),
    ...line.result(flag, 'true or false'),
  }),
  del: (line) => ({ f: 'del', ...line.result(reported(oneOrZero), '0, 1 or null') }),
  incr: (line) => ({
    f: 'incr',
    delta: line.field('a', whole, 'an integer'),
    ...line.result(whole, 'an integer'),
  }),
  setnx: (line) => ({ f: 'setnx', ...line.value(), ...line.result(flag, 'true or false') }),
  getset: (line) => ({
    f: 'getset',
    ...line.value(),
    ...line.result(textOrNull, 'a string or null'),
  }),
  getdel: (line) => ({ f: 'getdel', ...line.result(textOrNull, 'a string or null') }),
  append: (line) => ({
    f: 'append',
    ...line.value(),
    ...line.result(reported(length), 'a length above 0, or null'),
  }),
  lread: (line) => ({ f: 'lread', ...line.result(texts, 'an array of strings') }),
  sappend: (line) => ({ f: 'sappend', ...line.value() }),
  expire: (line) => ({ f: 'expire', ...line.value() }),
};

const outcome: Read<Outcome> = (value) =>
  value === 'ok' || value === 'fail' || value === 'unknown' ? value : undefined;
const actionName: Read<Action['f']> = (value) =>
  typeof value === 'string' && Object.hasOwn(actions, value) ? (value as Action['f']) : undefined;

function parseFields(number: number, json: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new HistoryError(number, 'is not JSON');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new HistoryError(number, 'is not a JSON object');
}

function parseOperation(line: Line): Operation {
  const st = line.field('st', outcome, '"ok", "fail" or "unknown"');
  const f = line.field('f', actionName, `one of ${Object.keys(actions).join(', ')}`);
  const call = line.field('call', whole, 'an integer');
  const ret = st === 'ok' ? line.field('ret', whole, 'an integer') : Number.POSITIVE_INFINITY;
  if (ret < call) line.refuse(`"ret" ${ret} lies before "call" ${call}`);
  return {
    line: line.number,
    id: line.field('id', whole, 'an integer'),
    process: line.field('p', whole, 'an integer'),
    key: line.field('k', text, 'a string'),
    call,
    ret,
    outcome: st,
    action: actions[f](line),
  };
}

function parseInit(line: Line): Text {
  const { meta } = line.fields;
  if (typeof meta !== 'object' || meta === null) line.refuse('"meta" must be an object');
  const { init } = meta as Fields;
  const value = init === undefined ? null : textOrNull(init);
  return value === undefined ? line.refuse('"init" must be a string or null') : value;
}

/** @throws HistoryError at the first line that does not follow the format */
export function parseHistory(jsonl: string): History {
  let init: Text = null;
  const operations: Operation[] = [];
  for (const [at, json] of jsonl.split('\n').entries()) {
    if (json.trim() === '') continue;
    const line = new Line(at + 1, parseFields(at + 1, json));
    if (line.fields.meta === undefined) operations.push(parseOperation(line));
    else if (at === 0) init = parseInit(line);
    else line.refuse('"meta" may only be in the first line');
  }
  return { init, operations };
}
