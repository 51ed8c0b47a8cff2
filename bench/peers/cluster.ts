/** A three-node tgcache cluster on free ports. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask, freePort, type Peer, Runner, until } from './process.js';

const ownDist = fileURLToPath(new URL('../..', import.meta.url));

export interface BenchNode {
  readonly id: string;
  readonly port: number;
  readonly runner: Runner;
}

export interface Cluster extends Peer {
  readonly nodes: readonly BenchNode[];
  /** Client port of the node that leads now. */
  leaderPort(): Promise<number>;
}

export interface ClusterOptions {
  readonly name: string;
  /** NAME=VALUE */
  readonly set?: readonly string[];
  /** 'leader' sends the whole load to the leader, 'all' spreads it over the nodes, READONLY. */
  readonly reads?: 'leader' | 'all';
  /** Flags for node itself. */
  readonly nodeFlags?: (id: string) => readonly string[];
  /** The `dist` directory of another build. */
  readonly dist?: string;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { name, set = [], reads = 'leader', nodeFlags = () => [], dist = ownDist } = options;
  const program = path.join(dist, 'cmd/tgcache-node.js');
  const places: { id: string; client: number; peer: number }[] = [];
  for (const id of ['n1', 'n2', 'n3']) {
    places.push({ id, client: await freePort(), peer: await freePort() });
  }
  const members = places.map(({ id, peer }) => `${id}=127.0.0.1:${peer}`).join(',');
  const nodes = places.map(({ id, client, peer }) => {
    const runner = new Runner(process.execPath, (dir) => [
      ...nodeFlags(id),
      ...[program, 'start', '--id', id, '--data-dir', path.join(dir, id), '--http-listen', 'off'],
      ...['--client-listen', `127.0.0.1:${client}`, '--peer-listen', `127.0.0.1:${peer}`],
      ...['--initial-cluster', members],
      ...set.flatMap((setting) => ['--set', setting]),
    ]);
    return { id, port: client, runner };
  });
  for (const { runner } of nodes) runner.start();
  const leaderPort = () => findLeader(nodes);
  const leader = await leaderPort();
  return {
    name,
    ports: reads === 'leader' ? [leader] : nodes.map(({ port }) => port),
    ...(reads === 'all' ? { preamble: 'READONLY' } : {}),
    pids: () => nodes.map(({ runner }) => runner.pid),
    nodes,
    leaderPort,
    stop: async () => {
      await Promise.all(nodes.map(({ runner }) => runner.remove()));
    },
  };
}

function findLeader(nodes: readonly BenchNode[]): Promise<number> {
  return until('a leader', async () => {
    for (const { port } of nodes) {
      const role = await ask(port, 'ROLE').catch(() => '');
      if (role.includes('master')) return port;
    }
    return null;
  });
}

/** A field of INFO as a number. */
export async function infoField(port: number, section: string, name: string): Promise<number> {
  const info = await ask(port, `INFO ${section}`);
  const found = new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1];
  if (found === undefined) throw new Error(`INFO ${section} without ${name}`);
  return Number(found);
}
