/** INFO server, clients, memory, persistence, cpu: the node itself. Fields in Redis' order. */
import { arch, platform, release, totalmem } from 'node:os';
import { Args } from '../../resp/args.js';
import { memoryFigures } from '../memory-figures.js';
import { redisNodeId, selfNode } from '../node-names.js';
import { redisVersion, type ServerContext } from '../server-context.js';

export type Fields = Iterable<readonly [string, string | number]>;

const KiB = 1024;
/** What is charged for a key beside its bytes (TLRU.md). */
const keyOverheadBytes = 56;

export function server(context: ServerContext): Fields {
  const uptime = Math.floor((Date.now() - context.stats.startedAtMs) / 1000);
  return [
    ['redis_version', redisVersion],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0'],
    ['redis_mode', 'cluster'],
    ['os', `${platform()} ${release()} ${arch()}`],
    ['arch_bits', 64],
    ['monotonic_clock', 'process.hrtime'],
    ['multiplexing_api', 'libuv'],
    ['process_id', process.pid],
    ['process_supervised', 'no'],
    ['run_id', redisNodeId(context.nodeId)],
    ['tcp_port', context.port()],
    ['server_time_usec', Math.floor(context.clock.wallMs() * 1000)],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / 86_400)],
    ['hz', 10],
    ['configured_hz', 10],
    ['executable', process.execPath],
    ['config_file', context.configFile ?? ''],
    ['io_threads_active', 0],
    ['availability_zone', selfNode(context.group)?.zone ?? ''],
    ['node_version', process.version],
    ['tgcache_node', context.nodeId],
  ];
}

export function clients({ connections, live, tracking, pause }: ServerContext): Fields {
  let blocked = 0;
  let watching = 0;
  let listening = 0;
  let mostInput = 0;
  let mostOutput = 0;
  for (const connection of connections.values()) {
    const { stall, session, subscriptions } = connection;
    if (stall === 'wait' || session.blocked !== null) blocked++;
    if (session.watchCount > 0) watching++;
    if (subscriptions.any) listening++;
    mostInput = Math.max(mostInput, connection.queryBytes);
    mostOutput = Math.max(mostOutput, connection.outputBytes);
  }
  return [
    ['connected_clients', connections.size],
    ['cluster_connections', 0],
    ['maxclients', live.maxclients],
    ['client_recent_max_input_buffer', mostInput],
    ['client_recent_max_output_buffer', mostOutput],
    ['blocked_clients', blocked],
    ['tracking_clients', tracking.clientCount],
    ['pubsub_clients', listening],
    ['watching_clients', watching],
    ['clients_in_timeout_table', 0],
    ['paused_reason', pause.kind === null ? 'none' : 'client_pause'],
    ['paused_actions', pause.kind ?? 'none'],
    ['paused_timeout_milliseconds', pause.leftMs],
  ];
}

/** There are no scripts yet. */
const scripting: Fields = [
  'used_memory_lua',
  'used_memory_vm_eval',
  'used_memory_scripts_eval',
  'number_of_cached_scripts',
  'number_of_functions',
  'number_of_libraries',
  'used_memory_vm_functions',
  'used_memory_vm_total',
  'used_memory_functions',
  'used_memory_scripts',
].map((name) => [name, 0]);

/** used_memory is what maxmemory bounds: keys, values and 56 bytes for each key. */
export function memory(context: ServerContext): Fields {
  const figures = memoryFigures(context);
  const { usedBytes, keys } = context.group.keyspaceInfo();
  const setting = (name: string) =>
    context.group.clusterSetting(name) ?? context.settings.redisValue(name) ?? '';
  const { stats } = context;
  const peak = Math.max(stats.peakDatasetBytes, usedBytes);
  const overhead = keys * keyOverheadBytes;
  return [
    ...sized('used_memory', usedBytes),
    ...sized('used_memory_rss', figures.resident),
    ...sized('used_memory_peak', peak),
    ['used_memory_peak_perc', percent(usedBytes, peak)],
    ['used_memory_overhead', overhead],
    ['used_memory_startup', 0],
    ['used_memory_dataset', usedBytes - overhead],
    ['used_memory_dataset_perc', percent(usedBytes - overhead, usedBytes)],
    ['allocator_allocated', figures.used],
    ['allocator_active', figures.reserved],
    ['allocator_resident', figures.resident],
    ...sized('total_system_memory', totalmem()),
    ...sized('maxmemory', Number(setting('maxmemory'))),
    ['maxmemory_policy', setting('maxmemory-policy')],
    ...scripting,
    ['allocator_frag_ratio', (figures.reserved / figures.used).toFixed(2)],
    ['allocator_frag_bytes', figures.reserved - figures.used],
    ['allocator_rss_ratio', (figures.resident / figures.reserved).toFixed(2)],
    ['allocator_rss_bytes', figures.resident - figures.reserved],
    ['rss_overhead_ratio', '1.00'],
    ['rss_overhead_bytes', 0],
    ['mem_fragmentation_ratio', (figures.resident / figures.used).toFixed(2)],
    ['mem_fragmentation_bytes', figures.resident - figures.used],
    ['mem_not_counted_for_evict', 0],
    ['mem_replication_backlog', 0],
    ['mem_total_replication_buffers', 0],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', figures.clients],
    ['mem_cluster_links', 0],
    ['mem_aof_buffer', 0],
    ['mem_allocator', 'v8'],
    ['active_defrag_running', 0],
    ['lazyfree_pending_objects', 0],
    ['lazyfreed_objects', 0],
    ['heap_and_external_memory', figures.used],
    ['heap_and_external_memory_peak', figures.peak],
  ];
}

function sized(name: string, bytes: number): [string, string | number][] {
  return [
    [name, bytes],
    [`${name}_human`, human(bytes)],
  ];
}

/** Redis: bytesToHuman. */
function human(bytes: number): string {
  if (bytes < KiB) return `${bytes}B`;
  let unit = -1;
  let size = bytes;
  for (; size >= KiB && unit < 3; unit++) size /= KiB;
  return `${size.toFixed(2)}${'KMGT'[unit]}`;
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : (part * 100) / whole).toFixed(2)}%`;
}

/** INFO itself is no write: what refuses it refuses everything. */
export function isLoading({ group, table }: ServerContext): boolean {
  const info = table().named('info');
  return info !== null && group.writeRefusal(info, new Args()) === 'loading';
}

/**
 * Snapshots stand for Redis' RDB files and the log for its AOF: every acknowledged write is in the
 * synced log. Changes are counted in entries of the log.
 */
export function persistence(context: ServerContext): Fields {
  const { group, stats } = context;
  const { lastAtMs, lastMs, currentMs, taken, failed } = group.snapshotInfo();
  const raft = group.raftInfo();
  const since = Number(raft.get('last_applied') ?? 0) - Number(raft.get('snapshot_index') ?? 0);
  const seconds = (ms: number) => (ms < 0 ? -1 : Math.floor(ms / 1000));
  return [
    ['loading', isLoading(context) ? 1 : 0],
    ['async_loading', 0],
    ['current_cow_peak', 0],
    ['current_cow_size', 0],
    ['current_cow_size_age', 0],
    ['current_fork_perc', '0.00'],
    ['current_save_keys_processed', 0],
    ['current_save_keys_total', 0],
    ['rdb_changes_since_last_save', Math.max(0, since)],
    ['rdb_bgsave_in_progress', currentMs < 0 ? 0 : 1],
    ['rdb_last_save_time', seconds(lastAtMs ?? stats.startedAtMs)],
    ['rdb_last_bgsave_status', failed ? 'err' : 'ok'],
    ['rdb_last_bgsave_time_sec', seconds(lastMs)],
    ['rdb_current_bgsave_time_sec', seconds(currentMs)],
    ['rdb_saves', taken],
    ['rdb_last_cow_size', 0],
    ['rdb_last_load_keys_expired', 0],
    ['rdb_last_load_keys_loaded', 0],
    ['aof_enabled', 1],
    ['aof_rewrite_in_progress', 0],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_rewrite_time_sec', -1],
    ['aof_current_rewrite_time_sec', -1],
    ['aof_last_bgrewrite_status', 'ok'],
    ['aof_last_write_status', 'ok'],
    ['aof_last_cow_size', 0],
    ['module_fork_in_progress', 0],
    ['module_fork_last_cow_size', 0],
  ];
}

/** One process does it all; the main thread is not counted apart. */
export function cpu(): Fields {
  const { system, user } = process.cpuUsage();
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
    ['used_cpu_sys_main_thread', (system / 1e6).toFixed(6)],
    ['used_cpu_user_main_thread', (user / 1e6).toFixed(6)],
  ];
}
