/** Where the nodes of a cluster live: ports, directories, and how they find each other. */
import path from 'node:path';
import { freePorts } from './ports.js';

export interface ClusterNode {
  readonly id: string;
  readonly host: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Where the other nodes find it: its peer port, or something between it and them. */
  readonly peerAddress: string;
  readonly dataDir: string;
  readonly logFile: string;
  /** Flags that say how it finds the others. */
  readonly membership: readonly string[];
}

export interface NodeClusterOptions {
  readonly nodes?: number;
  /** NAME=VALUE */
  readonly set?: readonly string[];
  /** More environment for node `at`, counted from 0. */
  readonly env?: (at: number) => NodeJS.ProcessEnv;
  /** Stands between the peers: told the id and peer port of a node, gives the port to call. */
  readonly relay?: (id: string, peerPort: number) => Promise<number>;
  /** Where a node listens; default: 127.0.0.1. */
  readonly host?: (id: string) => string;
  /** Words before the command that starts a node; default: none. */
  readonly launcher?: (id: string) => readonly string[];
  /** Default: a directory of its own in `dir`. */
  readonly dataDir?: (id: string) => string;
  /** Default: a new one in the system's temporary directory, deleted by destroy(). */
  readonly dir?: string;
  /** A node ended and was not asked to. Default: it is printed with the end of its log. */
  readonly onSurprise?: (text: string) => void;
}

interface Named {
  readonly id: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

async function placeOf(
  dir: string,
  options: NodeClusterOptions,
  named: Named,
): Promise<ClusterNode> {
  const { id, peerPort } = named;
  const host = options.host?.(id) ?? '127.0.0.1';
  const port = options.relay === undefined ? peerPort : await options.relay(id, peerPort);
  return {
    ...named,
    host,
    peerAddress: `${host}:${port}`,
    dataDir: options.dataDir?.(id) ?? path.join(dir, id),
    logFile: path.join(dir, `${id}.log`),
    membership: [],
  };
}

/** On free ports; nobody is told of it yet. */
export async function newPlace(
  dir: string,
  options: NodeClusterOptions,
  id: string,
): Promise<ClusterNode> {
  const [clientPort, peerPort] = (await freePorts(2)) as [number, number];
  return placeOf(dir, options, { id, clientPort, peerPort });
}

/** The first members, each told of all. */
export async function placesIn(dir: string, options: NodeClusterOptions): Promise<ClusterNode[]> {
  const { nodes = 3 } = options;
  const ports = await freePorts(2 * nodes);
  const places: ClusterNode[] = [];
  for (let at = 0; at < nodes; at++) {
    const [clientPort, peerPort] = ports.slice(2 * at) as [number, number];
    places.push(await placeOf(dir, options, { id: `n${at + 1}`, clientPort, peerPort }));
  }
  const members = places.map(({ id, peerAddress }) => `${id}=${peerAddress}`).join(',');
  return places.map((place) => ({ ...place, membership: ['--initial-cluster', members] }));
}
