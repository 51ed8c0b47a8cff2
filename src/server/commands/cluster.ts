/**
 * CLUSTER: the whole keyspace is one shard; the leader is the master of slots 0-16383 and all
 * other members are its replicas.
 */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { slotOf } from '../crc16.js';
import { noLeader } from '../gates.js';
import type { ClusterNode } from '../group.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import { leaderNode, redisNodeId, replicaNodes } from '../node-names.js';
import type { ServerContext } from '../server-context.js';
import { isLoading } from './info-node.js';
import { countKeysInSlot, getKeysInSlot } from './slot-keys.js';

export const slots = 16_384;
const shared = {
  group: 'cluster',
  acl: ['slow'],
  flags: ['stale', 'loading'],
  since: '3.0.0',
} as const;

export function clusterCommands(context: ServerContext): LocalSpec[] {
  const plain = (name: string, summary: string, run: (reply: ReplySink) => void) =>
    local(name, 2, { ...shared, summary }, (_connection, _args, reply) => run(reply));
  const map = (name: string, summary: string, write: typeof slotMap) =>
    local(name, 2, { ...shared, summary }, (connection, _args, reply) => {
      context.clusterClients.note(connection);
      write(context, reply);
    });
  const replicasOf = (name: string) =>
    local(
      name,
      3,
      {
        ...shared,
        acl: ['admin', 'slow', 'dangerous'],
        summary: 'Lists the replicas of a master.',
        syntax: 'node-id',
      },
      (_connection, args, reply) => listReplicas(context, args, reply),
    );
  return [
    container('cluster', { ...shared, summary: 'A container for cluster commands.' }, [
      plain('info', 'Returns the state of the cluster.', (reply) => info(context, reply)),
      plain('myid', 'Returns the id of this node.', (reply) =>
        reply.text(redisNodeId(context.nodeId)),
      ),
      plain('myshardid', 'Returns the id of the only shard.', (reply) =>
        reply.text(redisNodeId('shard 0')),
      ),
      plain('nodes', 'Returns the nodes as text.', (reply) => nodes(context, reply)),
      map('shards', 'Returns the shards and their nodes.', shards),
      map('slots', 'Returns which nodes hold which slots.', slotMap),
      plain('links', 'Returns links of a cluster bus, of which there is none.', (reply) =>
        reply.array(0),
      ),
      replicasOf('replicas'),
      replicasOf('slaves'),
      local(
        'keyslot',
        3,
        { ...shared, summary: 'Returns the slot of a key.', syntax: 'key' },
        (_connection, args, reply) => reply.integer(slotOf(args.bytes, args.start(2), args.end(2))),
      ),
      countKeysInSlot(context),
      getKeysInSlot(context),
    ]),
  ];
}

function epoch(context: ServerContext): number {
  return Number(context.group.raftInfo().get('term') ?? 0);
}

function info(context: ServerContext, reply: ReplySink): void {
  const leads = leaderNode(context.group) !== null;
  const fields: [string, string | number][] = [
    ['cluster_enabled', 1],
    ['cluster_state', leads ? 'ok' : 'fail'],
    ['cluster_slots_assigned', slots],
    ['cluster_slots_ok', leads ? slots : 0],
    ['cluster_slots_pfail', 0],
    ['cluster_slots_fail', leads ? 0 : slots],
    ['cluster_known_nodes', context.group.nodes().length],
    ['cluster_size', 1],
    ['cluster_current_epoch', epoch(context)],
    ['cluster_my_epoch', epoch(context)],
    ['cluster_stats_messages_sent', 0],
    ['cluster_stats_messages_received', 0],
  ];
  reply.verbatim('txt', fields.map(([name, value]) => `${name}:${value}\r\n`).join(''));
}

/** One line of CLUSTER NODES. */
function nodeLine(context: ServerContext, node: ClusterNode, leader: ClusterNode | null): string {
  const leads = node.id === leader?.id;
  const flags = [node.self ? 'myself' : '', leads ? 'master' : 'slave'];
  if (!node.self && !node.connected) flags.push('fail?');
  const fields = [
    redisNodeId(node.id),
    `${node.host}:${node.port}@${node.peerPort}`,
    flags.filter((flag) => flag !== '').join(','),
    leads || leader === null ? '-' : redisNodeId(leader.id),
    0,
    0,
    epoch(context),
    node.self || node.connected ? 'connected' : 'disconnected',
  ];
  return `${fields.join(' ')}${leads ? ` 0-${slots - 1}` : ''}`;
}

function nodes(context: ServerContext, reply: ReplySink): void {
  const leader = leaderNode(context.group);
  const lines = context.group.nodes().map((node) => `${nodeLine(context, node, leader)}\n`);
  reply.verbatim('txt', lines.join(''));
}

function listReplicas(context: ServerContext, args: Args, reply: ReplySink): void {
  const { group } = context;
  const leader = leaderNode(group);
  const asked = args.text(2).toLowerCase();
  const found = group.nodes().find((node) => redisNodeId(node.id) === asked);
  if (found === undefined) return reply.error(`ERR Unknown node ${args.text(2)}`);
  if (found.id !== leader?.id) return reply.error('ERR The specified node is not a master');
  const replicas = replicaNodes(group);
  reply.array(replicas.length);
  for (const node of replicas) reply.text(nodeLine(context, node, leader));
}

function shards(context: ServerContext, reply: ReplySink): void {
  const leader = leaderNode(context.group);
  const members = context.group.nodes();
  reply.array(1);
  reply.map(2);
  reply.text('slots');
  reply.array(leader === null ? 0 : 2);
  if (leader !== null) {
    reply.integer(0);
    reply.integer(slots - 1);
  }
  reply.text('nodes');
  reply.array(members.length);
  for (const node of members) shardNode(context, node, node.id === leader?.id, reply);
}

/** Redis: online, loading, fail. */
function health(context: ServerContext, node: ClusterNode): string {
  if (node.self && isLoading(context)) return 'loading';
  return node.self || node.connected ? 'online' : 'fail';
}

function shardNode(
  context: ServerContext,
  node: ClusterNode,
  leads: boolean,
  reply: ReplySink,
): void {
  reply.map(node.zone === null ? 7 : 8);
  const texts: [string, string][] = [
    ['id', redisNodeId(node.id)],
    ['ip', node.host],
    ['endpoint', node.host],
    ['role', leads ? 'master' : 'replica'],
    ['health', health(context, node)],
    ...(node.zone === null ? [] : [['availability-zone', node.zone] as [string, string]]),
  ];
  for (const [name, value] of texts) {
    reply.text(name);
    reply.text(value);
  }
  reply.text('port');
  reply.integer(node.port);
  reply.text('replication-offset');
  reply.integer(node.offset);
}

/**
 * Clients ask it when they look for the leader. Without one it is an error, at which they ask
 * another node; an empty map they would take for an answer (redis-py ends at it).
 */
function slotMap(context: ServerContext, reply: ReplySink): void {
  const leader = leaderNode(context.group);
  if (leader === null) return reply.error(noLeader);
  const members = [leader, ...replicaNodes(context.group).filter(isReachable)];
  reply.array(1);
  reply.array(2 + members.length);
  reply.integer(0);
  reply.integer(slots - 1);
  for (const node of members) {
    reply.array(4);
    reply.text(node.host);
    reply.integer(node.port);
    reply.text(redisNodeId(node.id));
    reply.array(0);
  }
}

function isReachable(node: ClusterNode): boolean {
  return node.self || node.connected;
}
