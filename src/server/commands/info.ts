/** INFO: one function per section, each giving its fields in order. */
import { arch, platform, release } from 'node:os';
import { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { type LocalSpec, local } from '../local-spec.js';
import { leaderNode, redisNodeId, replicaNodes, selfNode } from '../node-names.js';
import { redisVersion, type ServerContext } from '../server-context.js';

type Fields = Iterable<readonly [string, string | number]>;
type Section = (context: ServerContext) => Fields;

const MiB = 1024 * 1024;

const sections: ReadonlyMap<string, Section> = new Map<string, Section>([
  ['Server', server],
  ['Clients', clients],
  ['Memory', memory],
  ['Persistence', persistence],
  ['Stats', stats],
  ['Replication', replication],
  ['CPU', cpu],
  ['Modules', () => []],
  ['Errorstats', errorstats],
  ['Cluster', () => [['cluster_enabled', 1]]],
  ['Keyspace', keyspace],
  ['Raft', (context) => context.group.raftInfo()],
]);
const everything: ReadonlySet<string> = new Set(['all', 'everything', 'default']);

export function infoCommands(context: ServerContext): LocalSpec[] {
  const described = {
    group: 'server',
    acl: ['slow', 'dangerous'],
    flags: ['loading', 'stale'],
    summary: 'Returns information and statistics about the server.',
    syntax: '[section [section ...]]',
  } as const;
  return [local('info', -1, described, (_connection, args, reply) => info(context, args, reply))];
}

function info(context: ServerContext, args: Args, reply: ReplySink): void {
  const wanted = new Set<string>();
  for (let index = 1; index < args.count; index++) wanted.add(args.text(index).toLowerCase());
  const all = wanted.size === 0 || [...wanted].some((name) => everything.has(name));
  const shown: string[] = [];
  for (const [name, section] of sections) {
    if (!all && !wanted.has(name.toLowerCase())) continue;
    const lines = [...section(context)].map(([field, value]) => `${field}:${value}\r\n`);
    shown.push(`# ${name}\r\n${lines.join('')}`);
  }
  reply.verbatim('txt', shown.join('\r\n'));
}

function server(context: ServerContext): Fields {
  const uptime = Math.floor((Date.now() - context.stats.startedAtMs) / 1000);
  return [
    ['redis_version', redisVersion],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0'],
    ['redis_mode', 'cluster'],
    ['os', `${platform()} ${release()} ${arch()}`],
    ['arch_bits', 64],
    ['multiplexing_api', 'libuv'],
    ['process_id', process.pid],
    ['run_id', redisNodeId(context.nodeId)],
    ['tcp_port', context.port()],
    ['server_time_usec', context.clock.wallMs() * 1000],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / 86_400)],
    ['node_version', process.version],
    ['tgcache_node', context.nodeId],
  ];
}

function clients(context: ServerContext): Fields {
  let waiting = 0;
  let watching = 0;
  for (const { stall, session } of context.connections.values()) {
    if (stall === 'wait') waiting++;
    if (session.watchCount > 0) watching++;
  }
  return [
    ['connected_clients', context.connections.size],
    ['cluster_connections', 0],
    ['maxclients', context.live.maxclients],
    ['blocked_clients', waiting],
    ['tracking_clients', 0],
    ['watching_clients', watching],
  ];
}

function memory(context: ServerContext): Fields {
  const { rss, heapUsed, external } = process.memoryUsage();
  const { usedBytes } = context.group.keyspaceInfo();
  const setting = (name: string) =>
    context.group.clusterSetting(name) ?? context.settings.redisValue(name) ?? '';
  const maxmemory = Number(setting('maxmemory'));
  return [
    ['used_memory', usedBytes],
    ['used_memory_human', human(usedBytes)],
    ['used_memory_rss', rss],
    ['used_memory_rss_human', human(rss)],
    ['used_memory_dataset', usedBytes],
    ['heap_used', heapUsed],
    ['external_memory', external],
    ['maxmemory', maxmemory],
    ['maxmemory_human', human(maxmemory)],
    ['maxmemory_policy', setting('maxmemory-policy')],
  ];
}

function human(bytes: number): string {
  return `${(bytes / MiB).toFixed(2)}M`;
}

/** INFO itself is no write: what refuses it refuses everything. */
function isLoading({ group, table }: ServerContext): boolean {
  const info = table().named('info');
  return info !== null && group.writeRefusal(info, new Args()) === 'loading';
}

/** Every acknowledged write is in the synced log, which is what Redis' appendonly says. */
function persistence(context: ServerContext): Fields {
  return [
    ['loading', isLoading(context) ? 1 : 0],
    ['async_loading', 0],
    ['rdb_changes_since_last_save', 0],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_bgsave_status', 'ok'],
    ['aof_enabled', 1],
    ['aof_rewrite_in_progress', 0],
    ['aof_last_write_status', 'ok'],
  ];
}

function stats({ stats: counted, group, pubsub, tracking }: ServerContext): Fields {
  const { expired, evicted, hits, misses } = group.keyspaceInfo();
  const delay = counted.loopDelayMs();
  return [
    ['total_connections_received', counted.connections],
    ['total_commands_processed', counted.commands],
    ['instantaneous_ops_per_sec', counted.commandsPerSecond],
    ['total_net_input_bytes', counted.inputBytes],
    ['total_net_output_bytes', counted.outputBytes],
    ['rejected_connections', counted.rejectedConnections],
    ['expired_keys', expired],
    ['evicted_keys', evicted],
    ['keyspace_hits', hits],
    ['keyspace_misses', misses],
    ['pubsub_channels', [...pubsub.names('channels')].length],
    ['pubsub_patterns', [...pubsub.names('patterns')].length],
    ['pubsubshard_channels', [...pubsub.names('shards')].length],
    ['tracking_total_keys', tracking.keyCount],
    ['tracking_total_items', tracking.keyCount],
    ['tracking_total_prefixes', tracking.prefixCount],
    ['total_error_replies', counted.errors],
    ['eventloop_delay_p99_ms', delay.p99.toFixed(1)],
    ['eventloop_delay_max_ms', delay.max.toFixed(1)],
  ];
}

function replication(context: ServerContext): Fields {
  const { group, nodeId } = context;
  const leader = leaderNode(group);
  const offset = selfNode(group)?.offset ?? 0;
  const fields: [string, string | number][] = [['role', group.isLeader ? 'master' : 'slave']];
  if (!group.isLeader) {
    fields.push(
      ['master_host', leader?.host ?? ''],
      ['master_port', leader?.port ?? 0],
      ['master_link_status', leader?.connected === true ? 'up' : 'down'],
      ['master_last_io_seconds_ago', leader?.connected === true ? 0 : -1],
      ['master_sync_in_progress', isLoading(context) ? 1 : 0],
      ['slave_read_repl_offset', offset],
      ['slave_repl_offset', offset],
      ['slave_priority', 100],
      ['slave_read_only', 1],
    );
  }
  const replicas = group.isLeader ? replicaNodes(group) : [];
  fields.push(['connected_slaves', replicas.filter((node) => node.connected).length]);
  for (const [at, node] of replicas.entries()) {
    const state = node.connected ? 'online' : 'offline';
    const place = `ip=${node.host},port=${node.port}`;
    fields.push([`slave${at}`, `${place},state=${state},offset=${node.offset},lag=0`]);
  }
  fields.push(
    ['master_failover_state', 'no-failover'],
    ['master_replid', redisNodeId(`replication of ${leader?.id ?? nodeId}`)],
    ['master_repl_offset', leader?.offset ?? offset],
  );
  return fields;
}

function cpu(): Fields {
  const { system, user } = process.cpuUsage();
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)],
  ];
}

function errorstats({ stats: counted }: ServerContext): Fields {
  return [...counted.errorsByCode].map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}

function keyspace({ group }: ServerContext): Fields {
  const { keys, keysWithTtl } = group.keyspaceInfo();
  return keys === 0 ? [] : [['db0', `keys=${keys},expires=${keysWithTtl},avg_ttl=0`]];
}
