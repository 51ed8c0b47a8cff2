/** INFO: sections and field names as Redis' clients, exporters and dashboards read them. */
import { totalmem } from 'node:os';
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { type LocalSpec, local } from '../local-spec.js';
import { redisVersion, type ServerContext } from '../server-context.js';

type Fields = readonly (readonly [string, string | number])[];
type Section = (context: ServerContext) => Fields;

const sections: Readonly<Record<string, Section>> = {
  server,
  clients,
  memory,
  persistence,
  stats,
  replication,
  cpu,
  modules,
  errorstats,
  cluster,
  keyspace,
  raft,
};

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
  const all =
    wanted.size === 0 || ['all', 'everything', 'default'].some((word) => wanted.has(word));
  const texts: string[] = [];
  for (const [name, section] of Object.entries(sections)) {
    if (!all && !wanted.has(name)) continue;
    const lines = section(context).map(([field, value]) => `${field}:${value}\r\n`);
    texts.push(`# ${name[0]!.toUpperCase()}${name.slice(1)}\r\n${lines.join('')}`);
  }
  reply.verbatim('txt', texts.join('\r\n'));
}

function server(context: ServerContext): Fields {
  const seconds = Math.floor((Date.now() - context.stats.startedAtMs) / 1000);
  return [
    ['redis_version', redisVersion],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0'],
    ['redis_mode', 'cluster'],
    ['server_name', 'tgcache'],
    ['os', `${process.platform} ${process.arch}`],
    ['arch_bits', 64],
    ['node_version', process.version],
    ['process_id', process.pid],
    ['run_id', context.nodeId],
    ['tcp_port', context.port()],
    ['uptime_in_seconds', seconds],
    ['uptime_in_days', Math.floor(seconds / 86_400)],
    ['hz', 10],
    ['executable', process.execPath],
    ['config_file', ''],
  ];
}

function clients(context: ServerContext): Fields {
  return [
    ['connected_clients', context.connections.size],
    ['cluster_connections', context.group.nodes().filter((node) => node.connected).length],
    ['maxclients', context.settings.redisValue('maxclients') ?? ''],
    ['blocked_clients', 0],
    ['tracking_clients', 0],
  ];
}

function memory(context: ServerContext): Fields {
  const used = context.group.keyspaceInfo().usedBytes;
  const { rss } = process.memoryUsage();
  const maxmemory = context.group.clusterSetting('maxmemory') ?? '0';
  return [
    ['used_memory', used],
    ['used_memory_human', human(used)],
    ['used_memory_rss', rss],
    ['used_memory_rss_human', human(rss)],
    ['used_memory_dataset', used],
    ['total_system_memory', totalmem()],
    ['maxmemory', maxmemory],
    ['maxmemory_human', human(Number(maxmemory))],
    ['maxmemory_policy', context.group.clusterSetting('maxmemory-policy') ?? ''],
    ['mem_fragmentation_ratio', (rss / Math.max(1, used)).toFixed(2)],
    ['mem_allocator', 'node'],
  ];
}

function persistence(context: ServerContext): Fields {
  const raft = context.group.raftInfo();
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['rdb_changes_since_last_save', 0],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_bgsave_status', 'ok'],
    ['aof_enabled', 1],
    ['aof_last_write_status', 'ok'],
    ['raft_snapshot_index', raft.get('snapshot_index') ?? 0],
  ];
}

function stats(context: ServerContext): Fields {
  const { expired, evicted, hits, misses } = context.group.keyspaceInfo();
  return [
    ['total_connections_received', context.stats.connections],
    ['total_commands_processed', context.stats.commands],
    ['rejected_connections', context.stats.rejectedConnections],
    ['expired_keys', expired],
    ['evicted_keys', evicted],
    ['keyspace_hits', hits],
    ['keyspace_misses', misses],
    ['total_error_replies', context.stats.errors],
  ];
}

function replication(context: ServerContext): Fields {
  const { group } = context;
  const nodes = group.nodes();
  const self = nodes.find((node) => node.self);
  const offset = self?.offset ?? 0;
  if (group.isLeader) {
    const replicas = nodes.filter((node) => !node.self && node.connected);
    return [
      ['role', 'master'],
      ['connected_slaves', replicas.length],
      ...replicas.map(
        (node, at) =>
          [
            `slave${at}`,
            `ip=${node.host},port=${node.port},state=online,offset=${node.offset},lag=0`,
          ] as const,
      ),
      ['master_repl_offset', offset],
    ];
  }
  const leader = group.leader();
  return [
    ['role', 'slave'],
    ['master_host', leader?.host ?? ''],
    ['master_port', leader?.port ?? 0],
    ['master_link_status', leader === null ? 'down' : 'up'],
    ['master_last_io_seconds_ago', leader === null ? -1 : 0],
    ['master_sync_in_progress', 0],
    ['slave_repl_offset', offset],
    ['slave_priority', 100],
    ['slave_read_only', 1],
    ['connected_slaves', 0],
    ['master_repl_offset', offset],
  ];
}

function cpu(): Fields {
  const { user, system } = process.cpuUsage();
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)],
  ];
}

function modules(): Fields {
  return [];
}

function errorstats(context: ServerContext): Fields {
  return context.stats.errors === 0 ? [] : [['errorstat_ERR', `count=${context.stats.errors}`]];
}

function cluster(): Fields {
  return [['cluster_enabled', 1]];
}

function keyspace(context: ServerContext): Fields {
  const { keys, keysWithTtl } = context.group.keyspaceInfo();
  return keys === 0 ? [] : [['db0', `keys=${keys},expires=${keysWithTtl},avg_ttl=0`]];
}

function raft(context: ServerContext): Fields {
  return [...context.group.raftInfo()];
}

export function human(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes}B` : `${value.toFixed(2)}${units[unit]}`;
}
