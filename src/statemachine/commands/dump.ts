/** DUMP and RESTORE: the value of a key as Redis' RDB payload. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, KeyspaceSpec, ReadContext } from '../command-spec.js';
import { ABSENT } from '../keyspace-view.js';
import { parseInt64 } from '../numbers.js';
import { dumpString, isDump, stringOfDump } from '../rdb-string.js';
import {
  copyValue,
  notAnInteger,
  oneKey,
  readSpec,
  removeKey,
  stringBytesMax,
  syntaxError,
  used,
  writeSpec,
} from './spec-helpers.js';

const group = 'generic' as const;
const dueMax = Number.MAX_SAFE_INTEGER;

function dump(context: ReadContext, args: Args, reply: ReplySink): void {
  const slot = context.find(args, 1);
  if (slot === ABSENT) return reply.nil();
  const payload = dumpString(copyValue(context.keyspace, slot));
  reply.bulk(payload, 0, payload.length);
}

interface RestoreOptions {
  replace: boolean;
  absolute: boolean;
}

/** IDLETIME and FREQ are read and not used: they rank keys in a way that is not ours. */
function restoreOptions(args: Args): RestoreOptions | string {
  const found = { replace: false, absolute: false };
  let ranked = '';
  for (let at = 4; at < args.count; at++) {
    if (args.is(at, 'REPLACE')) found.replace = true;
    else if (args.is(at, 'ABSTTL')) found.absolute = true;
    else {
      const word = args.is(at, 'IDLETIME') ? 'IDLETIME' : args.is(at, 'FREQ') ? 'FREQ' : '';
      if (word === '' || at + 1 >= args.count || (ranked !== '' && ranked !== word)) {
        return syntaxError;
      }
      const error = rankError(args, ++at, word);
      if (error !== null) return error;
      ranked = word;
    }
  }
  return found;
}

function rankError(args: Args, index: number, word: 'IDLETIME' | 'FREQ'): string | null {
  const rank = parseInt64(args.bytes, args.start(index), args.end(index));
  if (rank === null) return notAnInteger;
  if (word === 'IDLETIME') return rank < 0 ? 'ERR Invalid IDLETIME value, must be >= 0' : null;
  return rank < 0 || rank > 255 ? 'ERR Invalid FREQ value, must be >= 0 and <= 255' : null;
}

function checkRestore(args: Args): string | null {
  const options = restoreOptions(args);
  return typeof options === 'string' ? options : null;
}

/** Errors in Redis' order: the key, the time, the payload. */
function restore(context: ApplyContext, args: Args, reply: ReplySink): void {
  const { replace, absolute } = restoreOptions(args) as RestoreOptions;
  const { nowMs } = context;
  const slot = context.peek(args, 1);
  if (slot !== ABSENT && !replace) {
    return reply.error('BUSYKEY Target key name already exists.');
  }
  const ttl = parseInt64(args.bytes, args.start(2), args.end(2));
  if (ttl === null) return reply.error(notAnInteger);
  if (ttl < 0) return reply.error('ERR Invalid TTL value, must be >= 0');
  const payload = args.view(3);
  if (!isDump(payload)) return reply.error('ERR DUMP payload version or checksum are wrong');
  const value = stringOfDump(payload, stringBytesMax);
  if (value === null) return reply.error('ERR Bad data format');
  const due = dueOf(BigInt(ttl), absolute ? 0 : nowMs);
  if (ttl === 0 || due > nowMs) {
    if (slot !== ABSENT) context.notify('n', 'new', args, 1);
    context.put(args.bytes, args.start(1), args.end(1), value, 0, value.length, due);
    context.notify('g', 'restore', args, 1);
  } else if (slot !== ABSENT) removeKey(context, args, 1, slot);
  reply.ok();
}

/** Unix ms, 0: none. Redis adds in 64 bits and lets the sum wrap around. */
function dueOf(ttl: bigint, fromMs: number): number {
  if (ttl === 0n) return 0;
  const due = Number(BigInt.asIntN(64, ttl + BigInt(Math.floor(fromMs))));
  return Math.max(-dueMax, Math.min(dueMax, due));
}

export const dumpCommands: readonly KeyspaceSpec[] = [
  readSpec(
    115,
    'dump',
    2,
    {
      group,
      flags: [],
      since: '2.6.0',
      complexity: 'O(N)',
      summary: 'Returns the value of a key as a payload for RESTORE.',
    },
    dump,
  ),
  writeSpec(
    116,
    'restore',
    -4,
    {
      group,
      keys: used(oneKey, 'OW update'),
      acl: ['dangerous'],
      flags: ['denyoom'],
      since: '2.6.0',
      complexity: 'O(N)',
      summary: 'Creates a key from the payload of DUMP.',
      syntax: 'key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]',
    },
    checkRestore,
    restore,
  ),
];
