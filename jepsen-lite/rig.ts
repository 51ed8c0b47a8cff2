/** A cluster with everything that can be done to it: relays, clocks, disks. */
import { mkdirSync, rmSync } from 'node:fs';
import type { Prng } from '../src/statemachine/prng.js';
import { Disks } from './disks.js';
import { Links } from './links.js';
import { Clocks, type Harm } from './nemesis.js';
import { compiled, NodeCluster } from './node-cluster.js';
import { freePorts } from './ports.js';
import { Relay } from './relay.js';

export interface RigOptions {
  readonly dir: string;
  readonly nodes: number;
  readonly set: readonly string[];
  /** A disk of its own for each node, where that can be had. */
  readonly disks: boolean;
  readonly random: Prng;
  readonly holdMs: number;
}

export interface Rig {
  readonly harm: Harm;
  /** Why there are no disks though they were asked for. */
  readonly noDisks: string | null;
  /** Ends everything; the files stay unless `clean`. */
  stop(clean: boolean): Promise<void>;
}

export async function startRig(options: RigOptions): Promise<Rig> {
  const { dir, nodes, set, random, holdMs } = options;
  mkdirSync(dir, { recursive: true });
  const ids = Array.from({ length: nodes }, (_, at) => `n${at + 1}`);
  const made = options.disks ? Disks.make(dir, ids) : null;
  const disks = made instanceof Disks ? made : null;
  const clocks = new Clocks(dir);
  for (const id of ids) clocks.set(id, 0);
  const links = new Links(random);
  const relays: Relay[] = [];
  const stop = async (clean: boolean) => {
    await Promise.all(relays.map((relay) => relay.close()));
    if (clean) rmSync(dir, { recursive: true, force: true });
  };
  const relay = async (id: string, peerPort: number) => {
    const [port] = (await freePorts(1)) as [number];
    relays.push(await Relay.start(links, id, peerPort, port));
    return port;
  };
  const env = (at: number) => ({
    NODE_OPTIONS: `--import ${compiled('jepsen-lite/skewed-clock.js')}`,
    SKEW_FILE: clocks.file(ids[at]!),
  });
  const dataDir = disks === null ? {} : { dataDir: (id: string) => disks.dataDir(id) };
  try {
    const surprises: string[] = [];
    const onSurprise = (text: string) => surprises.push(text);
    const where = { dir, relay, ...dataDir };
    const cluster = await NodeCluster.start({ nodes, set, env, onSurprise, ...where });
    const harm = { cluster, links, clocks, disks, surprises, random, holdMs };
    return {
      harm,
      noDisks: typeof made === 'string' ? made : null,
      stop: async (clean) => {
        await cluster.killAll();
        disks?.remove();
        await stop(clean);
      },
    };
  } catch (error) {
    disks?.remove();
    await stop(false);
    throw error;
  }
}
