/** Reading and changing strings: GET, MGET, APPEND, ranges, GETDEL, GETEX. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, KeyspaceSpec, ReadContext } from '../command-spec.js';
import { ABSENT, ValueType } from '../keyspace-view.js';
import { parseInt64 } from '../numbers.js';
import { checkExpire, dueOf, expireAt, persistKey } from './expire-time.js';
import { putPair } from './set.js';
import {
  allKeys,
  extended,
  fine,
  notAnInteger,
  oneKey,
  readSpec,
  refuseWrongType,
  removeKey,
  replyValue,
  stringBytesMax,
  syntaxError,
  tooLong,
  used,
  writeSpec,
} from './spec-helpers.js';
import { stringOptions } from './string-options.js';

function get(context: ReadContext, args: Args, reply: ReplySink): void {
  const slot = context.find(args, 1);
  if (!refuseWrongType(context, slot, reply)) replyValue(context.keyspace, slot, reply);
}

function mget(context: ReadContext, args: Args, reply: ReplySink): void {
  reply.array(args.count - 1);
  for (let index = 1; index < args.count; index++) {
    const slot = context.find(args, index);
    const isString = slot !== ABSENT && context.keyspace.typeOf(slot) === ValueType.string;
    replyValue(context.keyspace, isString ? slot : ABSENT, reply);
  }
}

function strlen(context: ReadContext, args: Args, reply: ReplySink): void {
  const slot = context.find(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  reply.integer(slot === ABSENT ? 0 : context.keyspace.valueLength(slot));
}

/** GETRANGE: negative places count from the end; what lies outside is cut. */
function getRange(context: ReadContext, args: Args, reply: ReplySink): void {
  const from = parseInt64(args.bytes, args.start(2), args.end(2));
  const to = parseInt64(args.bytes, args.start(3), args.end(3));
  if (from === null || to === null) return reply.error(notAnInteger);
  const slot = context.find(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  const length = slot === ABSENT ? 0 : context.keyspace.valueLength(slot);
  let start = Number(from);
  let end = Number(to);
  if (start < 0 && end < 0 && start > end) return reply.text('');
  start = Math.max(0, start < 0 ? length + start : start);
  end = Math.min(length - 1, Math.max(0, end < 0 ? length + end : end));
  if (length === 0 || start > end) return reply.text('');
  const base = context.keyspace.valueStart(slot);
  reply.bulk(context.keyspace.valueBuffer(slot), base + start, base + end + 1);
}

function append(context: ApplyContext, args: Args, reply: ReplySink): void {
  const { keyspace } = context;
  const slot = context.peek(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  const added = args.length(2);
  if (slot === ABSENT) {
    putPair(context, args, 1, 2, 0);
    context.notify('$', 'append', args, 1);
    return reply.integer(added);
  }
  const length = keyspace.valueLength(slot);
  if (length + added > stringBytesMax) return reply.error(tooLong);
  extended(context, args, 1, slot, length + added);
  keyspace.valueBuffer(slot).set(args.view(2), keyspace.valueStart(slot) + length);
  context.notify('$', 'append', args, 1);
  reply.integer(length + added);
}

function checkSetRange(args: Args): string | null {
  const offset = parseInt64(args.bytes, args.start(2), args.end(2));
  if (offset === null) return notAnInteger;
  return offset < 0 ? 'ERR offset is out of range' : null;
}

function setRange(context: ApplyContext, args: Args, reply: ReplySink): void {
  const { keyspace } = context;
  const offset = Number(parseInt64(args.bytes, args.start(2), args.end(2)));
  const found = context.peek(args, 1);
  if (refuseWrongType(context, found, reply)) return;
  const length = found === ABSENT ? 0 : keyspace.valueLength(found);
  const added = args.length(3);
  if (added === 0) return reply.integer(length);
  if (offset + added > stringBytesMax) return reply.error(tooLong);
  const slot = extended(context, args, 1, found, offset + added);
  keyspace.valueBuffer(slot).set(args.view(3), keyspace.valueStart(slot) + offset);
  context.notify('$', 'setrange', args, 1);
  reply.integer(keyspace.valueLength(slot));
}

function getDel(context: ApplyContext, args: Args, reply: ReplySink): void {
  const slot = context.peek(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  replyValue(context.keyspace, slot, reply);
  if (slot === ABSENT) context.missed(args, 1);
  else removeKey(context, args, 1, slot);
}

function checkGetEx(args: Args): string | null {
  return stringOptions(args, 2, 'getex') === null ? syntaxError : null;
}

/** Redis looks at the time only when there is a value. */
function getEx(context: ApplyContext, args: Args, reply: ReplySink): void {
  const slot = context.find(args, 1);
  if (slot === ABSENT) return reply.nil();
  if (refuseWrongType(context, slot, reply)) return;
  const { unit, expireAt: timeAt, persist } = stringOptions(args, 2, 'getex')!;
  const error = unit === null ? null : checkExpire(args, timeAt, unit, 'getex', true);
  if (error !== null) return reply.error(error);
  const { keyspace, nowMs } = context;
  replyValue(keyspace, slot, reply);
  if (persist && keyspace.dueMs(slot) !== 0) persistKey(context, args, slot);
  if (unit !== null) expireAt(context, args, slot, dueOf(args, timeAt, unit, nowMs));
}

export const stringCommands: readonly KeyspaceSpec[] = [
  readSpec(10, 'get', 2, { summary: 'Returns the string value of a key.' }, get),
  readSpec(
    11,
    'mget',
    -2,
    {
      keys: allKeys,
      complexity: 'O(N)',
      summary: 'Returns several values.',
      syntax: 'key [key ...]',
    },
    mget,
  ),
  readSpec(
    12,
    'strlen',
    2,
    { keys: used(oneKey, 'RO'), since: '2.2.0', summary: 'Returns the length of a string.' },
    strlen,
  ),
  readSpec(
    13,
    'getrange',
    4,
    {
      flags: [],
      since: '2.4.0',
      complexity: 'O(N)',
      summary: 'Returns a substring.',
      syntax: 'key start end',
    },
    getRange,
  ),
  readSpec(
    14,
    'substr',
    4,
    { flags: [], complexity: 'O(N)', summary: 'Returns a substring.', syntax: 'key start end' },
    getRange,
  ),
  writeSpec(
    15,
    'append',
    3,
    {
      keys: used(oneKey, 'RW insert'),
      flags: ['denyoom', 'fast'],
      since: '2.0.0',
      summary: 'Appends to a string.',
      syntax: 'key value',
    },
    fine,
    append,
  ),
  writeSpec(
    16,
    'setrange',
    4,
    {
      keys: used(oneKey, 'RW update'),
      flags: ['denyoom'],
      since: '2.2.0',
      summary: 'Overwrites a part of a string.',
      syntax: 'key offset value',
    },
    checkSetRange,
    setRange,
  ),
  writeSpec(
    17,
    'getdel',
    2,
    {
      keys: used(oneKey, 'RW access delete'),
      since: '6.2.0',
      summary: 'Returns the value of a key and deletes the key.',
    },
    fine,
    getDel,
  ),
  writeSpec(
    18,
    'getex',
    -2,
    {
      since: '6.2.0',
      summary: 'Returns the value of a key and sets its expiration.',
      syntax:
        'key [EX seconds | PX milliseconds | EXAT unix-time-seconds | ' +
        'PXAT unix-time-milliseconds | PERSIST]',
    },
    checkGetEx,
    getEx,
  ),
];
