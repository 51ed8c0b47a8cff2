/** BITFIELD, BITFIELD_RO: integers of 1 to 64 bits at any bit of a string. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, KeyspaceSpec, KeyUse, ReadContext } from '../command-spec.js';
import { ABSENT, type KeyspaceView } from '../keyspace-view.js';
import { parseInt64 } from '../numbers.js';
import { badBitOffset, bitOffset } from './bit-ranges.js';
import {
  extended,
  notAnInteger,
  oneKey,
  readSpec,
  refuseWrongType,
  syntaxError,
  used,
  writeSpec,
} from './spec-helpers.js';

const badType =
  'ERR Invalid bitfield type. ' +
  'Use something like i16 u8. Note that u64 is not supported but i64 is.';

type Overflow = 'WRAP' | 'SAT' | 'FAIL';
const overflows: readonly Overflow[] = ['WRAP', 'SAT', 'FAIL'];

interface Field {
  readonly offset: number;
  readonly bits: number;
  readonly signed: boolean;
}

interface FieldOperation extends Field {
  readonly name: 'GET' | 'SET' | 'INCRBY';
  /** The value or the increment. */
  readonly operand: bigint;
  readonly overflow: Overflow;
}

/** The operations from argument 2 on, or an error text. */
function fieldOperations(args: Args): FieldOperation[] | string {
  const found: FieldOperation[] = [];
  let overflow: Overflow = 'WRAP';
  for (let at = 2; at < args.count; ) {
    const left = args.count - at - 1;
    if (args.is(at, 'OVERFLOW') && left >= 1) {
      const named = overflows.find((name) => args.is(at + 1, name));
      if (named === undefined) return 'ERR Invalid OVERFLOW type specified';
      overflow = named;
      at += 2;
      continue;
    }
    const name = operationAt(args, at, left);
    if (name === null) return syntaxError;
    const field = fieldAt(args, at + 1);
    if (typeof field === 'string') return field;
    const reads = name === 'GET';
    const operand = reads ? 0 : parseInt64(args.bytes, args.start(at + 3), args.end(at + 3));
    if (operand === null) return notAnInteger;
    found.push({ ...field, name, operand: BigInt(operand), overflow });
    at += reads ? 3 : 4;
  }
  return found;
}

function operationAt(args: Args, at: number, left: number): FieldOperation['name'] | null {
  if (args.is(at, 'GET')) return left >= 2 ? 'GET' : null;
  if (left < 3) return null;
  if (args.is(at, 'SET')) return 'SET';
  return args.is(at, 'INCRBY') ? 'INCRBY' : null;
}

/** A type such as i16 in argument `index` and the offset behind it. */
function fieldAt(args: Args, index: number): Field | string {
  const sign = args.length(index) > 0 ? args.bytes[args.start(index)] : 0;
  const signed = sign === 105;
  if (!signed && sign !== 117) return badType;
  const bits = parseInt64(args.bytes, args.start(index) + 1, args.end(index));
  if (bits === null || bits < 1 || bits > (signed ? 64 : 63)) return badType;
  const offset = bitOffset(args, index + 1, Number(bits));
  return offset < 0 ? badBitOffset : { offset, bits: Number(bits), signed };
}

/** Unsigned, whatever the type; what lies behind the value is zero. */
function readBits(keyspace: KeyspaceView, slot: number, { offset, bits }: Field): bigint {
  if (slot === ABSENT) return 0n;
  const bytes = keyspace.valueBuffer(slot);
  const start = keyspace.valueStart(slot);
  const length = keyspace.valueLength(slot);
  const last = offset + bits - 1;
  let value = 0n;
  for (let at = Math.floor(offset / 8); at <= Math.floor(last / 8); at++) {
    value = (value << 8n) | BigInt(at < length ? bytes[start + at]! : 0);
  }
  return BigInt.asUintN(bits, value >> BigInt(7 - (last % 8)));
}

/** The value is long enough, and may be changed. */
function writeBits(keyspace: KeyspaceView, slot: number, field: Field, value: bigint): void {
  const { offset, bits } = field;
  const bytes = keyspace.valueBuffer(slot);
  const start = keyspace.valueStart(slot);
  for (let bit = 0; bit < bits; bit++) {
    const place = offset + bits - 1 - bit;
    const at = start + Math.floor(place / 8);
    const mask = 0x80 >>> (place % 8);
    const set = ((value >> BigInt(bit)) & 1n) === 1n;
    bytes[at] = set ? bytes[at]! | mask : bytes[at]! & ~mask;
  }
}

function typed({ bits, signed }: Field, raw: bigint): bigint {
  return signed ? BigInt.asIntN(bits, raw) : raw;
}

/** What is stored for `value` + `increment`; null: OVERFLOW FAIL forbids it. */
function bounded(operation: FieldOperation, value: bigint, increment: bigint): bigint | null {
  const { bits, signed, overflow } = operation;
  const most = (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
  const least = signed ? -most - 1n : 0n;
  // Redis takes a value far below the least one for one that is too large: its room wraps around.
  const tooLarge =
    value + increment > most || (signed && bits < 64 && BigInt.asIntN(64, most - value) < 0n);
  if (!tooLarge && value + increment >= least) return value + increment;
  if (overflow === 'FAIL') return null;
  if (overflow === 'SAT') return tooLarge ? most : least;
  return typed(operation, BigInt.asUintN(bits, value + increment));
}

function isWrite({ name }: FieldOperation): boolean {
  return name !== 'GET';
}

/** Redis: bitfieldGetKeys. */
function useOf(args: Args): KeyUse {
  const operations = fieldOperations(args);
  const reads = typeof operations !== 'string' && !operations.some(isWrite);
  return reads ? 'RO access' : 'RW access update';
}

function checkBitField(args: Args): string | null {
  const operations = fieldOperations(args);
  return typeof operations === 'string' ? operations : null;
}

function bitField(context: ApplyContext, args: Args, reply: ReplySink): void {
  const operations = fieldOperations(args) as FieldOperation[];
  const slot = operations.some(isWrite) ? context.peek(args, 1) : context.find(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  const fields = new Fields(context, args, slot, operations.filter(isWrite));
  reply.array(operations.length);
  for (const operation of operations) fields.run(operation, reply);
  if (fields.changed) context.notify('$', 'setbit', args, 1);
}

/** The value of one BITFIELD, which becomes writable when something is to change. */
class Fields {
  changed = false;
  private readonly bytes: number;
  private readonly grows: boolean;
  private writable = false;

  /** Room for all writes is made first, even where OVERFLOW FAIL then forbids them. */
  constructor(
    private readonly context: ApplyContext,
    private readonly args: Args,
    private slot: number,
    writes: readonly Field[],
  ) {
    const ends = writes.map(({ offset, bits }) => offset + bits);
    this.bytes = Math.ceil(Math.max(0, ...ends) / 8);
    this.grows = this.bytes > (slot === ABSENT ? 0 : context.keyspace.valueLength(slot));
    if (this.grows) this.makeWritable();
  }

  run(operation: FieldOperation, reply: ReplySink): void {
    const { name, operand, signed } = operation;
    const { keyspace } = this.context;
    const before = typed(operation, readBits(keyspace, this.slot, operation));
    if (name === 'GET') return reply.integer(before);
    const after =
      name === 'INCRBY'
        ? bounded(operation, before, operand)
        : bounded(operation, signed ? operand : BigInt.asUintN(64, operand), 0n);
    if (after === null) return reply.nil();
    if (after !== before) {
      this.makeWritable();
      writeBits(keyspace, this.slot, operation, after);
    }
    if (this.grows || after !== before) this.changed = true;
    reply.integer(name === 'INCRBY' ? after : before);
  }

  private makeWritable(): void {
    if (!this.writable) this.slot = extended(this.context, this.args, 1, this.slot, this.bytes);
    this.writable = true;
  }
}

function bitFieldReadOnly(context: ReadContext, args: Args, reply: ReplySink): void {
  const operations = fieldOperations(args);
  if (typeof operations === 'string') return reply.error(operations);
  if (operations.some(isWrite)) {
    return reply.error('ERR BITFIELD_RO only supports the GET subcommand');
  }
  const slot = context.find(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  reply.array(operations.length);
  for (const operation of operations) {
    reply.integer(typed(operation, readBits(context.keyspace, slot, operation)));
  }
}

export const bitFieldCommands: readonly KeyspaceSpec[] = [
  writeSpec(
    105,
    'bitfield',
    -2,
    {
      group: 'bitmap',
      keys: { ...used(oneKey, 'RW access update'), useOf },
      flags: ['denyoom'],
      since: '3.2.0',
      complexity: 'O(N)',
      summary: 'Reads and changes integers of any width in a string.',
      syntax:
        'key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] ' +
        '<SET encoding offset value | INCRBY encoding offset increment> ...]',
    },
    checkBitField,
    bitField,
  ),
  readSpec(
    106,
    'bitfield_ro',
    -2,
    {
      group: 'bitmap',
      since: '6.0.0',
      complexity: 'O(N)',
      summary: 'Reads integers of any width in a string.',
      syntax: 'key [GET encoding offset [GET encoding offset ...]]',
    },
    bitFieldReadOnly,
  ),
];
