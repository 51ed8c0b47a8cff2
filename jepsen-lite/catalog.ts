/** Every workload and nemesis by its name, and the kinds of cluster they run on. */
import { bank } from './bank.js';
import { diskNemeses } from './disk-nemeses.js';
import { eviction, evictionSettings } from './eviction.js';
import { append, counter, register, setIfAbsent, timeToLive } from './keyed-workloads.js';
import { membershipNemeses } from './membership-nemeses.js';
import type { Nemesis } from './nemesis.js';
import { networkNemeses } from './network-nemeses.js';
import { processNemeses } from './process-nemeses.js';
import { staleReadSettings, staleReads } from './stale-reads.js';
import type { MakeWorkload } from './workload.js';

/** How long a fault lasts: longer than two elections take. */
export const holdMs = 6000;

/** All of these run at once, on keys of their own. */
const plain: Readonly<Record<string, MakeWorkload>> = {
  register,
  counter,
  'set-if-absent': setIfAbsent,
  append,
  ttl: timeToLive(holdMs),
  bank,
  stale: staleReads,
};

export interface Kind {
  readonly name: string;
  readonly settings: readonly string[];
  readonly workloads: readonly MakeWorkload[];
  readonly forward: boolean;
}

export const workloadNames: readonly string[] = [...Object.keys(plain), 'eviction', 'forward'];

/**
 * The clusters that the named workloads need: eviction would take the keys of the others, and
 * `forward` is all of them through followers.
 */
export function kindsFor(names: readonly string[]): Kind[] {
  const named = names.flatMap((name) => plain[name] ?? []);
  const kinds: Kind[] = [];
  if (named.length > 0) {
    const settings = staleReadSettings;
    kinds.push({ name: 'redirect', settings, workloads: named, forward: false });
  }
  if (names.includes('forward')) {
    const workloads = named.length > 0 ? named : Object.values(plain);
    const settings = [...staleReadSettings, 'follower-writes=forward'];
    kinds.push({ name: 'forward', settings, workloads, forward: true });
  }
  if (names.includes('eviction')) {
    const settings = evictionSettings;
    kinds.push({ name: 'eviction', settings, workloads: [eviction], forward: false });
  }
  return kinds;
}

const none: Nemesis = {
  name: 'none',
  hits: 'minority',
  run: ({ holdMs: ms }) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export const nemeses: readonly Nemesis[] = [
  none,
  ...processNemeses,
  ...networkNemeses,
  ...diskNemeses,
  ...membershipNemeses,
];
