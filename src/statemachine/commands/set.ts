/** SET and its relatives: GETSET, SETNX, SETEX, PSETEX, MSET, MSETNX. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, KeySpec, WriteSpec } from '../command-spec.js';
import { ABSENT } from '../keyspace-view.js';
import { checkExpire, dueOf, type ExpireUnit } from './expire-time.js';
import {
  fine,
  oneKey,
  pairKeys,
  refuseWrongType,
  replyValue,
  syntaxError,
  used,
  writeSpec,
} from './spec-helpers.js';
import { type StringOptions, stringOptions } from './string-options.js';
import { conditionAt, valueConditionHolds } from './value-condition.js';

const setKeys: KeySpec = {
  ...used(oneKey, 'RW access update'),
  useOf: (args) => (tellsOldValue(args) ? 'RW access update' : 'OW update'),
};

/**
 * By GET, or by whether a condition on it holds. Also where such a word is no option, as the syntax
 * is not looked at yet (Redis: setGetKeys).
 */
function tellsOldValue(args: Args): boolean {
  for (let at = 3; at < args.count; at++) {
    if (args.is(at, 'GET') || conditionAt(args, at) !== null) return true;
  }
  return false;
}

const denyoom = ['denyoom'] as const;
const denyoomFast = ['denyoom', 'fast'] as const;

/** Sets argument `key` to argument `value`. */
export function putPair(
  context: ApplyContext,
  args: Args,
  key: number,
  value: number,
  dueMs: number,
): number {
  const { bytes } = args;
  return context.put(
    bytes,
    args.start(key),
    args.end(key),
    bytes,
    args.start(value),
    args.end(value),
    dueMs,
  );
}

/** As putPair, and tells of it. */
function setPair(
  context: ApplyContext,
  args: Args,
  key: number,
  value: number,
  dueMs: number,
): void {
  putPair(context, args, key, value, dueMs);
  context.notify('$', 'set', args, key);
}

/**
 * With an expiration time in the argument it names. What has expired already is not kept: Redis
 * does, until it looks, and so all that happens in Redis is told.
 */
export function setExpiring(
  context: ApplyContext,
  args: Args,
  key: number,
  value: number,
  dueMs: number,
): void {
  const { keyspace, nowMs } = context;
  const expired = dueMs <= nowMs;
  if (expired) {
    const slot = context.peek(args, key);
    if (slot === ABSENT) context.notify('n', 'new', args, key);
    else keyspace.remove(slot);
  } else putPair(context, args, key, value, dueMs);
  context.notify('$', 'set', args, key);
  context.notify('g', 'expire', args, key);
  if (expired) context.notify('x', 'expired', args, key);
}

function checkSet(args: Args): string | null {
  if (args.count === 3) return null;
  const options = stringOptions(args, 3, 'set');
  if (options === null) return syntaxError;
  return options.unit === null
    ? null
    : checkExpire(args, options.expireAt, options.unit, 'set', true);
}

function applySet(context: ApplyContext, args: Args, reply: ReplySink): void {
  if (args.count === 3) {
    setPair(context, args, 1, 2, 0);
    return reply.ok();
  }
  const options = stringOptions(args, 3, 'set')!;
  const slot = context.peek(args, 1);
  const looks = options.get || options.condition !== null;
  if (looks && refuseWrongType(context, slot, reply)) return;
  const allowed = allowsSet(context, args, options, slot);
  if (typeof allowed === 'string') return reply.error(allowed);
  if (options.get) {
    replyValue(context.keyspace, slot, reply);
    if (slot === ABSENT) context.missed(args, 1);
  }
  if (allowed) storeSet(context, args, options, slot);
  if (options.get) return;
  if (allowed) reply.ok();
  else reply.nil();
}

/** An error text where the condition makes no sense. */
function allowsSet(
  context: ApplyContext,
  args: Args,
  { nx, xx, condition }: StringOptions,
  slot: number,
): boolean | string {
  if (nx) return slot === ABSENT;
  if (xx) return slot !== ABSENT;
  return condition === null || valueConditionHolds(context, args, condition, slot);
}

function storeSet(context: ApplyContext, args: Args, options: StringOptions, slot: number): void {
  const { keyspace, nowMs } = context;
  const { unit, expireAt, keepTtl } = options;
  if (unit !== null) {
    setExpiring(context, args, 1, 2, dueOf(args, expireAt, unit, nowMs));
  } else setPair(context, args, 1, 2, keepTtl && slot !== ABSENT ? keyspace.dueMs(slot) : 0);
}

function setWithTtl(opcode: number, name: string, unit: ExpireUnit, word: string): WriteSpec {
  const described = {
    keys: used(oneKey, 'OW update'),
    flags: denyoom,
    since: unit === 'EX' ? '2.0.0' : '2.6.0',
    summary: 'Sets the string value and expiration time of a key.',
    syntax: `key ${word} value`,
  };
  return writeSpec(
    opcode,
    name,
    4,
    described,
    (args) => checkExpire(args, 2, unit, name, true),
    (context, args, reply) => {
      setExpiring(context, args, 1, 3, dueOf(args, 2, unit, context.nowMs));
      reply.ok();
    },
  );
}

function checkPairs(name: string): WriteSpec['check'] {
  return (args) =>
    args.count % 2 === 1 ? null : `ERR wrong number of arguments for '${name}' command`;
}

function putPairs(context: ApplyContext, args: Args): void {
  for (let at = 1; at < args.count; at += 2) setPair(context, args, at, at + 1, 0);
}

export const setCommands: readonly WriteSpec[] = [
  writeSpec(
    1,
    'set',
    -3,
    {
      keys: setKeys,
      flags: denyoom,
      summary: 'Sets the string value of a key, ignoring its type.',
      syntax:
        'key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | ' +
        'IFDNE ifdne-digest] [GET] [EX seconds | PX milliseconds | ' +
        'EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
    },
    checkSet,
    applySet,
  ),
  writeSpec(
    2,
    'getset',
    3,
    { flags: denyoomFast, summary: 'Sets a key and returns the old value.', syntax: 'key value' },
    fine,
    (context, args, reply) => {
      const slot = context.peek(args, 1);
      if (refuseWrongType(context, slot, reply)) return;
      replyValue(context.keyspace, slot, reply);
      if (slot === ABSENT) context.missed(args, 1);
      setPair(context, args, 1, 2, 0);
    },
  ),
  writeSpec(
    3,
    'setnx',
    3,
    {
      keys: used(oneKey, 'OW insert'),
      flags: denyoomFast,
      summary: 'Sets a key only when it does not exist.',
      syntax: 'key value',
    },
    fine,
    (context, args, reply) => {
      const absent = context.peek(args, 1) === ABSENT;
      if (absent) setPair(context, args, 1, 2, 0);
      reply.integer(absent ? 1 : 0);
    },
  ),
  setWithTtl(4, 'setex', 'EX', 'seconds'),
  setWithTtl(5, 'psetex', 'PX', 'milliseconds'),
  writeSpec(
    6,
    'mset',
    -3,
    {
      flags: denyoom,
      keys: used(pairKeys, 'OW update'),
      since: '1.0.1',
      complexity: 'O(N)',
      summary: 'Sets several keys.',
      syntax: 'key value [key value ...]',
    },
    checkPairs('mset'),
    (context, args, reply) => {
      putPairs(context, args);
      reply.ok();
    },
  ),
  writeSpec(
    7,
    'msetnx',
    -3,
    {
      flags: denyoom,
      keys: used(pairKeys, 'OW insert'),
      since: '1.0.1',
      complexity: 'O(N)',
      summary: 'Sets several keys only when none of them exists.',
      syntax: 'key value [key value ...]',
    },
    checkPairs('msetnx'),
    (context, args, reply) => {
      let absent = true;
      for (let at = 1; at < args.count; at += 2) {
        if (context.peek(args, at) !== ABSENT) absent = false;
      }
      if (absent) putPairs(context, args);
      reply.integer(absent ? 1 : 0);
    },
  ),
];
