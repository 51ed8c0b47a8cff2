/** EXPIRE and its relatives, TTL and its relatives, PERSIST. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type {
  ApplyContext,
  KeyspaceSpec,
  ReadContext,
  ReadSpec,
  WriteSpec,
} from '../command-spec.js';
import { ABSENT } from '../keyspace-view.js';
import { checkExpire, dueOf, type ExpireUnit, expireAt, persistKey } from './expire-time.js';
import { fine, look, oneKey, readSpec, used, writeSpec } from './spec-helpers.js';

const group = 'generic' as const;

interface Conditions {
  nx: boolean;
  xx: boolean;
  gt: boolean;
  lt: boolean;
}

/** An error text where the options are wrong (Redis: parseExtendedExpireArgumentsOrReply). */
function conditions(args: Args): Conditions | string {
  const found: Conditions = { nx: false, xx: false, gt: false, lt: false };
  for (let at = 3; at < args.count; at++) {
    if (args.is(at, 'NX')) found.nx = true;
    else if (args.is(at, 'XX')) found.xx = true;
    else if (args.is(at, 'GT')) found.gt = true;
    else if (args.is(at, 'LT')) found.lt = true;
    else return `ERR Unsupported option ${args.printed(at)}`;
  }
  if (found.nx && (found.xx || found.gt || found.lt)) {
    return 'ERR NX and XX, GT or LT options at the same time are not compatible';
  }
  if (found.gt && found.lt) return 'ERR GT and LT options at the same time are not compatible';
  return found;
}

/** `current` 0 is no TTL, which GT and LT take for an infinite one. */
function allows({ nx, xx, gt, lt }: Conditions, current: number, due: number): boolean {
  if (nx && current !== 0) return false;
  if (xx && current === 0) return false;
  if (gt && (current === 0 || due <= current)) return false;
  return !(lt && current !== 0 && due >= current);
}

function expire(context: ApplyContext, args: Args, unit: ExpireUnit, reply: ReplySink): void {
  const { keyspace, nowMs } = context;
  const slot = context.peek(args, 1);
  if (slot === ABSENT) return reply.integer(0);
  const due = dueOf(args, 2, unit, nowMs);
  if (!allows(conditions(args) as Conditions, keyspace.dueMs(slot), due)) return reply.integer(0);
  expireAt(context, args, slot, due);
  reply.integer(1);
}

function expireSpec(opcode: number, name: string, unit: ExpireUnit, word: string): WriteSpec {
  return writeSpec(
    opcode,
    name,
    -3,
    {
      group,
      keys: used(oneKey, 'RW update'),
      since: unit === 'EX' ? '1.0.0' : unit === 'EXAT' ? '1.2.0' : '2.6.0',
      summary: 'Sets the expiration time of a key.',
      syntax: `key ${word} [NX | XX | GT | LT]`,
    },
    (args) => {
      const found = conditions(args);
      return typeof found === 'string' ? found : checkExpire(args, 2, unit, name, false);
    },
    (context, args, reply) => expire(context, args, unit, reply),
  );
}

/** -2: no such key, -1: no TTL. */
function ttlSpec(
  opcode: number,
  name: string,
  since: string,
  value: (context: ReadContext, dueMs: number) => number,
): ReadSpec {
  const summary = 'Returns the expiration time of a key.';
  return readSpec(opcode, name, 2, { group, since, summary }, (context, args, reply) => {
    const slot = look(context, args, 1);
    if (slot === ABSENT) return reply.integer(-2);
    const due = context.keyspace.dueMs(slot);
    reply.integer(due === 0 ? -1 : value(context, due));
  });
}

const left = (context: ReadContext, due: number) => Math.max(0, due - context.clockMs);
/** Redis rounds a TTL in seconds to the nearest. */
const seconds = (ms: number) => Math.floor((ms + 500) / 1000);

function persist(context: ApplyContext, args: Args, reply: ReplySink): void {
  const slot = context.peek(args, 1);
  const has = slot !== ABSENT && context.keyspace.dueMs(slot) !== 0;
  if (has) persistKey(context, args, slot);
  reply.integer(has ? 1 : 0);
}

export const expiryCommands: readonly KeyspaceSpec[] = [
  expireSpec(50, 'expire', 'EX', 'seconds'),
  expireSpec(51, 'pexpire', 'PX', 'milliseconds'),
  expireSpec(52, 'expireat', 'EXAT', 'unix-time-seconds'),
  expireSpec(53, 'pexpireat', 'PXAT', 'unix-time-milliseconds'),
  ttlSpec(54, 'ttl', '1.0.0', (context, due) => seconds(left(context, due))),
  ttlSpec(55, 'pttl', '2.6.0', left),
  ttlSpec(56, 'expiretime', '7.0.0', (_context, due) => seconds(due)),
  ttlSpec(57, 'pexpiretime', '7.0.0', (_context, due) => due),
  writeSpec(
    58,
    'persist',
    2,
    {
      keys: used(oneKey, 'RW update'),
      group,
      since: '2.2.0',
      summary: 'Removes the expiration time of a key.',
    },
    fine,
    persist,
  ),
];
