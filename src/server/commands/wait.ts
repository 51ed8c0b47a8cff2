/** WAIT and WAITAOF: a connection waits until what it wrote is on more nodes. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { Connection } from '../connection.js';
import { type LocalSpec, local, type Outcome } from '../local-spec.js';
import { replicaNodes } from '../node-names.js';
import type { ServerContext } from '../server-context.js';

const shared = {
  group: 'generic',
  acl: ['slow', 'connection'],
  // They answer later, which a reply inside a transaction cannot.
  flags: ['noscript', 'blocking', 'no_multi'],
} as const;
const lookEveryMs = 10;
const deposedText =
  'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)';
const unblockedText = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';

export function waitCommands(context: ServerContext): LocalSpec[] {
  return [
    local(
      'wait',
      3,
      {
        ...shared,
        since: '3.0.0',
        summary: 'Blocks until the writes of the connection are on so many replicas.',
        syntax: 'numreplicas timeout',
      },
      (connection, args, reply) => wait(context, connection, args, reply),
    ),
    local(
      'waitaof',
      4,
      {
        ...shared,
        since: '7.2.0',
        summary: 'Blocks until the writes of the connection are on so many disks.',
        syntax: 'numlocal numreplicas timeout',
      },
      (connection, args, reply) => waitAof(context, connection, args, reply),
    ),
  ];
}

/**
 * All earlier writes of the connection are answered, hence committed: on a majority. A replica
 * counts when it is known to hold everything that was committed when the command came.
 */
function replicaCount({ group }: ServerContext): () => number {
  const committed = Number(group.raftInfo().get('commit_index') ?? 0);
  return () => replicaNodes(group).filter((node) => node.offset >= committed).length;
}

function wait(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): Outcome {
  const error = argumentError(args, 1, 2);
  if (error !== null) return reply.error(error);
  if (!context.group.isLeader) {
    return reply.error(
      'ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if ' +
        'a replica is configured to be writable (which is not the default) writes to replicas ' +
        'are just local and are not propagated.',
    );
  }
  const count = replicaCount(context);
  const wanted = Number(args.text(1));
  const isDone = () => count() >= wanted;
  if (isDone()) return reply.integer(count());
  return block(context, connection, args, 2, isDone, () => connection.reply.integer(count()));
}

/** What a replica holds is on its disk; so is what is committed, on a majority of disks. */
function waitAof(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): Outcome {
  if (!/^[01]$/.test(args.text(1))) {
    return reply.error('ERR value is out of range, must be between 0 and 1');
  }
  const error = argumentError(args, 2, 3);
  if (error !== null) return reply.error(error);
  if (!context.group.isLeader) {
    return reply.error(
      'ERR WAITAOF cannot be used with replica instances. Please also note that writes to ' +
        'replicas are just local and are not propagated.',
    );
  }
  const count = replicaCount(context);
  const wanted = Number(args.text(2));
  const isDone = () => count() >= wanted;
  const answer = (sink: ReplySink) => {
    sink.array(2);
    sink.integer(1);
    sink.integer(count());
  };
  if (isDone()) return answer(reply);
  return block(context, connection, args, 3, isDone, () => answer(connection.reply));
}

function argumentError(args: Args, replicasAt: number, timeoutAt: number): string | null {
  if (!/^-?\d{1,10}$/.test(args.text(replicasAt))) {
    return 'ERR value is not an integer or out of range';
  }
  const timeout = args.text(timeoutAt);
  if (!/^-?\d{1,15}$/.test(timeout)) return 'ERR timeout is not an integer or out of range';
  return timeout.startsWith('-') ? 'ERR timeout is negative' : null;
}

/** A timeout of 0 is none. The arguments are read before the first wait: later they are gone. */
function block(
  context: ServerContext,
  connection: Connection,
  args: Args,
  timeoutAt: number,
  isDone: () => boolean,
  answer: () => void,
): Promise<void> {
  const ms = Number(args.text(timeoutAt));
  const until = ms === 0 ? Number.POSITIVE_INFINITY : context.clock.monotonicMs() + ms;
  return blockUntil(context, connection, isDone, until, answer);
}

/** Who leads no more does not know what the others hold. */
async function blockUntil(
  { clock, group }: ServerContext,
  connection: Connection,
  isDone: () => boolean,
  untilMs: number,
  answer: () => void,
): Promise<void> {
  const { session } = connection;
  const blocked: NonNullable<typeof session.blocked> = { unblocked: null };
  session.blocked = blocked;
  while (group.isLeader && !isDone() && clock.monotonicMs() < untilMs) {
    if (connection.closed || blocked.unblocked !== null) break;
    await new Promise<void>((resolve) => void clock.after(lookEveryMs, resolve));
  }
  session.blocked = null;
  if (!group.isLeader) connection.reply.error(deposedText);
  else if (blocked.unblocked === 'error') connection.reply.error(unblockedText);
  else answer();
}
