/** Commands on keys of any type: DEL, EXISTS, TYPE, RENAME, COPY, FLUSHALL ... */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, KeyspaceSpec, ReadContext, WriteSpec } from '../command-spec.js';
import { ABSENT, ValueType } from '../keyspace-view.js';
import { parseInt64 } from '../numbers.js';
import {
  allKeys,
  copyValue,
  fine,
  noKeys,
  notAnInteger,
  oneKey,
  readSpec,
  sameArgument,
  syntaxError,
  twoKeys,
  used,
  writeSpec,
} from './spec-helpers.js';

const group = 'generic' as const;
const noSuchKey = 'ERR no such key';
const beyondInt32 = 'ERR value is out of range, value must between -2147483648 and 2147483647';
const typeNames: Readonly<Record<number, string>> = { [ValueType.string]: 'string' };

export function typeName(context: ReadContext, slot: number): string {
  return slot === ABSENT ? 'none' : typeNames[context.keyspace.typeOf(slot)]!;
}

function del(context: ApplyContext, args: Args, reply: ReplySink): void {
  let deleted = 0;
  for (let index = 1; index < args.count; index++) {
    const slot = context.peek(args, index);
    if (slot === ABSENT) continue;
    context.keyspace.remove(slot);
    deleted++;
  }
  reply.integer(deleted);
}

function countKeys(find: (context: ReadContext, args: Args, index: number) => number) {
  return (context: ReadContext, args: Args, reply: ReplySink): void => {
    let found = 0;
    for (let index = 1; index < args.count; index++) {
      if (find(context, args, index) !== ABSENT) found++;
    }
    reply.integer(found);
  };
}

function rename(onlyIfAbsent: boolean): WriteSpec['apply'] {
  return (context, args, reply) => {
    const { keyspace } = context;
    const slot = context.peek(args, 1);
    if (slot === ABSENT) return reply.error(noSuchKey);
    const same = sameArgument(args, 1, 2);
    if (onlyIfAbsent && (same || context.peek(args, 2) !== ABSENT)) return reply.integer(0);
    if (!same) {
      const value = copyValue(keyspace, slot);
      const due = keyspace.dueMs(slot);
      keyspace.remove(slot);
      // Straight into the keyspace: the key keeps its TTL, or its lack of one.
      keyspace.put(args.bytes, args.start(2), args.end(2), value, 0, value.length, due);
    }
    if (onlyIfAbsent) reply.integer(1);
    else reply.ok();
  };
}

function checkCopy(args: Args): string | null {
  for (let at = 3; at < args.count; at++) {
    if (args.is(at, 'REPLACE')) continue;
    if (!args.is(at, 'DB') || at + 1 >= args.count) return syntaxError;
    const db = parseInt64(args.bytes, args.start(++at), args.end(at));
    if (db === null) return notAnInteger;
    if (db < -(2 ** 31) || db >= 2 ** 31) return beyondInt32;
    if (db !== 0) return 'ERR DB index is out of range';
  }
  return sameArgument(args, 1, 2) ? 'ERR source and destination objects are the same' : null;
}

function copy(context: ApplyContext, args: Args, reply: ReplySink): void {
  const { keyspace } = context;
  const slot = context.peek(args, 1);
  if (slot === ABSENT) return reply.integer(0);
  let replace = false;
  for (let at = 3; at < args.count; at++) if (args.is(at, 'REPLACE')) replace = true;
  if (context.peek(args, 2) !== ABSENT && !replace) return reply.integer(0);
  const value = copyValue(keyspace, slot);
  const due = keyspace.dueMs(slot);
  keyspace.put(args.bytes, args.start(2), args.end(2), value, 0, value.length, due);
  reply.integer(1);
}

/** From a random slot on to the next live key: bounded by the number of slots. */
function randomKey(context: ReadContext, _args: Args, reply: ReplySink): void {
  const { keyspace } = context;
  const { slotLimit } = keyspace;
  const from = slotLimit === 0 ? 0 : context.random() % slotLimit;
  for (let step = 0; step < slotLimit; step++) {
    const slot = (from + step) % slotLimit;
    if (!keyspace.isLive(slot)) continue;
    const start = keyspace.keyStart(slot);
    return reply.bulk(keyspace.keyBuffer(slot), start, start + keyspace.keyLength(slot));
  }
  reply.nil();
}

function checkFlush(args: Args): string | null {
  const known =
    args.count === 1 || (args.count === 2 && (args.is(1, 'ASYNC') || args.is(1, 'SYNC')));
  return known ? null : syntaxError;
}

function flush(opcode: number, name: string): WriteSpec {
  return writeSpec(
    opcode,
    name,
    -1,
    {
      keys: noKeys,
      acl: ['dangerous'],
      flags: [],
      group: 'generic',
      summary: 'Removes all keys.',
      syntax: '[ASYNC | SYNC]',
    },
    checkFlush,
    (context, _args, reply) => {
      context.keyspace.flush();
      reply.ok();
    },
  );
}

export const keyCommands: readonly KeyspaceSpec[] = [
  writeSpec(
    30,
    'del',
    -2,
    {
      group,
      flags: [],
      keys: used(allKeys, 'RM delete'),
      complexity: 'O(N)',
      summary: 'Deletes keys.',
      syntax: 'key [key ...]',
    },
    fine,
    del,
  ),
  writeSpec(
    31,
    'unlink',
    -2,
    {
      group,
      keys: used(allKeys, 'RM delete'),
      since: '4.0.0',
      complexity: 'O(N)',
      summary: 'Deletes keys.',
      syntax: 'key [key ...]',
    },
    fine,
    del,
  ),
  readSpec(
    32,
    'exists',
    -2,
    {
      group,
      keys: used(allKeys, 'RO'),
      complexity: 'O(N)',
      summary: 'Counts existing keys.',
      syntax: 'key [key ...]',
    },
    countKeys((context, args, index) => context.peek(args, index)),
  ),
  readSpec(
    33,
    'touch',
    -2,
    {
      group,
      keys: used(allKeys, 'RO'),
      since: '3.2.1',
      complexity: 'O(N)',
      summary: 'Counts existing keys and notes their use.',
      syntax: 'key [key ...]',
    },
    countKeys((context, args, index) => context.find(args, index)),
  ),
  readSpec(
    34,
    'type',
    2,
    { keys: used(oneKey, 'RO'), group, summary: 'Returns the type of a key.' },
    (context, args, reply) => reply.simple(typeName(context, context.peek(args, 1))),
  ),
  writeSpec(
    35,
    'rename',
    3,
    {
      group,
      flags: [],
      keys: used(twoKeys, 'RW access delete', 'OW update'),
      summary: 'Renames a key.',
      syntax: 'key newkey',
    },
    fine,
    rename(false),
  ),
  writeSpec(
    36,
    'renamenx',
    3,
    {
      group,
      keys: used(twoKeys, 'RW access delete', 'OW insert'),
      summary: 'Renames a key unless the name is taken.',
      syntax: 'key newkey',
    },
    fine,
    rename(true),
  ),
  writeSpec(
    37,
    'copy',
    -3,
    {
      group,
      flags: ['denyoom'],
      keys: used(twoKeys, 'RO access', 'OW update'),
      since: '6.2.0',
      complexity: 'O(N)',
      summary: 'Copies a key.',
      syntax: 'source destination [DB destination-db] [REPLACE]',
    },
    checkCopy,
    copy,
  ),
  readSpec(
    38,
    'randomkey',
    1,
    { group, flags: [], keys: noKeys, summary: 'Returns a random key.', syntax: '' },
    randomKey,
  ),
  readSpec(
    39,
    'dbsize',
    1,
    { group, keys: noKeys, summary: 'Returns the number of keys.', syntax: '' },
    (context, _args, reply) => reply.integer(context.keyspace.size),
  ),
  flush(40, 'flushdb'),
  flush(41, 'flushall'),
];
