/** A cluster with everything that can be done to it: links, clocks, disks. */
import { mkdirSync, rmSync } from 'node:fs';
import type { Prng } from '../src/statemachine/prng.js';
import { Disks } from './disks.js';
import { Links } from './links.js';
import { Namespaces } from './namespaces.js';
import { Clocks, type Harm } from './nemesis.js';
import { compiled, NodeCluster } from './node-cluster.js';
import type { NodeClusterOptions } from './places.js';
import { freePorts } from './ports.js';
import { Relay } from './relay.js';

/** What stands between the nodes. */
export type Network = 'relays' | 'namespaces';

export interface RigOptions {
  readonly dir: string;
  readonly nodes: number;
  /** Places for nodes that may join. */
  readonly spares: number;
  readonly set: readonly string[];
  readonly network: Network;
  /** A disk of its own for each node, where that can be had. */
  readonly disks: boolean;
  readonly random: Prng;
  readonly holdMs: number;
}

export interface Rig {
  readonly harm: Harm;
  /** What there really is. */
  readonly network: Network;
  /** Why there are no disks though they were asked for. */
  readonly noDisks: string | null;
  /** Why there are relays though namespaces were asked for. */
  readonly noNamespaces: string | null;
  /** Ends everything; the files stay unless `clean`. */
  stop(clean: boolean): Promise<void>;
}

interface Wires {
  readonly links: Links;
  /** Settings that it takes. */
  readonly set: readonly string[];
  readonly options: Pick<NodeClusterOptions, 'host' | 'launcher' | 'relay'>;
  readonly problem: string | null;
  remove(): Promise<void>;
}

function relays(random: Prng, problem: string | null = null): Wires {
  const links = new Links(random);
  const made: Relay[] = [];
  const relay = async (id: string, peerPort: number) => {
    const [port] = (await freePorts(1)) as [number];
    made.push(await Relay.start(links, id, peerPort, port));
    return port;
  };
  const remove = async () => {
    await Promise.all(made.map((each) => each.close()));
  };
  return { links, set: [], options: { relay }, problem, remove };
}

function wires(ids: readonly string[], { network, random }: RigOptions): Wires {
  if (network === 'relays') return relays(random);
  const made = Namespaces.make(ids, random.next());
  if (typeof made === 'string') return relays(random, made);
  const links = new Links(random, (from, to, state) => made.apply(from, to, state));
  const options = {
    host: (id: string) => made.host(id),
    launcher: (id: string) => made.launcher(id),
  };
  // The clients come from outside of the nodes' namespaces.
  const set = ['protected-mode=no'];
  return { links, set, options, problem: null, remove: async () => made.remove() };
}

export async function startRig(options: RigOptions): Promise<Rig> {
  const { dir, nodes, spares, set, random, holdMs } = options;
  mkdirSync(dir, { recursive: true });
  const ids = Array.from({ length: nodes + spares }, (_, at) => `n${at + 1}`);
  const network = wires(ids, options);
  const made = options.disks ? Disks.make(dir, ids) : null;
  const disks = made instanceof Disks ? made : null;
  const clocks = new Clocks(dir);
  for (const id of ids) clocks.set(id, 0);
  const env = (at: number) => ({
    NODE_OPTIONS: `--import ${compiled('jepsen-lite/skewed-clock.js')}`,
    SKEW_FILE: clocks.file(ids[at]!),
  });
  const surprises: string[] = [];
  const onSurprise = (text: string) => surprises.push(text);
  const dataDir = disks === null ? {} : { dataDir: (id: string) => disks.dataDir(id) };
  const settings = { set: [...set, ...network.set] };
  const own = { nodes, ...settings, env, dir, onSurprise, ...dataDir, ...network.options };
  const remove = async () => {
    disks?.remove();
    await network.remove();
  };
  try {
    const cluster = await NodeCluster.start(own);
    for (const id of ids.slice(nodes)) await cluster.spare(id);
    const harm = { cluster, links: network.links, clocks, disks, surprises, random, holdMs };
    const stop = async (clean: boolean) => {
      await cluster.killAll();
      await remove();
      if (clean) rmSync(dir, { recursive: true, force: true });
    };
    const noDisks = typeof made === 'string' ? made : null;
    const real = network.problem === null ? options.network : 'relays';
    return { harm, network: real, noDisks, noNamespaces: network.problem, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}
