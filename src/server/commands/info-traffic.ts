/** INFO stats, replication, commandstats, errorstats, latencystats, keyspace: what goes through. */
import { leaderNode, redisNodeId, replicaNodes, selfNode } from '../node-names.js';
import type { ServerContext } from '../server-context.js';
import { type Fields, isLoading } from './info-node.js';

const KiB = 1024;

export function stats(context: ServerContext): Fields {
  const { stats: counted, group, pubsub, tracking } = context;
  const { denied } = context.acl().log;
  const { expired, evicted, hits, misses } = group.keyspaceInfo();
  const delay = counted.loopDelayMs();
  return [
    ['total_connections_received', counted.connections],
    ['total_commands_processed', counted.commands],
    ['instantaneous_ops_per_sec', Math.round(counted.rate('commands'))],
    ['total_net_input_bytes', counted.inputBytes],
    ['total_net_output_bytes', counted.outputBytes],
    ['total_net_repl_input_bytes', 0],
    ['total_net_repl_output_bytes', 0],
    ['instantaneous_input_kbps', (counted.rate('inputBytes') / KiB).toFixed(2)],
    ['instantaneous_output_kbps', (counted.rate('outputBytes') / KiB).toFixed(2)],
    ['instantaneous_input_repl_kbps', '0.00'],
    ['instantaneous_output_repl_kbps', '0.00'],
    ['rejected_connections', counted.rejectedConnections],
    ['sync_full', 0],
    ['sync_partial_ok', 0],
    ['sync_partial_err', 0],
    ['expired_keys', expired],
    ['expired_stale_perc', '0.00'],
    ['expired_time_cap_reached_count', 0],
    ['expire_cycle_cpu_milliseconds', 0],
    ['evicted_keys', evicted],
    ['evicted_clients', 0],
    ['total_eviction_exceeded_time', 0],
    ['current_eviction_exceeded_time', 0],
    ['keyspace_hits', hits],
    ['keyspace_misses', misses],
    ['pubsub_channels', [...pubsub.names('channels')].length],
    ['pubsub_patterns', [...pubsub.names('patterns')].length],
    ['pubsubshard_channels', [...pubsub.names('shards')].length],
    ['latest_fork_usec', 0],
    ['total_forks', 0],
    ['migrate_cached_sockets', 0],
    ['slave_expires_tracked_keys', 0],
    ['active_defrag_hits', 0],
    ['active_defrag_misses', 0],
    ['active_defrag_key_hits', 0],
    ['active_defrag_key_misses', 0],
    ['total_active_defrag_time', 0],
    ['current_active_defrag_time', 0],
    ['tracking_total_keys', tracking.keyCount],
    ['tracking_total_items', tracking.keyCount],
    ['tracking_total_prefixes', tracking.prefixCount],
    ['unexpected_error_replies', 0],
    ['total_error_replies', counted.errors],
    ['dump_payload_sanitizations', 0],
    ['total_reads_processed', counted.reads],
    ['total_writes_processed', counted.writes],
    ['io_threaded_reads_processed', 0],
    ['io_threaded_writes_processed', 0],
    ['reply_buffer_shrinks', 0],
    ['reply_buffer_expands', 0],
    ['acl_access_denied_auth', denied.auth],
    ['acl_access_denied_cmd', denied.command],
    ['acl_access_denied_key', denied.key],
    ['acl_access_denied_channel', denied.channel],
    ['eventloop_delay_p99_ms', delay.p99.toFixed(1)],
    ['eventloop_delay_max_ms', delay.max.toFixed(1)],
  ];
}

export function replication(context: ServerContext): Fields {
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
    ['master_replid2', '0'.repeat(40)],
    ['master_repl_offset', leader?.offset ?? offset],
    ['second_repl_offset', -1],
    ['repl_backlog_active', 0],
    ['repl_backlog_size', 0],
    ['repl_backlog_first_byte_offset', 0],
    ['repl_backlog_histlen', 0],
  );
  return fields;
}

export function commandstats({ usage }: ServerContext): Fields {
  return [...usage.all].map(([name, { calls, microseconds, rejected, failed }]) => {
    const each = calls === 0 ? 0 : microseconds / calls;
    return [
      `cmdstat_${name}`,
      `calls=${calls},usec=${Math.round(microseconds)},usec_per_call=${each.toFixed(2)},` +
        `rejected_calls=${rejected},failed_calls=${failed}`,
    ];
  });
}

export function errorstats({ stats: counted }: ServerContext): Fields {
  return [...counted.errorsByCode].map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}

export function latencystats({ usage, settings }: ServerContext): Fields {
  const wanted = settings.redisValue('latency-tracking-info-percentiles') ?? '';
  const percents = wanted.split(' ').filter((word) => word !== '');
  return [...usage.all].flatMap(([name, { histogram }]) => {
    if (histogram === null) return [];
    const shown = percents.map(
      (percent) => `p${percent}=${histogram.percentile(Number(percent)).toFixed(3)}`,
    );
    return [[`latency_percentiles_usec_${name}`, shown.join(',')] as const];
  });
}

export function keyspace({ group }: ServerContext): Fields {
  return group
    .keyspaceInfo()
    .databases.map(({ database, keys, keysWithTtl }) => [
      `db${database}`,
      `keys=${keys},expires=${keysWithTtl},avg_ttl=0`,
    ]);
}
