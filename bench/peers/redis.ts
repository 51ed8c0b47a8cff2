/** redis-server alone, and as a primary with two replicas. */
import { spawnSync } from 'node:child_process';
import { ask, freePort, type Peer, Runner, until } from './process.js';

export const appendfsyncAlways = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
export const noPersistence = ['--save', '', '--appendonly', 'no'];

export function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

async function startOne(flags: readonly string[]): Promise<{ runner: Runner; port: number }> {
  const port = await freePort();
  const runner = new Runner('redis-server', (dir) => [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dir],
    ...flags,
  ]);
  runner.start();
  await until('redis-server', async () =>
    (await ask(port, 'PING')).startsWith('+PONG') ? true : null,
  );
  return { runner, port };
}

export async function startRedis(name: string, flags: readonly string[]): Promise<Peer> {
  const { runner, port } = await startOne(flags);
  return { name, ports: [port], pids: () => [runner.pid], stop: () => runner.remove() };
}

export async function startReplicated(name: string, flags: readonly string[]): Promise<Peer> {
  const primary = await startOne(flags);
  const follow = [...flags, '--replicaof', '127.0.0.1', String(primary.port)];
  const replicas = [await startOne(follow), await startOne(follow)];
  await until('the replicas', async () => {
    const info = await ask(primary.port, 'INFO replication');
    return (info.match(/state=online/g) ?? []).length === 2 ? true : null;
  });
  const all = [primary, ...replicas];
  return {
    name,
    ports: [primary.port],
    pids: () => all.map(({ runner }) => runner.pid),
    stop: async () => {
      await Promise.all(all.map(({ runner }) => runner.remove()));
    },
  };
}
