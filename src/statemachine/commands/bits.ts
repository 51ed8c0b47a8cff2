/** SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, KeyspaceSpec, ReadContext } from '../command-spec.js';
import { ABSENT } from '../keyspace-view.js';
import { parseInt64 } from '../numbers.js';
import {
  type BitRange,
  badBitOffset,
  bitOffset,
  bitsWithin,
  countBits,
  countsInBits,
  findBit,
} from './bit-ranges.js';
import {
  extended,
  notAnInteger,
  oneKey,
  readSpec,
  refuseWrongType,
  removeKey,
  syntaxError,
  used,
  writeSpec,
} from './spec-helpers.js';

const group = 'bitmap' as const;

function integerAt(args: Args, index: number) {
  return parseInt64(args.bytes, args.start(index), args.end(index));
}

function bitAt(context: ReadContext, slot: number, offset: number): number {
  const { keyspace } = context;
  const byte = offset >>> 3;
  if (slot === ABSENT || byte >= keyspace.valueLength(slot)) return 0;
  const held = keyspace.valueBuffer(slot)[keyspace.valueStart(slot) + byte]!;
  return (held >>> (7 - (offset & 7))) & 1;
}

function checkSetBit(args: Args): string | null {
  if (bitOffset(args, 2, 0) < 0) return badBitOffset;
  const bit = integerAt(args, 3);
  return bit === 0 || bit === 1 ? null : 'ERR bit is not an integer or out of range';
}

/** A bit that is what it was is no modification, unless the value grows. */
function setBit(context: ApplyContext, args: Args, reply: ReplySink): void {
  const { keyspace } = context;
  const offset = bitOffset(args, 2, 0);
  const bit = Number(integerAt(args, 3));
  const found = context.peek(args, 1);
  if (refuseWrongType(context, found, reply)) return;
  const before = bitAt(context, found, offset);
  const byte = offset >>> 3;
  const grows = found === ABSENT || byte >= keyspace.valueLength(found);
  if (grows || bit !== before) {
    const slot = extended(context, args, 1, found, byte + 1);
    const at = keyspace.valueStart(slot) + byte;
    const mask = 0x80 >>> (offset & 7);
    const bytes = keyspace.valueBuffer(slot);
    bytes[at] = bit === 1 ? bytes[at]! | mask : bytes[at]! & ~mask;
    context.notify('$', 'setbit', args, 1);
  }
  reply.integer(before);
}

function getBit(context: ReadContext, args: Args, reply: ReplySink): void {
  const offset = bitOffset(args, 2, 0);
  if (offset < 0) return reply.error(badBitOffset);
  const slot = context.find(args, 1);
  if (!refuseWrongType(context, slot, reply)) reply.integer(bitAt(context, slot, offset));
}

const wholeValue: BitRange = { from: 0, to: -1, inBits: false };

/** Start, end and unit from argument 2 on; null: it ends before it starts, whatever the unit. */
function countRange(args: Args): BitRange | null | string {
  if (args.count === 2) return wholeValue;
  if (args.count === 3 || args.count > 5) return syntaxError;
  const from = integerAt(args, 2);
  const to = integerAt(args, 3);
  if (from === null || to === null) return notAnInteger;
  if (from < 0 && to < 0 && from > to) return null;
  const inBits = countsInBits(args, 4);
  return inBits === null ? syntaxError : { from, to, inBits };
}

/** Redis reads the range only when there is a value. */
function bitCount(context: ReadContext, args: Args, reply: ReplySink): void {
  const { keyspace } = context;
  const slot = context.find(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  if (slot === ABSENT) return reply.integer(0);
  const range = countRange(args);
  if (typeof range === 'string') return reply.error(range);
  const bits = range === null ? null : bitsWithin(range, keyspace.valueLength(slot));
  if (bits === null) return reply.integer(0);
  const bytes = keyspace.valueBuffer(slot);
  reply.integer(countBits(bytes, keyspace.valueStart(slot), bits.first, bits.last));
}

/** Start, end and unit from argument 3 on, any of which may be missing. */
function searchRange(args: Args): BitRange | string {
  if (args.count === 3) return wholeValue;
  if (args.count > 6) return syntaxError;
  const from = integerAt(args, 3);
  if (from === null) return notAnInteger;
  const inBits = countsInBits(args, 5);
  if (inBits === null) return syntaxError;
  const to = args.count === 4 ? -1 : integerAt(args, 4);
  return to === null ? notAnInteger : { from, to, inBits };
}

/** Without an end the value counts as followed by zeros without end. */
function bitPos(context: ReadContext, args: Args, reply: ReplySink): void {
  const bit = integerAt(args, 2);
  if (bit === null) return reply.error(notAnInteger);
  if (bit !== 0 && bit !== 1) return reply.error('ERR The bit argument must be 1 or 0.');
  const { keyspace } = context;
  const slot = context.find(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  if (slot === ABSENT) return reply.integer(bit === 1 ? -1 : 0);
  const range = searchRange(args);
  if (typeof range === 'string') return reply.error(range);
  const length = keyspace.valueLength(slot);
  const bits = bitsWithin(range, length);
  if (bits === null) return reply.integer(-1);
  const bytes = keyspace.valueBuffer(slot);
  const position = findBit(bytes, keyspace.valueStart(slot), bit, bits.first, bits.last);
  const behind = position < 0 && bit === 0 && args.count < 5;
  reply.integer(behind ? length * 8 : position);
}

type BitOperation = 'AND' | 'OR' | 'XOR' | 'NOT';
const bitOperations: readonly BitOperation[] = ['AND', 'OR', 'XOR', 'NOT'];

function checkBitOp(args: Args): string | null {
  const operation = bitOperations.find((name) => args.is(1, name));
  if (operation === undefined) return syntaxError;
  return operation === 'NOT' && args.count !== 4
    ? 'ERR BITOP NOT must be called with a single source key.'
    : null;
}

function bitOp(context: ApplyContext, args: Args, reply: ReplySink): void {
  const operation = bitOperations.find((name) => args.is(1, name))!;
  const { keyspace } = context;
  const slots: number[] = [];
  let length = 0;
  for (let index = 3; index < args.count; index++) {
    const slot = context.find(args, index);
    if (refuseWrongType(context, slot, reply)) return;
    slots.push(slot);
    if (slot !== ABSENT) length = Math.max(length, keyspace.valueLength(slot));
  }
  if (length > 0) {
    const result = combined(context, operation, slots, length);
    context.put(args.bytes, args.start(2), args.end(2), result, 0, length, 0);
    context.notify('$', 'set', args, 2);
  } else {
    const target = context.peek(args, 2);
    if (target !== ABSENT) removeKey(context, args, 2, target);
  }
  reply.integer(length);
}

/** Shorter values, and keys that do not exist, count as filled up with zeros. */
function combined(
  context: ApplyContext,
  operation: BitOperation,
  slots: readonly number[],
  length: number,
): Uint8Array {
  const result = paddedValue(context, slots[0]!, length);
  if (operation === 'NOT') for (let at = 0; at < length; at++) result[at] = ~result[at]!;
  for (const slot of slots.slice(1)) {
    const other = paddedValue(context, slot, length);
    if (operation === 'AND') for (let at = 0; at < length; at++) result[at]! &= other[at]!;
    else if (operation === 'OR') for (let at = 0; at < length; at++) result[at]! |= other[at]!;
    else for (let at = 0; at < length; at++) result[at]! ^= other[at]!;
  }
  return result;
}

function paddedValue(context: ApplyContext, slot: number, length: number): Uint8Array {
  const { keyspace } = context;
  const value = new Uint8Array(length);
  if (slot === ABSENT) return value;
  const start = keyspace.valueStart(slot);
  value.set(keyspace.valueBuffer(slot).subarray(start, start + keyspace.valueLength(slot)));
  return value;
}

export const bitCommands: readonly KeyspaceSpec[] = [
  writeSpec(
    100,
    'setbit',
    4,
    {
      group,
      flags: ['denyoom'],
      since: '2.2.0',
      summary: 'Sets or clears a bit of a string.',
      syntax: 'key offset value',
    },
    checkSetBit,
    setBit,
  ),
  readSpec(
    101,
    'getbit',
    3,
    { group, since: '2.2.0', summary: 'Returns a bit of a string.', syntax: 'key offset' },
    getBit,
  ),
  readSpec(
    102,
    'bitcount',
    -2,
    {
      group,
      flags: [],
      since: '2.6.0',
      complexity: 'O(N)',
      summary: 'Counts the bits of a string that are set.',
      syntax: 'key [start end [BYTE | BIT]]',
    },
    bitCount,
  ),
  readSpec(
    103,
    'bitpos',
    -3,
    {
      group,
      flags: [],
      since: '2.8.7',
      complexity: 'O(N)',
      summary: 'Finds the first bit of a string that is set, or that is clear.',
      syntax: 'key bit [start [end [BYTE | BIT]]]',
    },
    bitPos,
  ),
  writeSpec(
    104,
    'bitop',
    -4,
    {
      group,
      keys: used({ ...oneKey, first: 2, last: -1 }, 'OW update', 'RO access'),
      flags: ['denyoom'],
      since: '2.6.0',
      complexity: 'O(N)',
      summary: 'Combines strings bit by bit and stores the result.',
      syntax: '<AND | OR | XOR | NOT> destination key [key ...]',
    },
    checkBitOp,
    bitOp,
  ),
];
