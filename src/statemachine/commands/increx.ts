/** INCREX (Redis 8.8): an increment within bounds, with an expiration time. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, WriteSpec } from '../command-spec.js';
import { ABSENT } from '../keyspace-view.js';
import {
  addLongDoubles,
  compareLongDoubles,
  formatLongDouble,
  type LongDouble,
  longDoubleMax,
  negateLongDouble,
  parseLongDouble,
} from '../long-double.js';
import { parseInt64 } from '../numbers.js';
import { storedInteger, storeNumber } from './counters.js';
import {
  checkExpire,
  dueOf,
  type ExpireUnit,
  persistKey,
  expireAt as setDeadline,
  unitAt,
} from './expire-time.js';
import {
  copyValue,
  notAnInteger,
  refuseWrongType,
  removeKey,
  syntaxError,
  writeSpec,
} from './spec-helpers.js';

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);
const zero: LongDouble = { mantissa: 0n, exponent: 0 };

/** Places of the arguments that were given; 0: not given. */
interface Options {
  integer: number;
  float: number;
  lower: number;
  upper: number;
  saturate: boolean;
  unit: ExpireUnit | null;
  expireAt: number;
  persist: boolean;
  onlyWithoutTtl: boolean;
}

const valueWords = [
  ['BYINT', 'integer'],
  ['BYFLOAT', 'float'],
  ['LBOUND', 'lower'],
  ['UBOUND', 'upper'],
] as const;
const flagWords = [
  ['SATURATE', 'saturate'],
  ['PERSIST', 'persist'],
  ['ENX', 'onlyWithoutTtl'],
] as const;

/** Null: a syntax error. Nothing may be given twice. */
function readOptions(args: Args): Options | null {
  const found: Options = {
    integer: 0,
    float: 0,
    lower: 0,
    upper: 0,
    saturate: false,
    unit: null,
    expireAt: 0,
    persist: false,
    onlyWithoutTtl: false,
  };
  for (let at = 2; at < args.count; at++) {
    const flag = flagWords.find(([word]) => args.is(at, word))?.[1];
    if (flag !== undefined) {
      if (found[flag]) return null;
      found[flag] = true;
      continue;
    }
    const unit = unitAt(args, at);
    const name = valueWords.find(([word]) => args.is(at, word))?.[1] ?? 'expireAt';
    if ((name === 'expireAt' && unit === null) || found[name] !== 0) return null;
    if (++at >= args.count) return null;
    found[name] = at;
    if (name === 'expireAt') found.unit = unit;
  }
  const clash =
    (found.integer > 0 && found.float > 0) ||
    (found.persist && (found.unit !== null || found.onlyWithoutTtl));
  return clash ? null : found;
}

interface IntegerChange {
  readonly by: bigint;
  readonly lower: bigint;
  readonly upper: bigint;
}

interface FloatChange {
  readonly by: LongDouble;
  readonly lower: LongDouble;
  readonly upper: LongDouble;
}

const crossed = "ERR LBOUND can't be greater than UBOUND";

function integerChange(args: Args, { integer, lower, upper }: Options): IntegerChange | string {
  const read = (at: number, absent: bigint) => {
    const value = at === 0 ? absent : parseInt64(args.bytes, args.start(at), args.end(at));
    return value === null ? null : BigInt(value);
  };
  const by = read(integer, 1n);
  const least = read(lower, int64Min);
  const most = read(upper, int64Max);
  const bad = (name: string) => `ERR ${name} is not an integer or out of range`;
  if (by === null) return bad('Increment');
  if (least === null) return bad('LBOUND');
  if (most === null) return bad('UBOUND');
  return least > most ? crossed : { by, lower: least, upper: most };
}

function floatChange(args: Args, { float, lower, upper }: Options): FloatChange | string {
  const by = parseLongDouble(args.view(float));
  if (by === null) return 'ERR Increment is not a valid float';
  if (by === 'infinite') return 'ERR BYFLOAT increment cannot be Infinity';
  const least = lower === 0 ? negateLongDouble(longDoubleMax) : parseLongDouble(args.view(lower));
  const most = upper === 0 ? longDoubleMax : parseLongDouble(args.view(upper));
  if (least === null || least === 'infinite') return 'ERR LBOUND is not a valid float';
  if (most === null || most === 'infinite') return 'ERR UBOUND is not a valid float';
  return compareLongDoubles(least, most) > 0 ? crossed : { by, lower: least, upper: most };
}

function check(args: Args): string | null {
  const options = readOptions(args);
  if (options === null) return syntaxError;
  if (options.onlyWithoutTtl && options.unit === null) {
    return 'ERR ENX flag requires an expiration';
  }
  const change = options.float > 0 ? floatChange(args, options) : integerChange(args, options);
  if (typeof change === 'string') return change;
  const { unit, expireAt } = options;
  return unit === null ? null : checkExpire(args, expireAt, unit, 'increx', true);
}

function apply(context: ApplyContext, args: Args, reply: ReplySink): void {
  const options = readOptions(args)!;
  const slot = context.peek(args, 1);
  if (refuseWrongType(context, slot, reply)) return;
  if (options.float > 0) applyFloat(context, args, options, slot, reply);
  else applyInteger(context, args, options, slot, reply);
}

function applyInteger(
  context: ApplyContext,
  args: Args,
  options: Options,
  slot: number,
  reply: ReplySink,
): void {
  const { by, lower, upper } = integerChange(args, options) as IntegerChange;
  const stored = storedInteger(context, slot);
  if (stored === null) return reply.error(notAnInteger);
  const value = BigInt(stored);
  const sum = value + by;
  const within = sum > upper ? upper : sum < lower ? lower : sum;
  const refused = within !== sum && !options.saturate;
  const applied = refused ? 0n : within - value;
  if (applied > int64Max || applied < int64Min) {
    return reply.error('ERR applied increment would overflow');
  }
  if (!refused) store(context, args, options, slot, String(within));
  reply.array(2);
  reply.integer(refused ? value : within);
  reply.integer(applied);
}

function applyFloat(
  context: ApplyContext,
  args: Args,
  options: Options,
  slot: number,
  reply: ReplySink,
): void {
  const { by, lower, upper } = floatChange(args, options) as FloatChange;
  const value = slot === ABSENT ? zero : parseLongDouble(copyValue(context.keyspace, slot));
  if (value === null) return reply.error('ERR value is not a valid float');
  if (value === 'infinite') return reply.error('ERR value cannot be Infinity');
  const sum = addLongDoubles(value, by);
  const above = sum === 'infinite' ? by.mantissa > 0n : compareLongDoubles(sum, upper) > 0;
  const below = sum === 'infinite' ? by.mantissa < 0n : compareLongDoubles(sum, lower) < 0;
  const refused = (above || below) && !options.saturate;
  const within = refused ? value : above ? upper : below ? lower : (sum as LongDouble);
  const applied = refused ? zero : addLongDoubles(within, negateLongDouble(value));
  if (applied === 'infinite') return reply.error('ERR applied increment would overflow');
  const text = formatLongDouble(within);
  if (!refused) store(context, args, options, slot, text);
  reply.array(2);
  reply.double(Number(text), text);
  const difference = formatLongDouble(applied);
  reply.double(Number(difference), difference);
}

/** The number, and what the options say of the TTL; a deadline that has passed deletes the key. */
function store(
  context: ApplyContext,
  args: Args,
  { float, unit, expireAt, persist, onlyWithoutTtl }: Options,
  slot: number,
  text: string,
): void {
  const { keyspace, nowMs } = context;
  const hasTtl = slot !== ABSENT && keyspace.dueMs(slot) !== 0;
  const expires = unit !== null && !(onlyWithoutTtl && hasTtl);
  const due = expires ? dueOf(args, expireAt, unit, nowMs) : 0;
  if (expires && due <= nowMs) {
    if (slot !== ABSENT) removeKey(context, args, 1, slot);
    return;
  }
  const held = storeNumber(context, args, slot, text);
  context.notify('$', float > 0 ? 'incrbyfloat' : 'incrby', args, 1);
  if (expires) setDeadline(context, args, held, due);
  else if (persist && hasTtl) persistKey(context, args, held);
}

export const incrExCommands: readonly WriteSpec[] = [
  writeSpec(
    114,
    'increx',
    -2,
    {
      flags: ['denyoom', 'fast'],
      since: '8.8.0',
      summary: 'Increments a number within bounds and sets the expiration time of its key.',
      syntax:
        'key [BYFLOAT increment | BYINT increment] [LBOUND lowerbound] [UBOUND upperbound] ' +
        '[SATURATE] [EX seconds | PX milliseconds | EXAT unix-time-seconds | ' +
        'PXAT unix-time-milliseconds | PERSIST] [ENX]',
    },
    check,
    apply,
  ),
];
