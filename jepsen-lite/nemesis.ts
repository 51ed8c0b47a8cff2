/** What a nemesis is. Healing is one thing for all of them (`healAll`): they only do harm. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Prng } from '../src/statemachine/prng.js';
import { pause } from './client.js';
import type { Disks } from './disks.js';
import type { Links } from './links.js';
import type { NodeCluster } from './node-cluster.js';

export interface Harm {
  readonly cluster: NodeCluster;
  readonly links: Links;
  readonly clocks: Clocks;
  /** Null: this machine cannot give each node a disk of its own. */
  readonly disks: Disks | null;
  /** Nodes that ended and were not asked to, in words. */
  readonly surprises: string[];
  readonly random: Prng;
  /** How long a fault lasts. */
  readonly holdMs: number;
}

export interface Nemesis {
  readonly name: string;
  /**
   * What is hit, hence how long writes may stop: a minority for two maximum election timeouts and
   * a second, an odd network for ten election timeouts, more than that for as long as it lasts.
   */
  readonly hits: 'minority' | 'network' | 'majority';
  /** Nodes that may end by themselves. */
  readonly endsNodes?: true;
  /** Why it cannot be done here; null: it can. */
  impossible?(harm: Harm): string | null;
  /** Does the harm and lets it last. */
  run(harm: Harm): Promise<void>;
}

/** The wall clock of each node, through a file that skewed-clock.ts looks at. */
export class Clocks {
  constructor(private readonly dir: string) {}

  file(id: string): string {
    return path.join(this.dir, `${id}.skew`);
  }

  set(id: string, skewMs: number): void {
    writeFileSync(this.file(id), String(skewMs));
  }
}

export function shuffled<T>(values: readonly T[], random: Prng): T[] {
  const result = [...values];
  for (let at = result.length - 1; at > 0; at--) {
    const other = random.next() % (at + 1);
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}

/** The smaller half of the nodes. */
export function minority({ cluster, random }: Harm): string[] {
  return shuffled(cluster.ids, random).slice(0, Math.floor((cluster.ids.length - 1) / 2));
}

export function hold({ holdMs }: Harm): Promise<void> {
  return pause(holdMs);
}

/** All links sound, all clocks right, all disks writable, all nodes running. */
export async function healAll(harm: Harm): Promise<void> {
  const { cluster, links, clocks, disks } = harm;
  links.heal();
  for (const id of cluster.ids) {
    clocks.set(id, 0);
    if (cluster.isRunning(id)) cluster.resume(id);
    if (await disks?.heal(id, () => cluster.kill(id))) cluster.wipe(id);
    if (!cluster.isRunning(id)) cluster.restart(id);
  }
}
