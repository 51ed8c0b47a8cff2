/** TIME, ROLE, WAIT, LOLWUT, DEBUG, SHUTDOWN, TGCACHE. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { Connection } from '../connection.js';
import { container, type LocalSpec, local, type Outcome } from '../local-spec.js';
import { leaderNode, replicaNodes, selfNode } from '../node-names.js';
import { redisVersion, type ServerContext } from '../server-context.js';
import { memberCommands } from './member.js';

const server = {
  group: 'server',
  acl: ['admin', 'slow', 'dangerous'],
  flags: ['admin', 'noscript', 'loading', 'stale'],
} as const;
/** They answer later, which a reply inside a transaction cannot. */
const alone = { ...server, flags: [...server.flags, 'no_multi'] } as const;
/** DEBUG SLEEP for longer is more likely a slip. */
const sleepSecondsMax = 3600;
const waitLookMs = 10;

export function serverCommands(context: ServerContext): LocalSpec[] {
  return [
    local(
      'time',
      1,
      { ...server, acl: ['fast'], since: '2.6.0', summary: 'Returns the server time.' },
      (_connection, _args, reply) => {
        const now = context.clock.wallMs();
        reply.array(2);
        reply.text(String(Math.floor(now / 1000)));
        reply.text(String(Math.floor((now % 1000) * 1000)));
      },
    ),
    local(
      'role',
      1,
      { ...server, since: '2.8.12', summary: 'Returns the replication role.' },
      (_connection, _args, reply) => role(context, reply),
    ),
    local(
      'wait',
      3,
      {
        ...alone,
        acl: ['slow', 'connection'],
        group: 'generic',
        since: '3.0.0',
        summary: 'Blocks until the writes of the connection are on so many replicas.',
        syntax: 'numreplicas timeout',
      },
      (connection, args, reply) => wait(context, connection, args, reply),
    ),
    local(
      'lolwut',
      -1,
      {
        ...server,
        since: '5.0.0',
        acl: ['fast'],
        summary: 'Displays the version.',
        syntax: '[VERSION version]',
      },
      (_connection, _args, reply) => reply.verbatim('txt', `tgcache\nRedis ver. ${redisVersion}\n`),
    ),
    ...stateCommands(context),
    local(
      'shutdown',
      -1,
      {
        ...alone,
        summary: 'Stops the node in an orderly way.',
        syntax: '[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]',
      },
      (connection, args, reply) => shutdown(context, connection, args, reply),
    ),
  ];
}

/** Answered when the digest is known. */
function stateCommands(context: ServerContext): LocalSpec[] {
  return [
    container('debug', { ...alone, summary: 'A container for debugging commands.' }, [
      local(
        'digest',
        2,
        { ...alone, summary: 'Returns the digest of the state.' },
        async (connection) => connection.reply.simple((await context.group.digest()).digest),
      ),
      local(
        'sleep',
        3,
        { ...alone, summary: 'Stops the whole node for a while.', syntax: 'seconds' },
        sleep,
      ),
    ]),
    container('tgcache', { ...alone, since: '7.2.4', summary: 'Commands of tgcache itself.' }, [
      local(
        'applied',
        2,
        { ...alone, summary: 'Returns the applied index and the digest of the state there.' },
        async (connection) => {
          const { index, digest } = await context.group.digest();
          connection.reply.array(2);
          connection.reply.integer(index);
          connection.reply.text(digest);
        },
      ),
      ...memberCommands(context),
    ]),
  ];
}

/** Redis: ROLE */
function role({ group }: ServerContext, reply: ReplySink): void {
  const offset = selfNode(group)?.offset ?? 0;
  if (!group.isLeader) {
    const leader = leaderNode(group);
    reply.array(5);
    reply.text('slave');
    reply.text(leader?.host ?? '');
    reply.integer(leader?.port ?? 0);
    reply.text(leader === null ? 'connect' : 'connected');
    reply.integer(offset);
    return;
  }
  const replicas = replicaNodes(group).filter((node) => node.connected);
  reply.array(3);
  reply.text('master');
  reply.integer(offset);
  reply.array(replicas.length);
  for (const node of replicas) {
    reply.array(3);
    reply.text(node.host);
    reply.text(String(node.port));
    reply.text(String(node.offset));
  }
}

/**
 * Redis: WAIT. All earlier writes of the connection are answered, hence committed: on a majority.
 * A replica counts when it is known to hold everything that was committed when WAIT came.
 */
function wait(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): Outcome {
  const { group, clock } = context;
  const [replicas, timeout] = [args.text(1), args.text(2)];
  if (!/^\d{1,10}$/.test(replicas))
    return reply.error('ERR value is not an integer or out of range');
  if (!/^-?\d{1,15}$/.test(timeout)) {
    return reply.error('ERR timeout is not an integer or out of range');
  }
  if (timeout.startsWith('-')) return reply.error('ERR timeout is negative');
  if (!group.isLeader) return reply.error('ERR WAIT cannot be used with replica instances.');
  const committed = Number(group.raftInfo().get('commit_index') ?? 0);
  const count = () => replicaNodes(group).filter((node) => node.offset >= committed).length;
  if (count() >= Number(replicas)) return reply.integer(count());
  const until = timeout === '0' ? Number.POSITIVE_INFINITY : clock.monotonicMs() + Number(timeout);
  return waitUntil(context, connection, () => count() >= Number(replicas), until).then(() =>
    connection.reply.integer(count()),
  );
}

async function waitUntil(
  { clock }: ServerContext,
  connection: Connection,
  isDone: () => boolean,
  untilMs: number,
): Promise<void> {
  while (!isDone() && clock.monotonicMs() < untilMs && !connection.closed) {
    await new Promise<void>((resolve) => void clock.after(waitLookMs, resolve));
  }
}

/** Blocks the event loop, as Redis does: that is what it is for. */
function sleep(_connection: Connection, args: Args, reply: ReplySink): void {
  const seconds = Number(args.text(2));
  if (!(seconds >= 0 && seconds <= sleepSecondsMax)) {
    return reply.error('ERR value is not a valid float');
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  reply.ok();
}

/** Redis closes the connection without a reply. */
function shutdown(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): void {
  for (let index = 1; index < args.count; index++) {
    const known = ['NOSAVE', 'SAVE', 'NOW', 'FORCE', 'ABORT'].some((word) => args.is(index, word));
    if (!known) return reply.error('ERR syntax error');
    if (args.is(index, 'ABORT')) return reply.error('ERR No shutdown in progress.');
  }
  connection.finish();
  context.onShutdown();
}
