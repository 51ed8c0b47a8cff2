/** A three-node tgcache cluster on free ports. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Links } from '../../jepsen-lite/links.js';
import { Relay } from '../../jepsen-lite/relay.js';
import { Prng } from '../../src/statemachine/prng.js';
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
  /** Rules of the links between the nodes; without effect unless they are relayed. */
  readonly links: Links;
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
  /** The nodes call each other through relays, which can cut links (Cluster.links). */
  readonly relayed?: true;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { name, set = [], reads = 'leader', relayed = false, dist = ownDist } = options;
  const { nodeFlags = () => [] } = options;
  const program = path.join(dist, 'cmd/tgcache-node.js');
  const links = new Links(new Prng());
  const relays: Relay[] = [];
  const places: { id: string; client: number; peer: number; advertised: number }[] = [];
  for (const id of ['n1', 'n2', 'n3']) {
    const [client, peer] = [await freePort(), await freePort()];
    const advertised = relayed ? await freePort() : peer;
    if (relayed) relays.push(await Relay.start(links, id, peer, advertised));
    places.push({ id, client, peer, advertised });
  }
  const members = places.map(({ id, advertised }) => `${id}=127.0.0.1:${advertised}`).join(',');
  const nodes = places.map(({ id, client, peer, advertised }) => {
    const runner = new Runner(process.execPath, (dir) => [
      ...nodeFlags(id),
      ...[program, 'start', '--id', id, '--data-dir', path.join(dir, id), '--http-listen', 'off'],
      ...['--client-listen', `127.0.0.1:${client}`, '--peer-listen', `127.0.0.1:${peer}`],
      ...['--peer-advertise', `127.0.0.1:${advertised}`, '--initial-cluster', members],
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
    links,
    stop: async () => {
      await Promise.all(nodes.map(({ runner }) => runner.remove()));
      await Promise.all(relays.map((relay) => relay.close()));
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
