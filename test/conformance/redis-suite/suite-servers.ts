/** The two servers that the suite runs against, each started for one file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts, TestCluster, waitFor } from '../../cluster/harness.js';
import { RespPipe } from '../resp-pipe.js';

export interface SuiteServer {
  readonly port: number;
  stop(): Promise<void>;
}

export type StartServer = () => Promise<SuiteServer>;

/** A cluster of one node; as Redis is run here, it does not evict and does not sync its disk. */
export async function startNode(): Promise<SuiteServer> {
  const set = ['maxmemory-policy=noeviction', 'durability=os'];
  const cluster = await TestCluster.start({ nodes: 1, set });
  return { port: cluster.port(cluster.ids[0]!), stop: () => cluster.destroy() };
}

/** As Redis' suite configures the servers that it starts itself, without persistence. */
export async function startRedis(): Promise<SuiteServer> {
  const [port] = await freePorts(1);
  const dir = mkdtempSync(path.join(tmpdir(), 'redis-suite-'));
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  const allowed = ['--enable-debug-command', 'yes', '--enable-protected-configs', 'yes'];
  const child = spawn('redis-server', [...flags, ...allowed], { stdio: 'ignore' });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  await waitFor('redis-server', async () => {
    const pipe = await RespPipe.open(port!, 2);
    pipe.close();
    return true;
  });
  return {
    port: port!,
    stop: async () => {
      process.off('exit', kill);
      await ended(child);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await end;
}

/** Whether it has more databases than one, which most files of the suite ask for. */
export async function hasDatabases(port: number): Promise<boolean> {
  const pipe = await RespPipe.open(port, 2);
  const [reply] = await pipe.ask([['SELECT', '9']]);
  pipe.close();
  return reply!.raw.startsWith('+');
}
