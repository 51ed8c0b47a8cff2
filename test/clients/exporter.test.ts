/**
 * One scrape by redis_exporter (github.com/oliver006/redis_exporter) of each node: the commands it
 * sends to a server without modules, in its order, and what it makes of the replies.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../cluster/harness.js';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const leader = await cluster.leader();
  await cluster.command(leader, 'MSET', ...Array.from({ length: 60 }, (_, at) => `key:${at}`));
  await cluster.command(leader, 'SET', 'key:0', '1', 'EX', '1000');
  await cluster.command(leader, 'GET', 'none');
  await expect(cluster.command(leader, 'NO-SUCH-COMMAND')).rejects.toThrow(/unknown command/);
});
afterAll(() => cluster?.destroy());

/** The optional ones too, save those about data types and modules that are not there. */
const scrape = [
  'PING',
  'CLIENT SETNAME redis_exporter',
  'INFO ALL',
  'INFO',
  'CONFIG GET *',
  'CLUSTER INFO',
  'LATENCY LATEST',
  'LATENCY HISTOGRAM',
  'SLOWLOG LEN',
  'SLOWLOG GET 1',
  'COMMAND INFO COMMANDLOG',
  'CLIENT LIST',
  'INFO MODULES',
  'CLUSTER NODES',
  'SENTINEL MASTERS',
  'SENTINEL SENTINELS tgcache',
  'SENTINEL SLAVES tgcache',
];
/** Keys it was told to look at; at the leader, as a cluster-aware client finds it. */
const keyScrape = [
  'SELECT 0',
  'SCAN 0 MATCH key:* COUNT 1000',
  'TYPE key:0',
  'MEMORY USAGE key:0',
  'STRLEN key:0',
  'GET key:0',
];

/** Fields of INFO that become metrics of their own; each a number, "ok" or "fail". */
const metrics: Readonly<Record<string, string>> = {
  Server: 'uptime_in_seconds process_id io_threads_active configured_hz hz',
  Clients:
    'connected_clients blocked_clients maxclients tracking_clients clients_in_timeout_table ' +
    'pubsub_clients watching_clients cluster_connections client_recent_max_input_buffer ' +
    'client_recent_max_output_buffer',
  Memory:
    'allocator_active allocator_allocated allocator_resident allocator_frag_ratio ' +
    'allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes used_memory used_memory_rss ' +
    'used_memory_peak used_memory_overhead used_memory_startup used_memory_dataset maxmemory ' +
    'mem_fragmentation_ratio mem_fragmentation_bytes mem_clients_slaves mem_clients_normal ' +
    'mem_cluster_links mem_aof_buffer mem_not_counted_for_evict lazyfree_pending_objects ' +
    'lazyfreed_objects active_defrag_running',
  Persistence:
    'loading async_loading rdb_changes_since_last_save rdb_bgsave_in_progress ' +
    'rdb_last_save_time rdb_last_bgsave_status rdb_last_bgsave_time_sec ' +
    'rdb_current_bgsave_time_sec rdb_saves rdb_last_cow_size aof_enabled ' +
    'aof_rewrite_in_progress aof_rewrite_scheduled aof_last_rewrite_time_sec ' +
    'aof_current_rewrite_time_sec aof_last_cow_size aof_last_bgrewrite_status ' +
    'aof_last_write_status module_fork_in_progress module_fork_last_cow_size',
  Stats:
    'total_connections_received total_commands_processed rejected_connections ' +
    'total_net_input_bytes total_net_output_bytes expired_keys expired_stale_perc ' +
    'expired_time_cap_reached_count evicted_keys evicted_clients keyspace_hits keyspace_misses ' +
    'pubsub_channels pubsub_patterns pubsubshard_channels latest_fork_usec ' +
    'migrate_cached_sockets active_defrag_hits active_defrag_misses tracking_total_keys ' +
    'tracking_total_items tracking_total_prefixes unexpected_error_replies total_error_replies ' +
    'dump_payload_sanitizations total_reads_processed total_writes_processed sync_full ' +
    'sync_partial_ok sync_partial_err slave_expires_tracked_keys',
  Replication:
    'master_repl_offset second_repl_offset repl_backlog_size repl_backlog_active ' +
    'repl_backlog_first_byte_offset repl_backlog_histlen connected_slaves',
  CPU: 'used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children',
  Cluster: 'cluster_enabled',
};
/** Labels of its metric instance_info, with the section of each. */
const labels: Readonly<Record<string, string>> = {
  Server: 'redis_version redis_build_id redis_mode os tcp_port run_id process_id',
  Memory: 'maxmemory_policy',
  Replication: 'role master_replid',
};
const number = /^(-?\d+(\.\d+)?|ok|fail)$/;

type Fields = ReadonlyMap<string, string>;

function sections(info: string): ReadonlyMap<string, Fields> {
  const found = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  for (const line of info.split('\r\n')) {
    if (line.startsWith('# ')) {
      current = new Map();
      found.set(line.slice(2), current);
      continue;
    }
    const at = line.indexOf(':');
    if (at >= 0) current.set(line.slice(0, at), line.slice(at + 1));
  }
  return found;
}

/** "Section field" of each that is not there, or not what `shape` asks for. */
function lacking(
  info: ReadonlyMap<string, Fields>,
  wanted: Readonly<Record<string, string>>,
  shape: RegExp,
): string[] {
  return Object.entries(wanted).flatMap(([section, names]) =>
    names
      .split(' ')
      .filter((name) => !shape.test(info.get(section)?.get(name) ?? ''))
      .map((name) => `${section} ${name}`),
  );
}

/** The values of all fields of a section whose names begin so. */
function values(info: ReadonlyMap<string, Fields>, section: string, prefix: string): string[] {
  return [...(info.get(section) ?? [])]
    .filter(([name]) => name.startsWith(prefix))
    .map(([, value]) => value);
}

const infoOf = async (id: string) => sections(String(await cluster.command(id, 'INFO', 'ALL')));
const roles: [string, () => Promise<string>][] = [
  ['the leader', () => cluster.leader()],
  ['a follower', async () => (await cluster.followers())[0]!],
];

describe.each(roles)('redis_exporter at %s', (_role, find) => {
  it('gets an answer to every command of a scrape', async () => {
    const id = await find();
    for (const command of scrape) {
      await expect(cluster.command(id, ...command.split(' ')), command).resolves.toBeDefined();
    }
  });

  it('reads all fields of INFO that it knows', async () => {
    const info = await infoOf(await find());
    expect(lacking(info, metrics, number)).toEqual([]);
    expect(lacking(info, labels, /./)).toEqual([]);
  });

  it('reads the statistics of commands, their latencies and the keyspace', async () => {
    const info = await infoOf(await find());
    const calls = /^calls=\d+,usec=\d+,usec_per_call=[\d.]+,rejected_calls=\d+,failed_calls=\d+$/;
    const percentiles = /^p50=[\d.]+,p99=[\d.]+,p99\.9=[\d.]+$/;
    for (const value of values(info, 'Commandstats', 'cmdstat_')) expect(value).toMatch(calls);
    for (const value of values(info, 'Latencystats', 'latency_'))
      expect(value).toMatch(percentiles);
    expect(values(info, 'Commandstats', 'cmdstat_info')).toHaveLength(1);
    expect(values(info, 'Latencystats', 'latency_percentiles_usec_info')).toHaveLength(1);
    expect(values(info, 'Keyspace', 'db0')[0]).toMatch(/^keys=30,expires=1,avg_ttl=\d+/);
  });
});

describe('redis_exporter', () => {
  it('looks at keys, at the leader', async () => {
    const leader = await cluster.leader();
    const answers: unknown[] = [];
    for (const command of keyScrape) {
      answers.push(await cluster.command(leader, ...command.split(' ')));
    }
    const keys = expect.arrayContaining(['key:0', 'key:58']);
    expect(answers).toEqual(['OK', ['0', keys], 'string', expect.any(Number), 1, '1']);
  });

  it('reads errors by kind at the leader, and its replicas', async () => {
    const info = await infoOf(await cluster.leader());
    expect(info.get('Errorstats')?.get('errorstat_ERR')).toMatch(/^count=\d+$/);
    const replica = /^ip=[\d.]+,port=\d+,state=online,offset=\d+,lag=\d+$/;
    for (const name of ['slave0', 'slave1']) {
      expect(info.get('Replication')?.get(name)).toMatch(replica);
    }
  });

  it('reads the link to the master at a follower', async () => {
    const [id] = (await cluster.followers()) as [string];
    const link = { Replication: 'master_last_io_seconds_ago master_sync_in_progress master_port' };
    expect(lacking(await infoOf(id), link, number)).toEqual([]);
    expect((await infoOf(id)).get('Replication')?.get('master_link_status')).toBe('up');
  });

  it('reads limits of the configuration, clients and nodes', async () => {
    const leader = await cluster.leader();
    const config = (await cluster.command(leader, 'CONFIG', 'GET', '*')) as string[];
    for (const name of ['maxmemory', 'maxclients', 'timeout', 'tcp-keepalive', 'databases']) {
      expect(config[config.indexOf(name) + 1], name).toMatch(/^\d+$/);
    }
    const output = config[config.indexOf('client-output-buffer-limit') + 1]!.split(' ');
    expect(output.length % 4).toBe(0);
    const clients = String(await cluster.command(leader, 'CLIENT', 'LIST'))
      .trim()
      .split('\n');
    const known = ['id', 'addr', 'name', 'age', 'idle', 'flags', 'db', 'tot-mem'];
    for (const client of clients) {
      const fields = client.split(' ').map((part) => part.split('='));
      expect(fields.every((part) => part.length === 2)).toBe(true);
      expect(fields.map(([name]) => name)).toEqual(expect.arrayContaining(known));
    }
    const nodes = String(await cluster.command(leader, 'CLUSTER', 'NODES'))
      .trim()
      .split('\n');
    for (const line of nodes) expect(line.split(' ')[1]).toMatch(/^[\d.]+:\d+@\d+$/);
  });
});
