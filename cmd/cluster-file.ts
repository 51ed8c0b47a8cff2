/**
 * `DIR/cluster.json`: what `cluster start` made, so that every later command finds the nodes and
 * a second start resumes them. Written whole beside the old one and renamed.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { type HostPort, httpPortOffset, peerPortOffset } from '../src/config.js';
import { formatHostPort } from '../src/host-port.js';
import { CommandError } from './command-error.js';

const schema = z.object({
  version: z.literal(1),
  nodes: z.int().min(1).max(64),
  basePort: z.int().min(1).max(65535),
  /** NAME=VALUE, as given with --set. */
  set: z.array(z.string()),
  /** Absolute path of the YAML file, or null. */
  config: z.string().nullable(),
  /** `stopped` tells a supervisor in the foreground that the end of the nodes was meant. */
  state: z.enum(['running', 'stopped']),
});

export type ClusterFile = Readonly<z.infer<typeof schema>>;

export interface NodePlace {
  readonly id: string;
  readonly dataDir: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly client: HostPort;
  readonly peer: HostPort;
  readonly http: HostPort;
}

export function clusterFileIn(dir: string): string {
  return path.join(dir, 'cluster.json');
}

export function readClusterFile(dir: string): ClusterFile | null {
  if (!existsSync(clusterFileIn(dir))) return null;
  try {
    return Object.freeze(schema.parse(JSON.parse(readFileSync(clusterFileIn(dir), 'utf8'))));
  } catch (error) {
    throw new CommandError(`${clusterFileIn(dir)} is damaged or of another version`, 1, {
      cause: error,
    });
  }
}

/** For the commands that need a cluster. */
export function clusterIn(dir: string): ClusterFile {
  const cluster = readClusterFile(dir);
  if (cluster !== null) return cluster;
  throw new CommandError(`${dir} holds no cluster: start one with 'cluster start --dir ${dir}'`);
}

export function writeClusterFile(dir: string, cluster: ClusterFile): void {
  mkdirSync(dir, { recursive: true });
  const beside = `${clusterFileIn(dir)}.new`;
  // The settings may hold a password.
  writeFileSync(beside, `${JSON.stringify(cluster, null, 2)}\n`, { mode: 0o600 });
  renameSync(beside, clusterFileIn(dir));
}

/** Node i is `n<i>` at base-port + i - 1 with its data in DIR/n<i>. */
export function nodePlaces(dir: string, cluster: ClusterFile): readonly NodePlace[] {
  return Array.from({ length: cluster.nodes }, (_, at) => {
    const id = `n${at + 1}`;
    const port = cluster.basePort + at;
    const address = (offset: number): HostPort => ({ host: '127.0.0.1', port: port + offset });
    return {
      id,
      dataDir: path.join(dir, id),
      pidFile: path.join(dir, `${id}.pid`),
      logFile: path.join(dir, id, 'node.log'),
      client: address(0),
      peer: address(peerPortOffset),
      http: address(httpPortOffset),
    };
  });
}

/** The arguments of `tgcache-node` that start the node at `place`. */
export function nodeArguments(
  place: NodePlace,
  places: readonly NodePlace[],
  cluster: ClusterFile,
): string[] {
  const members = places.map(({ id, peer }) => `${id}=${formatHostPort(peer)}`).join(',');
  return [
    'start',
    ...['--id', place.id],
    ...['--data-dir', place.dataDir],
    ...['--client-listen', formatHostPort(place.client)],
    ...['--peer-listen', formatHostPort(place.peer)],
    ...['--http-listen', formatHostPort(place.http)],
    ...['--initial-cluster', members],
    ...(cluster.config === null ? [] : ['--config', cluster.config]),
    ...cluster.set.flatMap((text) => ['--set', text]),
  ];
}
