/** The program as operators and scripts call it: messages, exit codes, signals, clusters. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freeBasePort, freePorts, program, waitFor } from '../cluster/harness.js';

const dirs: string[] = [];
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'tgcache-cli-'));
  dirs.push(dir);
});
afterAll(() => {
  for (const each of dirs) rmSync(each, { recursive: true, force: true });
});

function run(...words: string[]) {
  const options = { cwd: dir, encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], options);
  return { code: status, out: stdout, error: stderr };
}

describe('refusals: one line, exit code 2', () => {
  it.each([
    [['start', '--id', 'n1'], '--data-dir: is missing'],
    [['start', '--id', 'a b', '--data-dir', 'd'], '--id: id must be'],
    [['start', '--id', 'n1', '--data-dir', 'd', '--set', 'foo=1'], "unknown setting 'foo'"],
    [['start', '--id', 'n1', '--data-dir', 'd', '--set', 'maxmemory=x'], '--set maxmemory: '],
    [['cluster', 'start', '--set', 'timeout=-1'], '--set timeout: timeout must be'],
    [['cluster', 'start', '--base-port', '60000'], 'peer ports'],
  ])('%j', (words, text) => {
    const { code, out, error } = run(...words);
    expect(error).toContain(text);
    expect(error.trimEnd()).not.toContain('\n');
    expect([code, out]).toEqual([2, '']);
  });

  it('names file and line', () => {
    writeFileSync(path.join(dir, 'node.yaml'), 'id: n1\ndata-dir: d\nmaxmemori: 1gb\n');
    const { code, error } = run('start', '--config', 'node.yaml');
    expect(error).toBe("tgcache-node: node.yaml:3: unknown setting 'maxmemori'\n");
    expect(code).toBe(2);
  });

  it.each([
    [['nonsense']],
    [['start', '--nonsense']],
    [['cluster', 'start', '--nodes', 'x']],
    [['cluster', 'kill']],
  ])('%j: what commander finds', (words) => {
    const { code, error } = run(...words);
    expect(code).toBe(2);
    expect(error).toMatch(/^error: /);
  });
});

it('--help and --version end with 0', () => {
  expect(run('--help').out).toContain('Usage: tgcache-node');
  expect(run('cluster', 'start', '--help').out).toContain('--base-port');
  expect(run('start', '--help').code).toBe(0);
  expect(run('--version').out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

describe('one node', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function flags(): Promise<string[]> {
    const [client, peer] = await freePorts(2);
    return [
      ...['start', '--id', 'n1', '--data-dir', path.join(dir, 'data'), '--http-listen', 'off'],
      ...['--client-listen', `127.0.0.1:${client}`, '--peer-listen', `127.0.0.1:${peer}`],
      ...['--initial-cluster', `n1=127.0.0.1:${peer},n2=127.0.0.1:1,n3=127.0.0.1:2`],
    ];
  }

  async function started(words: readonly string[]): Promise<ChildProcess> {
    const child = spawn(process.execPath, [program, ...words], { stdio: 'pipe' });
    children.push(child);
    let text = '';
    child.stdout!.on('data', (chunk) => {
      text += chunk;
    });
    await waitFor('the node', () => (text.includes('started with') ? true : null));
    return child;
  }

  const end = (child: ChildProcess) =>
    new Promise<number | null>((resolve) => child.once('exit', resolve));

  it.each(['SIGTERM', 'SIGINT'] as const)('%s drains and ends with 0', async (signal) => {
    const child = await started(await flags());
    const ended = end(child);
    child.kill(signal);
    expect(await ended).toBe(0);
  });

  it('a directory in use is refused with 1', async () => {
    await started(await flags());
    const { code, error } = run(...(await flags()));
    expect(error).toContain('one node per directory');
    expect(code).toBe(1);
  });

  it('a port in use is refused with 1', async () => {
    const words = await flags();
    await started(words);
    const other = words.map((word) => (word === path.join(dir, 'data') ? `${word}2` : word));
    const { code, error } = run(...other);
    expect(error).toMatch(/127\.0\.0\.1:\d+ is in use/);
    expect(code).toBe(1);
  });

  it('lost data ends with 3 and one line that says what to do', async () => {
    const words = await flags();
    const child = await started(words);
    const ended = end(child);
    child.kill('SIGTERM');
    await ended;
    rmSync(path.join(dir, 'data', 'identity'));
    const { code, error } = run(...words);
    expect(code).toBe(3);
    expect(error).toMatch(/^tgcache-node: node n1 stops: .*delete .*start again.*\n$/);
  });
});

describe('a cluster', () => {
  let clusterDir: string;
  let basePort: number;
  const cluster = (name: string, ...words: string[]) =>
    run('cluster', name, ...words, '--dir', clusterDir);

  beforeEach(async () => {
    clusterDir = path.join(dir, 'cluster');
    basePort = await freeBasePort(5);
  });
  afterEach(() => {
    cluster('stop', '--wipe');
  });

  const start = (...words: string[]) => cluster('start', '--base-port', `${basePort}`, ...words);

  function status(): { leader: string | null; nodes: { node: string; role: string }[] } {
    return JSON.parse(cluster('status', '--json').out);
  }
  const roleOf = (id: string) => status().nodes.find(({ node }) => node === id)?.role;

  it('starts, shows itself, loses and regains its leader, restarts, stops', async () => {
    const started = start('--detach');
    expect(started.error).toBe('');
    expect(started.out).toContain(`redis-cli -c -p ${basePort}`);
    expect(started.out).toContain('createCluster');
    expect(started.code).toBe(0);

    const again = start('--detach');
    expect([again.code, again.error]).toEqual([1, expect.stringContaining('already running')]);

    const { leader, nodes } = status();
    expect(nodes.map(({ role }) => role).sort()).toEqual(['follower', 'follower', 'leader']);
    const connected = run('cluster', 'status', '--connect', `127.0.0.1:${basePort}`);
    expect(connected.out).toContain(`127.0.0.1:${basePort + 2}`);

    expect(cluster('kill', 'leader').out).toContain(`${leader} was killed`);
    expect(roleOf(leader!)).toBe('down');
    await waitFor('a new leader', () => (status().leader !== null ? true : null));
    expect(cluster('kill', leader!).code).toBe(1);
    expect(cluster('restart', '--rolling').error).toContain(leader);
    expect(cluster('restart-node', leader!).code).toBe(0);

    const other = status().leader!;
    cluster('pause', 'leader');
    expect(roleOf(other)).toBe('paused');
    cluster('resume', other);
    await waitFor('its return', () => (roleOf(other) === 'paused' ? null : true));

    expect(cluster('restart', '--rolling').code).toBe(0);
    expect(status().leader).not.toBeNull();
    expect(cluster('kill', 'n9').code).toBe(2);
    expect(start('--nodes', '5').code).toBe(2);

    expect(cluster('stop').code).toBe(0);
    expect(cluster('status').code).toBe(1);
    expect(cluster('start', '--detach').out).toContain('Resuming a cluster of 3 nodes');
    expect(cluster('stop', '--wipe').code).toBe(0);
    expect(cluster('status').error).toContain('holds no cluster');
  });

  it('refuses a port in use before anything starts', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(basePort + 10_001, '127.0.0.1', resolve));
    const { code, error } = start('--detach');
    server.close();
    expect(error).toContain(`127.0.0.1:${basePort + 10_001} (peer port of n2) is in use`);
    expect(code).toBe(1);
  });

  it('a killed supervisor leaves the nodes, Ctrl-C stops them', async () => {
    const foreground = () => {
      const words = ['cluster', 'start', '--base-port', `${basePort}`, '--dir', clusterDir];
      const child = spawn(process.execPath, [program, ...words], { stdio: 'pipe' });
      const seen = { text: '', child };
      child.stdout.on('data', (chunk) => {
        seen.text += chunk;
      });
      return seen;
    };
    const says = (seen: { text: string }, text: string) =>
      waitFor(text, () => (seen.text.includes(text) ? true : null));
    const first = foreground();
    await says(first, 'Ctrl-C stops the cluster');
    first.child.kill('SIGKILL');
    expect(status().leader).not.toBeNull();
    cluster('stop');

    const second = foreground();
    await says(second, 'Ctrl-C stops the cluster');
    cluster('kill', 'n2');
    await says(second, 'n2 has ended (SIGKILL)');
    cluster('restart-node', 'n2');
    await says(second, 'n2 is up');
    const ended = new Promise((resolve) => second.child.once('exit', resolve));
    second.child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(cluster('status').code).toBe(1);
    expect(readFileSync(path.join(clusterDir, 'n1', 'node.log'), 'utf8')).toContain('stopped');
  });
});
