/** DELIFEQ, DELEX, MSETEX, DIGEST: compare and set, compare and delete, without WATCH. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, KeyspaceSpec, ReadContext } from '../command-spec.js';
import { ABSENT } from '../keyspace-view.js';
import { parseInt64 } from '../numbers.js';
import { checkExpire, dueOf } from './expire-time.js';
import { putPair, setExpiring } from './set.js';
import {
  fine,
  oneKey,
  readSpec,
  refuseWrongType,
  removeKey,
  syntaxError,
  used,
  writeSpec,
} from './spec-helpers.js';
import { type StringOptions, stringOptions } from './string-options.js';
import { conditionAt, digestOfValue, valueConditionHolds, valueIs } from './value-condition.js';

const int32Max = 2 ** 31 - 1;

function deleteIfEqual(context: ApplyContext, args: Args, reply: ReplySink): void {
  const slot = context.peek(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  const equal = slot !== ABSENT && valueIs(context, slot, args, 2);
  if (equal) removeKey(context, args, 1, slot);
  reply.integer(equal ? 1 : 0);
}

function checkDelEx(args: Args): string | null {
  if (args.count === 2) return null;
  if (args.count !== 4) return "ERR wrong number of arguments for 'delex' command";
  return conditionAt(args, 2) === null
    ? 'ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE'
    : null;
}

/** Without a condition it deletes keys of any type. */
function delEx(context: ApplyContext, args: Args, reply: ReplySink): void {
  const slot = context.peek(args, 1);
  if (slot === ABSENT) return reply.integer(0);
  if (args.count === 4) {
    if (refuseWrongType(context, slot, reply)) return;
    const condition = { word: conditionAt(args, 2)!, value: 3 };
    const holds = valueConditionHolds(context, args, condition, slot);
    if (typeof holds === 'string') return reply.error(holds);
    if (!holds) return reply.integer(0);
  }
  removeKey(context, args, 1, slot);
  reply.integer(1);
}

/** Where the options begin. */
function endOfPairs(args: Args): number {
  return 2 + 2 * Number(parseInt64(args.bytes, args.start(1), args.end(1)));
}

function checkMsetEx(args: Args): string | null {
  const pairs = parseInt64(args.bytes, args.start(1), args.end(1));
  if (pairs === null || pairs < 1 || pairs > int32Max) return 'ERR invalid numkeys value';
  if (endOfPairs(args) > args.count) return 'ERR wrong number of key-value pairs';
  const options = stringOptions(args, endOfPairs(args), 'msetex');
  if (options === null) return syntaxError;
  const { unit, expireAt } = options;
  return unit === null ? null : checkExpire(args, expireAt, unit, 'msetex', true);
}

function msetEx(context: ApplyContext, args: Args, reply: ReplySink): void {
  const end = endOfPairs(args);
  const options = stringOptions(args, end, 'msetex')!;
  for (let at = 2; at < end; at += 2) {
    const exists = context.peek(args, at) !== ABSENT;
    if ((options.nx && exists) || (options.xx && !exists)) return reply.integer(0);
  }
  for (let at = 2; at < end; at += 2) setPair(context, args, at, options);
  reply.integer(1);
}

function setPair(context: ApplyContext, args: Args, at: number, options: StringOptions): void {
  const { keyspace, nowMs } = context;
  const { unit, expireAt, keepTtl } = options;
  if (unit !== null) {
    return setExpiring(context, args, at, at + 1, dueOf(args, expireAt, unit, nowMs));
  }
  const slot = context.peek(args, at);
  putPair(context, args, at, at + 1, keepTtl && slot !== ABSENT ? keyspace.dueMs(slot) : 0);
  context.notify('$', 'set', args, at);
}

function digest(context: ReadContext, args: Args, reply: ReplySink): void {
  const slot = context.find(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  if (slot === ABSENT) reply.nil();
  else reply.text(digestOfValue(context, slot));
}

export const conditionalCommands: readonly KeyspaceSpec[] = [
  writeSpec(
    110,
    'delifeq',
    3,
    {
      keys: used(oneKey, 'RW access delete'),
      since: '9.0.0',
      summary: 'Deletes a key if its value is the given one (Valkey).',
      syntax: 'key value',
    },
    fine,
    deleteIfEqual,
  ),
  writeSpec(
    111,
    'delex',
    -2,
    {
      keys: {
        ...used(oneKey, 'RW access delete'),
        useOf: (args) => (args.count === 2 ? 'RM delete' : 'RW access delete'),
      },
      since: '8.4.0',
      complexity: 'O(N)',
      summary:
        'Deletes a key if its value or the digest of its value is, or is not, the given one.',
      syntax: 'key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]',
    },
    checkDelEx,
    delEx,
  ),
  writeSpec(
    112,
    'msetex',
    -4,
    {
      keys: used({ first: 2, last: -1, step: 2, countAt: 1 }, 'OW update'),
      flags: ['denyoom', 'movablekeys'],
      since: '8.4.0',
      complexity: 'O(N)',
      summary: 'Sets several keys, with one expiration time for all of them.',
      syntax:
        'numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | ' +
        'EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
    },
    checkMsetEx,
    msetEx,
  ),
  readSpec(
    113,
    'digest',
    2,
    { since: '8.4.0', complexity: 'O(N)', summary: 'Returns the XXH3 digest of a string.' },
    digest,
  ),
];
