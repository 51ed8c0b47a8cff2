/** Commands on keys of any type: DEL, EXISTS, TYPE, RENAME, COPY, FLUSHALL ... */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, KeyspaceSpec, ReadContext, WriteSpec } from '../command-spec.js';
import { ABSENT, ValueType } from '../keyspace-view.js';
import {
  checkDatabase,
  checkRange,
  databaseAt,
  outOfRange,
  sameObject,
} from './database-argument.js';
import {
  allKeys,
  copyValue,
  fine,
  look,
  noKeys,
  oneKey,
  readSpec,
  removeKey,
  sameArgument,
  syntaxError,
  twoKeys,
  used,
  writeSpec,
} from './spec-helpers.js';

const group = 'generic' as const;
const noSuchKey = 'ERR no such key';
const typeNames: Readonly<Record<number, string>> = { [ValueType.string]: 'string' };

export function typeName(context: ReadContext, slot: number): string {
  return slot === ABSENT ? 'none' : typeNames[context.keyspace.typeOf(slot)]!;
}

function del(context: ApplyContext, args: Args, reply: ReplySink): void {
  let deleted = 0;
  for (let index = 1; index < args.count; index++) {
    const slot = context.peek(args, index);
    if (slot === ABSENT) continue;
    removeKey(context, args, index, slot);
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
      putAs(context, args, value, due, context.database);
      context.notify('g', 'rename_from', args, 1);
      context.notify('g', 'rename_to', args, 2);
    }
    if (onlyIfAbsent) reply.integer(1);
    else reply.ok();
  };
}

function checkCopy(args: Args): string | null {
  for (let at = 3; at < args.count; at++) {
    if (args.is(at, 'REPLACE')) continue;
    if (!args.is(at, 'DB') || at + 1 >= args.count) return syntaxError;
    const error = checkDatabase(args, ++at) ?? checkRange(args, at);
    if (error !== null) return error;
  }
  return null;
}

function copy(context: ApplyContext, args: Args, reply: ReplySink): void {
  const { keyspace, database } = context;
  let replace = false;
  let target = database;
  for (let at = 3; at < args.count; at++) {
    if (args.is(at, 'REPLACE')) replace = true;
    else target = databaseAt(context, args, ++at);
    if (target < 0) return reply.error(outOfRange);
  }
  if (target === database && sameArgument(args, 1, 2)) return reply.error(sameObject);
  const slot = look(context, args, 1);
  if (slot === ABSENT) return reply.integer(0);
  const held = keyspace.find(args.bytes, args.start(2), args.end(2), target);
  if (held !== ABSENT && !replace) return reply.integer(0);
  putAs(context, args, copyValue(keyspace, slot), keyspace.dueMs(slot), target);
  context.notify('g', 'copy_to', args, 2, target);
  reply.integer(1);
}

/** Under the name in argument 2, straight into the keyspace: with its TTL, or its lack of one. */
function putAs(
  context: ApplyContext,
  args: Args,
  value: Uint8Array,
  dueMs: number,
  database: number,
): void {
  const { keyspace } = context;
  const [start, end] = [args.start(2), args.end(2)];
  // Redis deletes what is there and makes a new key.
  if (keyspace.find(args.bytes, start, end, database) !== ABSENT) {
    context.notify('n', 'new', args, 2, database);
  }
  keyspace.put(args.bytes, start, end, value, 0, value.length, dueMs, database);
}

/** From a random slot on to the next live key: bounded by the number of slots. */
function randomKey(context: ReadContext, _args: Args, reply: ReplySink): void {
  const { keyspace } = context;
  const { slotLimit } = keyspace;
  const from = slotLimit === 0 ? 0 : context.random() % slotLimit;
  for (let step = 0; step < slotLimit; step++) {
    const slot = (from + step) % slotLimit;
    if (!keyspace.isLiveIn(slot, context.database)) continue;
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

function flush(
  opcode: number,
  name: string,
  summary: string,
  run: (context: ApplyContext) => void,
): WriteSpec {
  return writeSpec(
    opcode,
    name,
    -1,
    {
      keys: noKeys,
      acl: ['dangerous'],
      flags: [],
      group: 'generic',
      summary,
      syntax: '[ASYNC | SYNC]',
    },
    checkFlush,
    (context, _args, reply) => {
      run(context);
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
    countKeys(look),
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
    (context, args, reply) => reply.simple(typeName(context, look(context, args, 1))),
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
    (context, _args, reply) => reply.integer(context.keyspace.sizeOf(context.database)),
  ),
  flush(40, 'flushdb', 'Removes all keys of the selected database.', (context) =>
    context.keyspace.flushDatabase(context.database),
  ),
  flush(41, 'flushall', 'Removes all keys of all databases.', (context) =>
    context.keyspace.flush(),
  ),
];
