/** Disks that are full, that fail, and that lose what was not synced. */
import { type Harm, hold, minority, type Nemesis } from './nemesis.js';

const impossible = ({ disks }: Harm) => (disks === null ? 'no disk for each node' : null);

function victim(harm: Harm): string {
  return minority(harm)[0]!;
}

const full: Nemesis = {
  name: 'disk-full',
  hits: 'minority',
  endsNodes: true,
  impossible,
  run: async (harm) => {
    harm.disks?.fill(victim(harm));
    await hold(harm);
  },
};

const leaderFull: Nemesis = {
  name: 'disk-full-leader',
  hits: 'minority',
  endsNodes: true,
  impossible,
  run: async (harm) => {
    harm.disks?.fill(await harm.cluster.leader());
    await hold(harm);
  },
};

const errors: Nemesis = {
  name: 'disk-errors',
  hits: 'minority',
  endsNodes: true,
  impossible,
  run: async (harm) => {
    harm.disks?.breakWrites(victim(harm));
    await hold(harm);
  },
};

/** All nodes at once: what was acknowledged must be on the disks of a majority. */
export async function losePowerEverywhere({ cluster, disks }: Pick<Harm, 'cluster' | 'disks'>) {
  for (const id of cluster.ids) cluster.pause(id);
  for (const id of cluster.ids) disks?.losePower(id);
  await Promise.all(cluster.ids.map((id) => cluster.kill(id)));
  for (const id of cluster.ids) disks?.restore(id);
}

const powerLoss: Nemesis = {
  name: 'power-loss',
  hits: 'majority',
  impossible,
  run: losePowerEverywhere,
};

export const diskNemeses: readonly Nemesis[] = [full, leaderFull, errors, powerLoss];
