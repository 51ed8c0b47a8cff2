/**
 * A cluster of real node processes on free ports, with its data in a temporary directory. Tests
 * wait for conditions, never for a fixed time. Every process is killed by its id when the test
 * process ends, however it ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ask, parseInfo } from '../../cmd/resp-client.js';

export const program = fileURLToPath(new URL('../../dist/cmd/tgcache-node.js', import.meta.url));

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Until `probe` gives something other than null. Its errors count as null; the last is told. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | null> | T | null,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = 'the condition never held';
  for (;;) {
    try {
      const found = await probe();
      if (found !== null) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${what}: ${String(last)}`);
    }
    await sleep(20);
  }
}

/** Below the ports that systems give to outgoing connections, which come and go at any time. */
const portRange = { first: 11_000, count: 9000 };

function listens(port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function randomPort(): number {
  return portRange.first + Math.floor(Math.random() * portRange.count);
}

/** Free when asked. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomPort();
    if (!found.has(port) && (await listens(port))) found.add(port);
  }
  return [...found];
}

/** From it on, client, HTTP and peer ports of so many nodes at their usual distances are free. */
export async function freeBasePort(nodes: number): Promise<number> {
  for (;;) {
    const base = randomPort();
    const ports = [0, 1000, 10_000].flatMap((offset) =>
      Array.from({ length: nodes }, (_, at) => base + offset + at),
    );
    const free = await Promise.all(ports.map(listens));
    if (free.every((isFree) => isFree)) return base;
  }
}

export interface TestNode {
  readonly id: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly dataDir: string;
  readonly logFile: string;
  /** Flags that say how it finds the others. */
  readonly membership: readonly string[];
}

export interface TestClusterOptions {
  readonly nodes?: number;
  /** NAME=VALUE */
  readonly set?: readonly string[];
  /** More environment for node `at`, counted from 0. */
  readonly env?: (at: number) => NodeJS.ProcessEnv;
}

function placeOf(
  dir: string,
  id: string,
  [clientPort, peerPort]: readonly number[],
  membership: readonly string[],
): TestNode {
  return {
    id,
    clientPort: clientPort!,
    peerPort: peerPort!,
    dataDir: path.join(dir, id),
    logFile: path.join(dir, `${id}.log`),
    membership,
  };
}

export class TestCluster {
  private readonly children = new Map<string, ChildProcess>();
  /** Children that a test ended. */
  private readonly asked = new Set<ChildProcess>();
  private readonly endings = new Map<string, number | null>();

  private constructor(
    readonly dir: string,
    readonly nodes: TestNode[],
    private readonly set: readonly string[],
    private readonly env: (at: number) => NodeJS.ProcessEnv,
  ) {}

  /** Resolves when all nodes follow one leader. */
  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    if (!existsSync(program)) throw new Error(`${program} is missing: run 'npm run build' first`);
    const { nodes = 3, set = [], env = () => ({}) } = options;
    const dir = mkdtempSync(path.join(tmpdir(), 'tgcache-test-'));
    const ids = Array.from({ length: nodes }, (_, at) => `n${at + 1}`);
    const ports = await freePorts(2 * nodes);
    const members = ids.map((id, at) => `${id}=127.0.0.1:${ports[2 * at + 1]}`).join(',');
    const places = ids.map((id, at) =>
      placeOf(dir, id, ports.slice(2 * at), ['--initial-cluster', members]),
    );
    const cluster = new TestCluster(dir, places, set, env);
    try {
      for (const { id } of places) cluster.spawn(id);
      await cluster.ready();
    } catch (error) {
      const logs = places.map((place) => cluster.log(place.id).slice(-2000)).join('\n');
      await cluster.destroy();
      throw new Error(`the cluster did not start:\n${logs}`, { cause: error });
    }
    return cluster;
  }

  /** A place for one more node, which does not run yet; `membership` as TestNode has it. */
  async place(id: string, membership: readonly string[] = []): Promise<TestNode> {
    const place = placeOf(this.dir, id, await freePorts(2), membership);
    this.nodes.push(place);
    return place;
  }

  /** --join through all nodes of the moment. */
  joining(): string[] {
    return ['--join', this.nodes.map(({ peerPort }) => `127.0.0.1:${peerPort}`).join(',')];
  }

  /** A node that left counts no more; ends it if it runs. */
  async drop(id: string): Promise<void> {
    await this.kill(id);
    this.nodes.splice(this.nodes.indexOf(this.node(id)), 1);
  }

  /** Waits until the process ends by itself; its exit code. */
  ending(id: string): Promise<number | null> {
    return waitFor(`the end of ${id}`, () =>
      this.children.has(id) ? null : { code: this.endings.get(id) ?? null },
    ).then(({ code }) => code);
  }

  node(id: string): TestNode {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  port(id: string): number {
    return this.node(id).clientPort;
  }

  get ids(): string[] {
    return this.nodes.map(({ id }) => id);
  }

  get addresses(): { host: string; port: number }[] {
    return this.nodes.map(({ clientPort }) => ({ host: '127.0.0.1', port: clientPort }));
  }

  log(id: string): string {
    const { logFile } = this.node(id);
    return existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  }

  /** One command on a connection of its own; an error reply rejects. */
  async command(id: string, ...words: string[]): Promise<unknown> {
    const address = { host: '127.0.0.1', port: this.port(id) };
    const [reply] = await ask({ address, password: '', commands: [words], timeoutMs: 5000 });
    if (reply instanceof Error) throw reply;
    return reply;
  }

  async raft(id: string): Promise<ReadonlyMap<string, string>> {
    return parseInfo(String(await this.command(id, 'INFO', 'raft')));
  }

  /** Waits for a node that leads and that a majority of all nodes follows. */
  leader(timeoutMs?: number): Promise<string> {
    return waitFor('a leader', () => this.leaderNow(), timeoutMs);
  }

  private async leaderNow(): Promise<string | null> {
    const answers = await Promise.all(this.ids.map((id) => this.raft(id).catch(() => null)));
    for (const id of this.ids) {
      const own = answers[this.ids.indexOf(id)];
      if (own?.get('state') !== 'leader') continue;
      const agree = answers.filter(
        (a) => a?.get('leader_id') === id && a.get('term') === own.get('term'),
      );
      if (agree.length > this.ids.length / 2) return id;
    }
    return null;
  }

  async followers(): Promise<string[]> {
    const leader = await this.leader();
    return this.ids.filter((id) => id !== leader);
  }

  /** All of `ids` follow one leader. */
  ready(ids: readonly string[] = this.ids): Promise<string> {
    return waitFor('all nodes to follow one leader', async () => {
      const infos = await Promise.all(ids.map((id) => this.raft(id)));
      const leaders = new Set(infos.map((info) => info.get('leader_id')));
      const [leader] = leaders;
      return leaders.size === 1 && leader ? leader : null;
    });
  }

  /** Waits until `ids` are at one applied index and returns the digest that they must share. */
  equalDigest(ids: readonly string[] = this.ids): Promise<string> {
    return waitFor('equal digests', async () => {
      const answers = await Promise.all(ids.map((id) => this.command(id, 'TGCACHE', 'APPLIED')));
      const [first, ...others] = answers.map((answer) => (answer as unknown[]).map(String));
      if (!others.every((other) => other[0] === first![0])) return null;
      for (const other of others) {
        if (other[1] !== first![1]) return Promise.reject(new Error(`digests differ: ${answers}`));
      }
      return first![1]!;
    });
  }

  async kill(id: string): Promise<void> {
    await this.end(id, 'SIGKILL');
  }

  /** SIGTERM; resolves with the exit code. */
  terminate(id: string): Promise<number | null> {
    return this.end(id, 'SIGTERM');
  }

  pause(id: string): void {
    this.child(id).kill('SIGSTOP');
  }

  resume(id: string): void {
    this.child(id).kill('SIGCONT');
  }

  /** Starts a node that has ended. */
  restart(id: string): void {
    if (this.children.has(id)) throw new Error(`${id} still runs`);
    this.spawn(id);
  }

  /** Deletes the data of a node that has ended. */
  wipe(id: string): void {
    if (this.children.has(id)) throw new Error(`${id} still runs`);
    rmSync(this.node(id).dataDir, { recursive: true, force: true });
  }

  /** The fields of one section of INFO. */
  async info(id: string, section: string): Promise<ReadonlyMap<string, string>> {
    return parseInfo(String(await this.command(id, 'INFO', section)));
  }

  /** Ends all nodes at once and deletes their data. */
  async destroy(): Promise<void> {
    await Promise.all([...this.children.keys()].map((id) => this.end(id, 'SIGKILL')));
    rmSync(this.dir, { recursive: true, force: true });
  }

  private child(id: string): ChildProcess {
    const child = this.children.get(id);
    if (child === undefined) throw new Error(`${id} does not run`);
    return child;
  }

  private spawn(id: string): void {
    const node = this.node(id);
    const log = openSync(node.logFile, 'a');
    const flags = [
      'start',
      ...['--id', id],
      ...['--data-dir', node.dataDir],
      ...['--client-listen', `127.0.0.1:${node.clientPort}`],
      ...['--peer-listen', `127.0.0.1:${node.peerPort}`],
      ...['--http-listen', 'off'],
      ...node.membership,
      ...this.set.flatMap((text) => ['--set', text]),
    ];
    const env = { ...process.env, ...this.env(this.nodes.indexOf(node)) };
    const stdio: ['ignore', number, number] = ['ignore', log, log];
    const child = spawn(process.execPath, [program, ...flags], { stdio, env });
    alive.add(child);
    this.children.set(id, child);
    child.once('exit', (code) => {
      alive.delete(child);
      if (!this.asked.has(child)) {
        console.error(`${id} ended with code ${child.exitCode}:\n${this.log(id).slice(-2000)}`);
      }
      this.endings.set(id, code);
      if (this.children.get(id) === child) this.children.delete(id);
    });
  }

  private end(id: string, signal: NodeJS.Signals): Promise<number | null> {
    const child = this.children.get(id);
    if (child === undefined) return Promise.resolve(null);
    this.asked.add(child);
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    // A paused process must go on to hear anything but SIGKILL.
    child.kill('SIGCONT');
    return ended;
  }
}
