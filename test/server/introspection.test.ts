/** What a node tells about itself and its commands. */

import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../../src/server/latency-histogram.js';
import { encode, RawClient, startServer, type World } from './harness.js';

let world: World;
let redis: Redis;

beforeEach(async () => {
  world = await startServer();
  redis = new Redis({ port: world.port, host: '127.0.0.1', protocol: 2 });
});

afterEach(async () => {
  redis.disconnect();
  await world.stop();
});

const call = (...words: string[]) => redis.call(words[0]!, ...words.slice(1));
const set = (name: string, value: string) => call('CONFIG', 'SET', name, value);

async function field(section: string, name: string): Promise<string | undefined> {
  const info = String(await call('INFO', section));
  const line = info.split('\r\n').find((text) => text.startsWith(`${name}:`));
  return line?.slice(name.length + 1);
}

describe('SLOWLOG', () => {
  it('has every command when it wants all, newest first', async () => {
    await set('slowlog-log-slower-than', '0');
    await call('SLOWLOG', 'RESET');
    await call('CLIENT', 'SETNAME', 'me');
    await call('SET', 'a', 'x'.repeat(200));
    await call('GET', 'a');
    const [get, put] = (await call('SLOWLOG', 'GET', '2')) as unknown[][];
    expect(get!.slice(3)).toEqual([
      ['GET', 'a'],
      expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      'me',
    ]);
    expect(put![3]).toEqual(['set', 'a', `${'x'.repeat(128)}... (72 more bytes)`]);
    expect(Number(get![0])).toBe(Number(put![0]) + 1);
    expect(await call('SLOWLOG', 'LEN')).toBeGreaterThan(3);
  });

  it('is bounded, cuts long commands and hides passwords', async () => {
    await set('slowlog-max-len', '3');
    await set('slowlog-log-slower-than', '0');
    await call('SADD', 'not', 'known').catch(() => null);
    await call('DEL', ...Array.from({ length: 40 }, (_, at) => `k${at}`));
    await call('AUTH', 'default', 'secret');
    const entries = (await call('SLOWLOG', 'GET', '-1')) as unknown[][];
    expect(entries).toHaveLength(3);
    expect(entries[0]![3]).toEqual(['AUTH', '(redacted)', '(redacted)']);
    const del = entries[1]![3] as string[];
    expect(del).toHaveLength(32);
    expect(del[31]).toBe('... (10 more arguments)');
  });

  it('is off below zero', async () => {
    await set('slowlog-log-slower-than', '-1');
    await call('SLOWLOG', 'RESET');
    await call('DEBUG', 'SLEEP', '0.02');
    expect(await call('SLOWLOG', 'LEN')).toBe(0);
  });
});

describe('LATENCY', () => {
  it('notes what is beyond the threshold', async () => {
    expect(await call('LATENCY', 'DOCTOR')).toMatch(/^I'm sorry, Dave/);
    await set('latency-monitor-threshold', '10');
    expect(await call('LATENCY', 'DOCTOR')).toMatch(/^Dave, no latency spike/);
    await call('DEBUG', 'SLEEP', '0.03');
    const [event] = (await call('LATENCY', 'LATEST')) as [string, number, number, number][];
    expect(event![0]).toBe('command');
    expect(event![2]).toBeGreaterThanOrEqual(29);
    expect(event![3]).toBe(event![2]);
    expect(await call('LATENCY', 'HISTORY', 'command')).toEqual([[event![1], event![2]]]);
    expect(await call('LATENCY', 'GRAPH', 'command')).toMatch(/^command - high \d+ ms, low \d+ ms/);
    expect(await call('LATENCY', 'DOCTOR')).toMatch(/1\. command: 1 latency spikes \(average/);
    expect(await call('LATENCY', 'RESET', 'fast-command', 'command')).toBe(1);
    expect(await call('LATENCY', 'LATEST')).toEqual([]);
  });

  it('has a histogram per command', async () => {
    for (let at = 0; at < 4; at++) await call('SET', 'a', '1');
    const [name, [, calls, , buckets]] = (await call('LATENCY', 'HISTOGRAM', 'set', 'nosuch')) as [
      string,
      [string, number, string, number[]],
    ];
    expect(name).toBe('set');
    expect(calls).toBe(4);
    expect(buckets.at(-1)).toBe(4);
    await call('CONFIG', 'RESETSTAT');
    expect(await call('LATENCY', 'HISTOGRAM', 'set')).toEqual([]);
  });
});

describe('the histogram', () => {
  it('keeps times to an eighth', () => {
    const histogram = new LatencyHistogram();
    for (let us = 1; us <= 1000; us++) histogram.note(us, 1);
    for (const percent of [1, 10, 50, 99, 100]) {
      const found = histogram.percentile(percent);
      expect(found).toBeGreaterThanOrEqual(percent * 10);
      expect(found).toBeLessThan(percent * 10 * 1.13);
    }
  });

  it('counts up in doublings, with the bounds of Redis', () => {
    const histogram = new LatencyHistogram();
    for (const us of [0, 0.5, 3, 30, 31, 5000]) histogram.note(us, 1);
    expect(histogram.cumulative()).toEqual([
      [1, 2],
      [4, 3],
      [33, 5],
      [8454, 6],
    ]);
  });
});

describe('INFO', () => {
  it('commandstats counts calls, refusals and failures', async () => {
    await call('CONFIG', 'RESETSTAT');
    await call('SET', 'a', 'x');
    await call('GET', 'a');
    await call('GET', 'b');
    await call('INCR', 'a').catch(() => null);
    await call('SET', 'a', 'x', 'EX', 'y').catch(() => null);
    await call('GET').catch(() => null);
    await call('CLIENT', 'ID');
    await redis.multi().incr('n').ping().exec();
    const stats = String(await call('INFO', 'commandstats'));
    const line = (name: string) => new RegExp(`cmdstat_${name}:(.*)\r`).exec(stats)?.[1];
    expect(line('get')).toMatch(
      /^calls=2,usec=\d+,usec_per_call=[\d.]+,rejected_calls=1,failed_calls=0$/,
    );
    expect(line('set')).toMatch(/^calls=2,.*,rejected_calls=0,failed_calls=1$/);
    expect(line('incr')).toMatch(/^calls=2,.*,failed_calls=1$/);
    expect(line('client\\|id')).toMatch(/^calls=1,/);
    expect(line('exec')).toMatch(/^calls=1,/);
    expect(line('ping')).toMatch(/^calls=1,/);
    expect(await field('errorstats', 'errorstat_ERR')).toBe('count=3');
  });

  it('latencystats gives the percentiles that are asked for', async () => {
    await call('GET', 'a');
    expect(await field('latencystats', 'latency_percentiles_usec_get')).toMatch(
      /^p50=[\d.]+,p99=[\d.]+,p99\.9=[\d.]+$/,
    );
    await set('latency-tracking-info-percentiles', '0.0 50.0');
    expect(await field('latencystats', 'latency_percentiles_usec_get')).toMatch(/^p0=[\d.]+,p50=/);
    await set('latency-tracking', 'no');
    await call('TTL', 'a');
    expect(await field('latencystats', 'latency_percentiles_usec_ttl')).toBeUndefined();
  });

  it('shows the sections that were asked for', async () => {
    const titles = async (...sections: string[]) =>
      String(await call('INFO', ...sections)).match(/^# .*(?=\r)/gm);
    expect(await titles('cpu', 'MEMORY')).toEqual(['# Memory', '# CPU']);
    expect(await titles()).not.toContain('# Commandstats');
    expect(await titles('default', 'commandstats')).toContain('# Commandstats');
    for (const all of ['all', 'everything']) {
      expect(await titles(all)).toEqual(expect.arrayContaining(['# Latencystats', '# Raft']));
    }
    expect(await titles('nosuch')).toBeNull();
  });

  it('has true figures', async () => {
    await call('SET', 'a', 'x'.repeat(1000));
    expect(Number(await field('memory', 'used_memory'))).toBe(1057);
    expect(Number(await field('memory', 'used_memory_dataset'))).toBe(1001);
    const rss = Number(await field('memory', 'used_memory_rss'));
    expect(rss).toBeGreaterThan(10_000_000);
    expect(Number(await field('cpu', 'used_cpu_user'))).toBeGreaterThan(0);
    expect(await field('persistence', 'rdb_saves')).toBe('0');
    world.group.snapshots = {
      lastAtMs: 5000,
      lastMs: 2500,
      currentMs: -1,
      taken: 1,
      failed: false,
    };
    expect(await field('persistence', 'rdb_last_save_time')).toBe('5');
    expect(await field('persistence', 'rdb_last_bgsave_time_sec')).toBe('2');
    expect(await field('clients', 'tracking_clients')).toBe('0');
  });
});

describe('zones', () => {
  it('are told by HELLO, INFO and CLUSTER SHARDS', async () => {
    expect(await field('server', 'availability_zone')).toBe('');
    expect(await call('HELLO')).not.toContain('availability_zone');
    world.group.zone = 'eu-1a';
    expect(await field('server', 'availability_zone')).toBe('eu-1a');
    expect(((await call('HELLO')) as string[]).slice(-2)).toEqual(['availability_zone', 'eu-1a']);
    const [shard] = (await call('CLUSTER', 'SHARDS')) as unknown[][];
    const node = (shard![3] as string[][])[0]!;
    expect(node[node.indexOf('availability-zone') + 1]).toBe('eu-1a');
    expect(node[node.indexOf('health') + 1]).toBe('online');
    world.group.refusal = 'loading';
    const [loading] = (await call('CLUSTER', 'SHARDS')) as unknown[][];
    expect((loading![3] as string[][])[0]).toContain('loading');
  });
});

describe('OBJECT and MEMORY', () => {
  it('say how Redis would hold a value', async () => {
    const encoding = async (value: string) => {
      await call('SET', 'k', value);
      return call('OBJECT', 'ENCODING', 'k');
    };
    expect(await encoding('12')).toBe('int');
    expect(await encoding('012')).toBe('embstr');
    expect(await encoding('9223372036854775808')).toBe('embstr');
    expect(await encoding('x'.repeat(44))).toBe('embstr');
    expect(await encoding('x'.repeat(45))).toBe('raw');
    expect(await call('OBJECT', 'ENCODING', 'none')).toBeNull();
    expect(await call('OBJECT', 'REFCOUNT', 'k')).toBe(1);
    expect(await call('DEBUG', 'OBJECT', 'k')).toMatch(/encoding:raw serializedlength:45/);
  });

  it('FREQ is TLRU`s count of uses; IDLETIME is not known', async () => {
    await call('SET', 'k', 'x'.repeat(1000));
    const before = Number(await call('OBJECT', 'FREQ', 'k'));
    await call('SET', 'k', 'x'.repeat(1000));
    expect(await call('OBJECT', 'FREQ', 'k')).toBe(before + 1);
    await expect(call('OBJECT', 'IDLETIME', 'k')).rejects.toThrow('idle time not tracked');
    const { keyspace } = world.group.machine;
    keyspace.configure({ maxmemory: 0, maxkeys: 0, policy: 'noeviction' });
    await expect(call('OBJECT', 'FREQ', 'k')).rejects.toThrow('access frequency not tracked');
  });

  it('work inside a transaction', async () => {
    const client = await RawClient.open(world.port);
    client.send('MULTI\r\nSET k 5\r\nOBJECT ENCODING k\r\nMEMORY USAGE k\r\nEXEC\r\n');
    const reply = '+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n$3\r\nint\r\n:58\r\n';
    expect(await client.take(reply.length)).toBe(reply);
    client.close();
  });

  it('follow the keys to the leader', async () => {
    world.group.refusal = 'not-leader';
    await expect(call('OBJECT', 'ENCODING', 'foo')).rejects.toThrow('MOVED 12182');
  });

  it('MEMORY tells about the process', async () => {
    const stats = (await call('MEMORY', 'STATS')) as (string | number)[];
    expect(stats[stats.indexOf('total.allocated') + 1]).toBeGreaterThan(1_000_000);
    expect(await call('MEMORY', 'DOCTOR')).toMatch(/^Hi Sam, this instance is empty/);
    expect(await call('MEMORY', 'PURGE')).toBe('OK');
    expect(await call('MODULE', 'LIST')).toEqual([]);
  });
});

describe('COMMAND', () => {
  it('finds keys, of sub-commands too', async () => {
    expect(await call('COMMAND', 'GETKEYS', 'MSET', 'a', '1', 'b', '2')).toEqual(['a', 'b']);
    expect(await call('COMMAND', 'GETKEYS', 'MEMORY', 'USAGE', 'k')).toEqual(['k']);
    expect(await call('COMMAND', 'GETKEYSANDFLAGS', 'DEL', 'a')).toEqual([['a', ['RM', 'delete']]]);
    await expect(call('COMMAND', 'GETKEYS', 'PING')).rejects.toThrow('has no key arguments');
    await expect(call('COMMAND', 'GETKEYS', 'nosuch', 'a')).rejects.toThrow('Invalid command');
  });

  it('lists sub-commands by their full names', async () => {
    expect(await call('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'client|l*')).toEqual([
      'client|list',
    ]);
    const all = (await call('COMMAND', 'LIST')) as string[];
    expect(new Set(all).size).toBe(all.length);
    expect(await call('COMMAND', 'COUNT')).toBe(all.filter((name) => !name.includes('|')).length);
  });

  it('documents every command and argument', async () => {
    const docs = (await call('COMMAND', 'DOCS')) as unknown[];
    expect(docs.length / 2).toBe(await call('COMMAND', 'COUNT'));
    const named = new Map(
      docs.flatMap((each, at) => (at % 2 === 0 ? [[each, docs[at + 1]]] : [])) as [
        string,
        unknown[],
      ][],
    );
    expect(named.get('slowlog')).toContain('subcommands');
  });
});

describe('CONFIG REWRITE', () => {
  it('needs a file', async () => {
    await expect(call('CONFIG', 'REWRITE')).rejects.toThrow('running without a config file');
  });
});

describe('DEBUG', () => {
  it.each([
    ['bignum', '(1234567999999999999999999999999999999\r\n'],
    ['map', '%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n'],
    ['double', ',3.141\r\n'],
    ['verbatim', '=29\r\ntxt:This is a verbatim\nstring\r\n'],
  ])('PROTOCOL gives a %s', async (type, reply) => {
    const client = await RawClient.open(world.port);
    client.send(encode('HELLO', '3'));
    await client.until(() => client.received.includes('modules\r\n*0\r\n'));
    client.received = '';
    expect(await client.ask(encode('DEBUG', 'PROTOCOL', type), reply.length)).toBe(reply);
    client.close();
  });
});
