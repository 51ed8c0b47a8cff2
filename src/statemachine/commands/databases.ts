/** MOVE and SWAPDB. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ApplyContext, WriteSpec } from '../command-spec.js';
import { ABSENT } from '../keyspace-view.js';
import { checkDatabase, databaseAt, outOfRange, sameObject } from './database-argument.js';
import { noKeys, writeSpec } from './spec-helpers.js';

function move(context: ApplyContext, args: Args, reply: ReplySink): void {
  const { keyspace, database } = context;
  const target = databaseAt(context, args, 2);
  if (target < 0) return reply.error(outOfRange);
  if (target === database) return reply.error(sameObject);
  const slot = context.peek(args, 1);
  const held = keyspace.find(args.bytes, args.start(1), args.end(1), target);
  const moves = slot !== ABSENT && held === ABSENT;
  if (moves) {
    keyspace.moveTo(slot, target);
    context.notify('n', 'new', args, 1, target);
    context.notify('g', 'move_from', args, 1);
    context.notify('g', 'move_to', args, 1, target);
  }
  reply.integer(moves ? 1 : 0);
}

function checkSwap(args: Args): string | null {
  if (checkDatabase(args, 1) !== null) return 'ERR invalid first DB index';
  return checkDatabase(args, 2) === null ? null : 'ERR invalid second DB index';
}

function swap(context: ApplyContext, args: Args, reply: ReplySink): void {
  const one = databaseAt(context, args, 1);
  const other = databaseAt(context, args, 2);
  if (one < 0 || other < 0) return reply.error(outOfRange);
  context.keyspace.swapDatabases(one, other);
  reply.ok();
}

export const databaseCommands: readonly WriteSpec[] = [
  writeSpec(
    117,
    'move',
    3,
    { group: 'generic', summary: 'Moves a key to another database.', syntax: 'key db' },
    (args) => checkDatabase(args, 2),
    move,
  ),
  writeSpec(
    118,
    'swapdb',
    3,
    {
      group: 'server',
      keys: noKeys,
      acl: ['dangerous'],
      since: '4.0.0',
      summary: 'Swaps two databases.',
      syntax: 'index1 index2',
    },
    checkSwap,
    swap,
  ),
];
