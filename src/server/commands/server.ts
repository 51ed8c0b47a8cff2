/** TIME, ROLE, LOLWUT, SHUTDOWN, TGCACHE, MODULE. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { Connection } from '../connection.js';
import { container, type LocalSpec, local } from '../local-spec.js';
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
      {
        ...server,
        acl: ['admin', 'fast', 'dangerous'],
        since: '2.8.12',
        summary: 'Returns the replication role.',
      },
      (_connection, _args, reply) => role(context, reply),
    ),
    local(
      'lolwut',
      -1,
      {
        ...server,
        since: '5.0.0',
        acl: ['read', 'fast'],
        summary: 'Displays computer art and the version.',
        syntax: '[VERSION version]',
      },
      (_connection, _args, reply) => reply.verbatim('txt', art()),
    ),
    ...stateCommands(context),
    container(
      'module',
      { ...server, since: '4.0.0', summary: 'A container for module commands.' },
      [
        local(
          'list',
          2,
          { ...server, since: '4.0.0', summary: 'Returns the loaded modules: there are none.' },
          (_connection, _args, reply) => reply.array(0),
        ),
      ],
    ),
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

/** Three nodes, one of which leads. */
function art(): string {
  const rows = ['   (o)', '   / \\', ' (*)-(o)'];
  return `${rows.join('\n')}\n\nRedis ver. ${redisVersion}\n`;
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
