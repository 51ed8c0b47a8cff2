/**
 * CLUSTER: the whole keyspace is one shard, so the leader is the master of all slots and the
 * others are its replicas.
 */
import { createHash } from 'node:crypto';
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { slotOf } from '../crc16.js';
import type { ClusterNode } from '../group.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';

const slots = 16384;
const shared = {
  group: 'cluster',
  since: '3.0.0',
  acl: ['slow'],
  flags: ['loading', 'stale'],
} as const;

/** Clients expect 40 hex digits. */
export function clusterNodeId(id: string): string {
  return createHash('sha1').update(id).digest('hex');
}

export function clusterCommands(context: ServerContext): LocalSpec[] {
  const say = (name: string, summary: string, run: (reply: ReplySink) => void) =>
    local(name, 2, { ...shared, summary }, (_connection, _args, reply) => run(reply));
  return [
    container('cluster', { ...shared, summary: 'A container for cluster commands.' }, [
      say('slots', 'Returns the slots and their nodes.', (reply) => clusterSlots(context, reply)),
      say('shards', 'Returns the shards.', (reply) => clusterShards(context, reply)),
      say('nodes', 'Returns the nodes.', (reply) => reply.verbatim('txt', nodeLines(context))),
      say('info', 'Returns the state of the cluster.', (reply) =>
        reply.verbatim('txt', clusterInfo(context)),
      ),
      say('myid', 'Returns the id of the node.', (reply) =>
        reply.text(clusterNodeId(context.nodeId)),
      ),
      local(
        'keyslot',
        3,
        { ...shared, summary: 'Returns the slot of a key.', syntax: 'key' },
        (_c, args, reply) => reply.integer(slotOf(args.bytes, args.start(2), args.end(2))),
      ),
      local(
        'countkeysinslot',
        3,
        { ...shared, summary: 'Counts the keys in a slot.', syntax: 'slot' },
        (_c, args, reply) => {
          if (slotArgument(args, 2) === null) reply.error('ERR Invalid slot');
          else reply.integer(context.group.countKeysInSlot(slotArgument(args, 2)!));
        },
      ),
    ]),
  ];
}

function slotArgument(args: Args, index: number): number | null {
  const slot = Number(args.text(index));
  return Number.isInteger(slot) && slot >= 0 && slot < slots ? slot : null;
}

/** The leader first; without one this node stands in, so that the layout stays complete. */
function ordered(context: ServerContext): ClusterNode[] {
  const nodes = [...context.group.nodes()].filter((node) => node.port !== 0);
  return nodes.sort((a, b) => Number(b.role === 'leader') - Number(a.role === 'leader'));
}

function clusterSlots(context: ServerContext, reply: ReplySink): void {
  const nodes = ordered(context);
  if (nodes[0]?.role !== 'leader') return reply.array(0);
  reply.array(1);
  reply.array(2 + nodes.length);
  reply.integer(0);
  reply.integer(slots - 1);
  for (const node of nodes) {
    reply.array(4);
    reply.text(node.host);
    reply.integer(node.port);
    reply.text(clusterNodeId(node.id));
    reply.array(0);
  }
}

function clusterShards(context: ServerContext, reply: ReplySink): void {
  const nodes = ordered(context);
  const led = nodes[0]?.role === 'leader';
  reply.array(1);
  reply.map(2);
  reply.text('slots');
  reply.array(led ? 2 : 0);
  if (led) {
    reply.integer(0);
    reply.integer(slots - 1);
  }
  reply.text('nodes');
  reply.array(nodes.length);
  for (const node of nodes) {
    reply.map(7);
    const text = (name: string, value: string) => {
      reply.text(name);
      reply.text(value);
    };
    text('id', clusterNodeId(node.id));
    reply.text('port');
    reply.integer(node.port);
    text('ip', node.host);
    text('endpoint', node.host);
    text('role', node.role === 'leader' ? 'master' : 'replica');
    reply.text('replication-offset');
    reply.integer(node.offset);
    text('health', node.connected || node.self ? 'online' : 'failed');
  }
}

function nodeLines(context: ServerContext): string {
  const nodes = ordered(context);
  const leader = nodes.find((node) => node.role === 'leader');
  const epoch = context.group.raftInfo().get('term') ?? 0;
  const lines = nodes.map((node) => {
    const isLeader = node === leader;
    const flags = [
      ...(node.self ? ['myself'] : []),
      isLeader || leader === undefined ? 'master' : 'slave',
      ...(node.connected || node.self ? [] : ['fail']),
    ].join(',');
    const master = isLeader || leader === undefined ? '-' : clusterNodeId(leader.id);
    const link = node.connected || node.self ? 'connected' : 'disconnected';
    const range = isLeader ? ` 0-${slots - 1}` : '';
    const address = `${node.host}:${node.port}@${node.peerPort}`;
    return `${clusterNodeId(node.id)} ${address} ${flags} ${master} 0 0 ${epoch} ${link}${range}\n`;
  });
  return lines.join('');
}

function clusterInfo(context: ServerContext): string {
  const nodes = ordered(context);
  const ok = context.group.leader() !== null;
  const epoch = context.group.raftInfo().get('term') ?? 0;
  const fields: [string, string | number][] = [
    ['cluster_enabled', 1],
    ['cluster_state', ok ? 'ok' : 'fail'],
    ['cluster_slots_assigned', slots],
    ['cluster_slots_ok', ok ? slots : 0],
    ['cluster_slots_pfail', 0],
    ['cluster_slots_fail', ok ? 0 : slots],
    ['cluster_known_nodes', nodes.length],
    ['cluster_size', 1],
    ['cluster_current_epoch', epoch],
    ['cluster_my_epoch', epoch],
    ['cluster_stats_messages_sent', 0],
    ['cluster_stats_messages_received', 0],
    ['total_cluster_links_buffer_limit_exceeded', 0],
  ];
  return fields.map(([name, value]) => `${name}:${value}\r\n`).join('');
}
