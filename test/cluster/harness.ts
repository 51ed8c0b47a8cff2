/**
 * Clusters of real processes for tests: free ports, a directory of their own, nodes that can be
 * killed, paused and started again. Everything is ended by pid, also when a test fails.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Answer, ask, infoFields } from '../../cmd/resp-client.js';

const command = fileURLToPath(new URL('../../dist/cmd/tgcache-node.js', import.meta.url));

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | null | false>,
  withinMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await probe().catch(() => null);
    if (found !== null && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined;
}

export interface NodeOptions {
  readonly env?: NodeJS.ProcessEnv;
}

export class TestNode {
  child: ChildProcess | null = null;

  constructor(
    readonly id: string,
    readonly port: number,
    readonly peerPort: number,
    readonly dataDir: string,
    private readonly flags: readonly string[],
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  get logFile(): string {
    return `${this.dataDir}.log`;
  }

  start(): void {
    const log = openSync(this.logFile, 'a');
    const args = [
      command,
      'start',
      '--id',
      this.id,
      '--data-dir',
      this.dataDir,
      '--http-listen',
      'off',
      '--client-listen',
      `127.0.0.1:${this.port}`,
      '--peer-listen',
      `127.0.0.1:${this.peerPort}`,
      ...this.flags,
    ];
    const env = { ...process.env, ...this.env };
    this.child = spawn(process.execPath, args, { stdio: ['ignore', log, log], env });
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  /** Resolves with the exit code, or null when a signal ended it. */
  ended(): Promise<number | null> {
    const { child } = this;
    if (child === null) return Promise.resolve(null);
    if (child.exitCode !== null || child.signalCode !== null)
      return Promise.resolve(child.exitCode);
    return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  wipe(): void {
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  async ask(...words: string[]): Promise<Answer> {
    const [answer] = await ask('127.0.0.1', this.port, [words], 20_000);
    return answer!;
  }

  async info(section: string): Promise<Map<string, string>> {
    const [answer] = await ask('127.0.0.1', this.port, [['INFO', section]], 2000);
    return infoFields(answer!);
  }

  async state(): Promise<string> {
    return (await this.info('raft')).get('state') ?? '';
  }
}

export class TestCluster {
  private constructor(
    private readonly dir: string,
    readonly nodes: readonly TestNode[],
  ) {}

  static async start(
    size: number,
    settings: readonly string[] = [],
    optionsOf: (at: number) => NodeOptions = () => ({}),
  ): Promise<TestCluster> {
    const dir = mkdtempSync(path.join(tmpdir(), 'tgcache-test-'));
    const ports: [number, number][] = [];
    for (let at = 0; at < size; at++) ports.push([await freePort(), await freePort()]);
    const members = ports.map(([, peer], at) => `n${at + 1}=127.0.0.1:${peer}`).join(',');
    const flags = ['--initial-cluster', members, ...settings.flatMap((s) => ['--set', s])];
    const nodes = ports.map(([port, peer], at) => {
      const id = `n${at + 1}`;
      return new TestNode(id, port, peer, path.join(dir, id), flags, optionsOf(at).env ?? {});
    });
    for (const node of nodes) node.start();
    const cluster = new TestCluster(dir, nodes);
    await cluster.leader();
    await waitFor('all nodes to follow', async () => {
      const known = await Promise.all(
        nodes.map(async (n) => (await n.info('raft')).get('leader_id')),
      );
      return known.every((leader) => leader !== '' && leader === known[0]);
    });
    return cluster;
  }

  /** The node that leads in the highest term. */
  async leader(): Promise<TestNode> {
    return waitFor('a leader', async () => {
      let found: TestNode | null = null;
      let term = -1;
      for (const node of this.nodes) {
        const raft = await node.info('raft').catch(() => null);
        if (raft?.get('state') !== 'leader' || Number(raft.get('term')) <= term) continue;
        found = node;
        term = Number(raft.get('term'));
      }
      return found;
    });
  }

  async followers(): Promise<TestNode[]> {
    const leader = await this.leader();
    return this.nodes.filter((node) => node !== leader);
  }

  /** Waits until all nodes are at one applied index, and returns their digests there. */
  async digests(): Promise<string[]> {
    return waitFor('one applied index on all nodes', async () => {
      const answers = await Promise.all(this.nodes.map((node) => node.ask('TGCACHE', 'APPLIED')));
      const pairs = answers as [number, string][];
      return pairs.every(([index]) => index === pairs[0]![0]) && pairs.map(([, digest]) => digest);
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    rmSync(this.dir, { recursive: true, force: true });
  }
}
