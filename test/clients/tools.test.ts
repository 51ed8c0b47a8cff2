/** redis-cli, redis-benchmark and the commands of redis_exporter, at every node. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from '../cluster/harness.js';

let cluster: TestCluster;
let leader: string;
let follower: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  leader = await cluster.leader();
  follower = (await cluster.followers())[0]!;
});
afterAll(() => cluster.destroy());

const isInstalled = (tool: string) => spawnSync(tool, ['--version']).status === 0;
for (const tool of ['redis-cli', 'redis-benchmark']) {
  if (!isInstalled(tool)) console.warn(`${tool} is not installed: skipped`);
}

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

function run(tool: string, words: readonly string[], input = ''): Ended {
  const { status, stdout, stderr } = spawnSync(tool, words, {
    encoding: 'utf8',
    timeout: 30_000,
    input,
  });
  return { code: status, text: stripVTControlCharacters(`${stdout}${stderr}`) };
}

function cli(id: string, ...words: string[]): Ended {
  return run('redis-cli', ['-p', String(cluster.port(id)), ...words]);
}

/** It ended with 0 and complained of nothing. */
function fine({ code, text }: Ended): string {
  expect(text).not.toMatch(/\bERR\b|unknown command|[Ee]rror/);
  expect(code).toBe(0);
  return text;
}

describe.skipIf(!isInstalled('redis-cli'))('redis-cli', () => {
  it('-c follows MOVED from a follower', () => {
    expect(fine(cli(follower, '-c', 'SET', 'cli', 'x'))).toMatch(/^OK/);
    expect(fine(cli(follower, '-c', 'GET', 'cli')).trim()).toBe('x');
    expect(fine(cli(follower, '-3', '-c', 'GET', 'cli')).trim()).toMatch(/x"?$/);
  });

  it.each([() => leader, () => follower])('--cluster check finds one shard, from node %#', (at) => {
    const text = fine(run('redis-cli', ['--cluster', 'check', `127.0.0.1:${cluster.port(at())}`]));
    expect(text).toContain('[OK] All nodes agree about slots configuration.');
    expect(text).toContain('[OK] All 16384 slots covered.');
    expect(text).toMatch(/2 additional replica\(s\)|\| 2 slaves/);
  });

  it('--scan, --bigkeys and --memkeys walk the keyspace', () => {
    fine(cli(leader, 'MSET', 'walk:1', 'a', 'walk:2', 'b'.repeat(100)));
    const scan = fine(cli(leader, '--scan', '--pattern', 'walk:*'));
    expect(scan.trim().split('\n').sort()).toEqual(['walk:1', 'walk:2']);
    expect(fine(cli(leader, '--bigkeys'))).toMatch(
      /Biggest string found '"?walk:2"?' has 100 bytes/,
    );
    expect(fine(cli(leader, '--memkeys'))).toMatch(
      /Biggest string found '"?walk:2"?' has \d+ bytes/,
    );
  });

  it.each([() => leader, () => follower])('--latency measures node %#', (at) => {
    // Without a terminal: one line after a second. Least, most and mean ms, samples.
    expect(fine(cli(at(), '--latency'))).toMatch(/^\d+ \d+ \d+\.\d+ \d+\s*$/);
  });

  it('--stat goes on through a change of leader', async () => {
    const port = String(cluster.port(leader));
    const child = spawn('redis-cli', ['-p', port, '--stat', '-i', '0.1']);
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      out += chunk;
    });
    const lines = (count: number) => () => (out.split('\n').length >= count ? true : null);
    await waitFor('the first lines', lines(5));
    await cluster.command(leader, 'TGCACHE', 'TRANSFER-LEADER');
    await waitFor('more lines', lines(15));
    child.kill();
    expect(out).toMatch(/^-+ data -+/);
    expect(out).not.toMatch(/error|-nan/i);
    leader = await cluster.ready();
    follower = (await cluster.followers())[0]!;
  });

  it('interactive: help of each command, by COMMAND DOCS', () => {
    const input = 'help set\nhelp @string\nhelp cluster info\nset talk 1\nget talk\nexit\n';
    const text = fine(run('redis-cli', ['-p', String(cluster.port(leader))], input));
    expect(text).toMatch(/SET key value \[NX\|XX\]/);
    expect(text).toContain('summary: ');
    expect(text).toContain('group: string');
    expect(text).toContain('GETSET key value');
    expect(text).toContain('CLUSTER INFO');
    expect(text).toMatch(/OK\n"?1"?\n/);
  });
});

describe.skipIf(!isInstalled('redis-benchmark'))('redis-benchmark', () => {
  const load = ['-t', 'set,get', '--csv', '-n', '2000', '-c', '20', '-r', '1000', '-d', '100'];
  const benchmark = (id: string, ...words: string[]) =>
    fine(run('redis-benchmark', ['-p', String(cluster.port(id)), ...load, ...words]));

  it.each(['1', '16'])('SET and GET, pipeline %s', (pipeline) => {
    const text = benchmark(leader, '-P', pipeline);
    expect(text).toMatch(/"SET","\d+/);
    expect(text).toMatch(/"GET","\d+/);
  });

  it('at a follower that forwards, through a change of leader', async () => {
    await cluster.command(follower, 'CONFIG', 'SET', 'follower-writes', 'forward');
    const port = String(cluster.port(follower));
    const child = spawn('redis-benchmark', ['-p', port, ...load, '-n', '10000']);
    const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
    const processed = async () =>
      Number((await cluster.info(follower, 'stats')).get('total_commands_processed'));
    const before = await processed();
    await waitFor('the first writes', async () => (await processed()) > before + 500 || null);
    const other = cluster.ids.find((id) => id !== leader && id !== follower)!;
    await cluster.command(leader, 'TGCACHE', 'TRANSFER-LEADER', other);
    const [[code], , complaints] = await ended;
    // It ends at the first error of any kind.
    expect(complaints).toMatch(/^(Error from server: (TRYAGAIN|UNCERTAIN|CLUSTERDOWN) .*\n)?$/);
    expect(code).toBe(complaints === '' ? 0 : 1);
    leader = await cluster.ready();
    expect(benchmark(follower)).toMatch(/"SET","\d+/);
  });
});

it('leaves all nodes with the same state', async () => {
  expect(await cluster.equalDigest()).toMatch(/\S/);
});
