/** What the specs of many commands share. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type {
  AclCategory,
  ApplyContext,
  CommandFlag,
  CommandGroup,
  KeySpec,
  KeyUse,
  ReadContext,
  ReadSpec,
  SpecBase,
  WriteSpec,
} from '../command-spec.js';
import { ABSENT, type KeyspaceView, ValueType } from '../keyspace-view.js';

export const notAnInteger = 'ERR value is not an integer or out of range';
export const syntaxError = 'ERR syntax error';
export const wrongType = 'WRONGTYPE Operation against a key holding the wrong kind of value';

export const oneKey: KeySpec = { first: 1, last: 1, step: 1 };
export const allKeys: KeySpec = { first: 1, last: -1, step: 1 };
export const twoKeys: KeySpec = { first: 1, last: 2, step: 1 };
export const pairKeys: KeySpec = { first: 1, last: -1, step: 2 };
export const noKeys: KeySpec = { first: 0, last: 0, step: 0 };

/** As it is, for other uses of the keys. */
export function used(keys: KeySpec, ...uses: readonly KeyUse[]): KeySpec {
  return { ...keys, uses };
}

interface Described {
  readonly keys?: KeySpec;
  /** Beside those that follow from kind, group and speed. */
  readonly acl?: readonly AclCategory[];
  readonly flags?: readonly CommandFlag[];
  readonly group?: CommandGroup;
  readonly since?: string;
  readonly summary: string;
  readonly complexity?: string;
  readonly syntax?: string;
}

const categoryOf: Partial<Record<CommandGroup, AclCategory>> = {
  string: 'string',
  bitmap: 'bitmap',
};

function base(kind: 'read' | 'write', name: string, arity: number, described: Described): SpecBase {
  const group = described.group ?? 'string';
  const flags = described.flags ?? ['fast'];
  const speed: AclCategory = flags.includes('fast') ? 'fast' : 'slow';
  return {
    name,
    arity,
    flags: [kind === 'read' ? 'readonly' : 'write', ...flags],
    acl: [kind, categoryOf[group] ?? 'keyspace', speed, ...(described.acl ?? [])],
    keys: described.keys ?? oneKey,
    group,
    since: described.since ?? '1.0.0',
    summary: described.summary,
    complexity: described.complexity ?? 'O(1)',
    syntax: described.syntax ?? 'key',
  };
}

export function readSpec(
  opcode: number,
  name: string,
  arity: number,
  described: Described,
  read: ReadSpec['read'],
): ReadSpec {
  return { kind: 'read', opcode, ...base('read', name, arity, described), read };
}

export function writeSpec(
  opcode: number,
  name: string,
  arity: number,
  described: Described,
  check: WriteSpec['check'],
  apply: WriteSpec['apply'],
): WriteSpec {
  return { kind: 'write', opcode, ...base('write', name, arity, described), check, apply };
}

export const fine = () => null;

/** True, and the error is given, when the key holds another type than a string. */
export function refuseWrongType(context: ReadContext, slot: number, reply: ReplySink): boolean {
  if (slot === ABSENT || context.keyspace.typeOf(slot) === ValueType.string) return false;
  reply.error(wrongType);
  return true;
}

/** The value of a slot, or nil. */
export function replyValue(keyspace: KeyspaceView, slot: number, reply: ReplySink): void {
  if (slot === ABSENT) return reply.nil();
  const start = keyspace.valueStart(slot);
  reply.bulk(keyspace.valueBuffer(slot), start, start + keyspace.valueLength(slot));
}

/** Copies: what is kept across a change of the keyspace must not lie in it. */
export function copyValue(keyspace: KeyspaceView, slot: number): Uint8Array {
  const start = keyspace.valueStart(slot);
  return keyspace.valueBuffer(slot).slice(start, start + keyspace.valueLength(slot));
}

/** proto-max-bulk-len's default; no string grows beyond it. */
export const stringBytesMax = 512 * 1024 * 1024;
export const tooLong = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)';

/**
 * The slot of the key in argument `key`, found at `slot` or ABSENT, with a value of at least
 * `length` bytes that may be written into; zeros where it grew.
 */
export function extended(
  context: ApplyContext,
  args: Args,
  key: number,
  slot: number,
  length: number,
): number {
  const { bytes } = args;
  const held =
    slot === ABSENT ? context.put(bytes, args.start(key), args.end(key), bytes, 0, 0, 0) : slot;
  context.keyspace.resizeValue(held, Math.max(length, context.keyspace.valueLength(held)));
  return held;
}

/** As peek() for a read: tells when there is no such key. */
export function look(context: ReadContext, args: Args, index: number): number {
  const slot = context.peek(args, index);
  if (slot === ABSENT) context.missed(args, index);
  return slot;
}

/** Removes the key in argument `index`, and tells of it. */
export function removeKey(context: ApplyContext, args: Args, index: number, slot: number): void {
  context.keyspace.remove(slot);
  context.notify('g', 'del', args, index);
}

export function sameArgument(args: Args, a: number, b: number): boolean {
  if (args.length(a) !== args.length(b)) return false;
  const from = args.start(a);
  const other = args.start(b);
  for (let at = 0; at < args.length(a); at++) {
    if (args.bytes[from + at] !== args.bytes[other + at]) return false;
  }
  return true;
}
