/**
 * KEYS and SCAN. A key keeps its slot as long as it lives, so SCAN walks slots: its cursor is a
 * place, valid on every replica, and each key that lives throughout is given exactly once.
 */
import { limits } from '../../limits.js';
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { KeyspaceSpec, ReadContext } from '../command-spec.js';
import { globMatchesRange } from '../glob.js';
import type { KeyspaceView } from '../keyspace-view.js';
import { parseInt64 } from '../numbers.js';
import { typeName } from './keys.js';
import { noKeys, notAnInteger, readSpec, syntaxError } from './spec-helpers.js';

function keyMatches(keyspace: KeyspaceView, slot: number, pattern: Uint8Array): boolean {
  const start = keyspace.keyStart(slot);
  const end = start + keyspace.keyLength(slot);
  return globMatchesRange(pattern, keyspace.keyBuffer(slot), start, end);
}

function replyKeys(keyspace: KeyspaceView, slots: readonly number[], reply: ReplySink): void {
  reply.array(slots.length);
  for (const slot of slots) {
    const start = keyspace.keyStart(slot);
    reply.bulk(keyspace.keyBuffer(slot), start, start + keyspace.keyLength(slot));
  }
}

function keys(context: ReadContext, args: Args, reply: ReplySink): void {
  const { keyspace } = context;
  const pattern = args.view(1);
  const all = pattern.length === 1 && pattern[0] === 42;
  const found: number[] = [];
  for (let slot = 0; slot < keyspace.slotLimit; slot++) {
    if (!keyspace.isLiveIn(slot, context.database)) continue;
    if (all || keyMatches(keyspace, slot, pattern)) found.push(slot);
  }
  replyKeys(keyspace, found, reply);
}

/** Redis reads cursors with strtoul: an empty one is 0, what follows a zero byte is not seen. */
function parseCursor(text: string): number | null {
  const parts = /^(?:([+-]?)0*(\d*))(?:\0|$)/.exec(text);
  if (parts === null || /^[+-](\0|$)/.test(text)) return null;
  const [, sign, digits = ''] = parts;
  if (digits.length > 20 || BigInt(digits) >= 2n ** 64n) return null;
  // A negative one wraps around to a place behind every slot.
  return sign === '-' && digits !== '' ? Number.MAX_SAFE_INTEGER : Number(digits);
}

interface ScanOptions {
  count: number;
  pattern: Uint8Array | null;
  type: string | null;
}

function scanOptions(args: Args): ScanOptions | string {
  const found: ScanOptions = { count: 10, pattern: null, type: null };
  for (let at = 2; at < args.count; at += 2) {
    if (at + 1 >= args.count) return syntaxError;
    if (args.is(at, 'MATCH')) found.pattern = args.view(at + 1);
    else if (args.is(at, 'TYPE')) found.type = args.text(at + 1).toLowerCase();
    else if (args.is(at, 'COUNT')) {
      const count = parseInt64(args.bytes, args.start(at + 1), args.end(at + 1));
      if (count === null) return notAnInteger;
      if (count < 1) return syntaxError;
      found.count = Math.min(Number(count), limits.scanSlotsMax);
    } else return syntaxError;
  }
  return found;
}

function scan(context: ReadContext, args: Args, reply: ReplySink): void {
  const { keyspace } = context;
  const cursor = parseCursor(args.text(1));
  if (cursor === null) return reply.error('ERR invalid cursor');
  const options = scanOptions(args);
  if (typeof options === 'string') return reply.error(options);
  const found: number[] = [];
  let slot = cursor;
  // Empty slots cost little and count less, so that a sparse keyspace does not take for ever.
  let budget = options.count * 10;
  for (let seen = 0; slot < keyspace.slotLimit && seen < options.count && budget > 0; slot++) {
    budget--;
    if (!keyspace.isLiveIn(slot, context.database)) continue;
    seen++;
    if (options.type !== null && typeName(context, slot) !== options.type) continue;
    if (options.pattern !== null && !keyMatches(keyspace, slot, options.pattern)) continue;
    found.push(slot);
  }
  reply.array(2);
  reply.text(slot >= keyspace.slotLimit ? '0' : String(slot));
  replyKeys(keyspace, found, reply);
}

export const scanCommands: readonly KeyspaceSpec[] = [
  readSpec(
    60,
    'keys',
    2,
    {
      group: 'generic',
      acl: ['dangerous'],
      keys: noKeys,
      flags: [],
      complexity: 'O(N)',
      summary: 'Returns all keys that match a pattern.',
      syntax: 'pattern',
    },
    keys,
  ),
  readSpec(
    61,
    'scan',
    -2,
    {
      group: 'generic',
      keys: noKeys,
      flags: [],
      since: '2.8.0',
      summary: 'Iterates over the keys.',
      syntax: 'cursor [MATCH pattern] [COUNT count] [TYPE type]',
    },
    scan,
  ),
];
