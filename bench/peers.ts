/** Starts what is measured: a three-node tgcache cluster and redis-server, on free ports. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Peer {
  readonly name: string;
  readonly host: string;
  /** Where writes and linearizable reads go. */
  readonly port: number;
  stop(): Promise<void>;
}

const nodeCommand = fileURLToPath(new URL('../cmd/tgcache-node.js', import.meta.url));

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

/** One inline command; resolves with everything up to the bound time or the first full reply. */
export function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')));
    socket.on('connect', () => socket.write(`${command}\r\n`));
    socket.on('error', reject);
    socket.once('data', (chunk) => {
      socket.destroy();
      resolve(chunk.toString());
    });
  });
}

export async function until<T>(what: string, probe: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const found = await probe().catch(() => null);
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Error(`waited 30 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}

export async function startRedis(name: string, settings: readonly string[]): Promise<Peer> {
  const port = await freePort();
  const dir = mkdtempSync(path.join(tmpdir(), 'bench-redis-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...settings];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  await until(name, async () => ((await ask(port, 'PING')).startsWith('+PONG') ? true : null));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended(child);
    rmSync(dir, { recursive: true, force: true });
  };
  return { name, host: '127.0.0.1', port, stop };
}

export interface ClusterNode {
  readonly port: number;
  start(): void;
  /** kill -9 */
  kill(): Promise<void>;
}

export interface Cluster extends Peer {
  readonly nodes: readonly ClusterNode[];
  /** Client port of the node that leads now. */
  leaderPort(): Promise<number>;
}

function benchNode(port: number, flags: readonly string[]): ClusterNode {
  let child: ChildProcess | null = null;
  const start = () => {
    child = spawn(process.execPath, [nodeCommand, 'start', ...flags], { stdio: 'ignore' });
  };
  const kill = async () => {
    if (child === null) return;
    child.kill('SIGKILL');
    await ended(child);
  };
  return { port, start, kill };
}

export async function startCluster(name: string, settings: readonly string[]): Promise<Cluster> {
  const dir = mkdtempSync(path.join(tmpdir(), 'bench-tgcache-'));
  const places: { id: string; client: number; peer: number }[] = [];
  for (const id of ['n1', 'n2', 'n3']) {
    places.push({ id, client: await freePort(), peer: await freePort() });
  }
  const members = places.map(({ id, peer }) => `${id}=127.0.0.1:${peer}`).join(',');
  const nodes = places.map(({ id, client, peer }) =>
    benchNode(client, [
      ...['--id', id, '--data-dir', path.join(dir, id), '--http-listen', 'off'],
      ...['--client-listen', `127.0.0.1:${client}`, '--peer-listen', `127.0.0.1:${peer}`],
      ...['--initial-cluster', members],
      ...settings.flatMap((setting) => ['--set', setting]),
    ]),
  );
  for (const node of nodes) node.start();
  const leaderPort = () =>
    until('a leader', async () => {
      for (const { port } of nodes) {
        const role = await ask(port, 'ROLE').catch(() => '');
        if (role.includes('master')) return port;
      }
      return null;
    });
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.kill()));
    rmSync(dir, { recursive: true, force: true });
  };
  return { name, host: '127.0.0.1', port: await leaderPort(), nodes, leaderPort, stop };
}
