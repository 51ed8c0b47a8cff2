/** INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { latin1Bytes } from '../batch-format.js';
import type { ApplyContext, WriteSpec } from '../command-spec.js';
import { ABSENT } from '../keyspace-view.js';
import {
  addLongDoubles,
  formatLongDouble,
  type LongDouble,
  parseLongDouble,
} from '../long-double.js';
import { addInt64, type Int64, parseInt64 } from '../numbers.js';
import { copyValue, fine, notAnInteger, refuseWrongType, writeSpec } from './spec-helpers.js';

const flags = ['denyoom', 'fast'] as const;
const notAFloat = 'ERR value is not a valid float';
const notFinite = 'ERR increment would produce NaN or Infinity';
const zero: LongDouble = { mantissa: 0n, exponent: 0 };

/** Stores a number; a key that exists keeps its TTL. Returns the slot. */
export function storeNumber(context: ApplyContext, args: Args, slot: number, text: string): number {
  const bytes = latin1Bytes(text);
  if (slot === ABSENT) {
    return context.put(args.bytes, args.start(1), args.end(1), bytes, 0, bytes.length, 0);
  }
  context.keyspace.replaceValue(slot, bytes, 0, bytes.length);
  return slot;
}

/** The integer in the value of a slot, 0 without one; null: it is none. */
export function storedInteger({ keyspace }: ApplyContext, slot: number): Int64 | null {
  if (slot === ABSENT) return 0;
  const start = keyspace.valueStart(slot);
  const end = start + keyspace.valueLength(slot);
  return parseInt64(keyspace.valueBuffer(slot), start, end);
}

function incrementBy(context: ApplyContext, args: Args, delta: Int64, reply: ReplySink): void {
  const slot = context.peek(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  const value = storedInteger(context, slot);
  if (value === null) return reply.error(notAnInteger);
  const sum = addInt64(value, delta);
  if (sum === null) return reply.error('ERR increment or decrement would overflow');
  storeNumber(context, args, slot, String(sum));
  context.notify('$', 'incrby', args, 1);
  reply.integer(sum);
}

function checkDelta(args: Args): string | null {
  return parseInt64(args.bytes, args.start(2), args.end(2)) === null ? notAnInteger : null;
}

/** The one integer that has no negative of its own. */
function checkDecrement(args: Args): string | null {
  const delta = parseInt64(args.bytes, args.start(2), args.end(2));
  if (delta === null) return notAnInteger;
  return BigInt(delta) === -(2n ** 63n) ? 'ERR decrement would overflow' : null;
}

function delta(args: Args): Int64 {
  return parseInt64(args.bytes, args.start(2), args.end(2))!;
}

function negated(value: Int64): Int64 {
  if (typeof value === 'bigint') return -value;
  return value === 0 ? 0 : -value;
}

function checkFloat(args: Args): string | null {
  return parseLongDouble(args.view(2)) === null ? notAFloat : null;
}

function incrementByFloat(context: ApplyContext, args: Args, reply: ReplySink): void {
  const slot = context.peek(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  const value = slot === ABSENT ? zero : parseLongDouble(copyValue(context.keyspace, slot));
  if (value === null) return reply.error(notAFloat);
  const by = parseLongDouble(args.view(2))!;
  if (value === 'infinite' || by === 'infinite') return reply.error(notFinite);
  const sum = addLongDoubles(value, by);
  if (sum === 'infinite') return reply.error(notFinite);
  const text = formatLongDouble(sum);
  storeNumber(context, args, slot, text);
  context.notify('$', 'incrbyfloat', args, 1);
  reply.text(text);
}

export const counterCommands: readonly WriteSpec[] = [
  writeSpec(
    20,
    'incr',
    2,
    { flags, summary: 'Increments the integer value of a key by one.' },
    fine,
    (context, args, reply) => incrementBy(context, args, 1, reply),
  ),
  writeSpec(
    21,
    'decr',
    2,
    { flags, summary: 'Decrements the integer value of a key by one.' },
    fine,
    (context, args, reply) => incrementBy(context, args, -1, reply),
  ),
  writeSpec(
    22,
    'incrby',
    3,
    { flags, summary: 'Increments the integer value of a key.', syntax: 'key increment' },
    checkDelta,
    (context, args, reply) => incrementBy(context, args, delta(args), reply),
  ),
  writeSpec(
    23,
    'decrby',
    3,
    { flags, summary: 'Decrements the integer value of a key.', syntax: 'key decrement' },
    checkDecrement,
    (context, args, reply) => incrementBy(context, args, negated(delta(args)), reply),
  ),
  writeSpec(
    24,
    'incrbyfloat',
    3,
    {
      flags,
      since: '2.6.0',
      summary: 'Increments a floating point value.',
      syntax: 'key increment',
    },
    checkFloat,
    incrementByFloat,
  ),
];
