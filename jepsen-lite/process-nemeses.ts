/** Nodes that are killed, paused and restarted. */

import { pause } from './client.js';
import { type Harm, hold, minority, type Nemesis, shuffled } from './nemesis.js';
import { waitFor } from './node-cluster.js';

const crashesInLoop = 8;

async function killAndHold(harm: Harm, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => harm.cluster.kill(id)));
  await hold(harm);
}

async function pauseAndHold(harm: Harm, ids: readonly string[]): Promise<void> {
  for (const id of ids) harm.cluster.pause(id);
  await hold(harm);
}

const killOne: Nemesis = {
  name: 'kill-one',
  hits: 'minority',
  run: (harm) => killAndHold(harm, minority(harm).slice(0, 1)),
};

const killLeader: Nemesis = {
  name: 'kill-leader',
  hits: 'minority',
  run: async (harm) => killAndHold(harm, [await harm.cluster.leader()]),
};

const killMinority: Nemesis = {
  name: 'kill-minority',
  hits: 'minority',
  run: (harm) => killAndHold(harm, minority(harm)),
};

const killMajority: Nemesis = {
  name: 'kill-majority',
  hits: 'majority',
  run: (harm) => {
    const kept = minority(harm);
    return killAndHold(
      harm,
      harm.cluster.ids.filter((id) => !kept.includes(id)),
    );
  },
};

const killAll: Nemesis = {
  name: 'kill-all',
  hits: 'majority',
  run: (harm) => killAndHold(harm, harm.cluster.ids),
};

const pauseLeader: Nemesis = {
  name: 'pause-leader',
  hits: 'minority',
  run: async (harm) => pauseAndHold(harm, [await harm.cluster.leader()]),
};

const pauseMinority: Nemesis = {
  name: 'pause-minority',
  hits: 'minority',
  run: (harm) => pauseAndHold(harm, minority(harm)),
};

/** Every node stops for longer than an election timeout, then all go on at once. */
const pauseAll: Nemesis = {
  name: 'pause-all',
  hits: 'majority',
  run: (harm) => pauseAndHold(harm, harm.cluster.ids),
};

/** One after the other, each once the others serve again, as an upgrade does it. */
const rollingRestart: Nemesis = {
  name: 'rolling-restart',
  hits: 'minority',
  run: async ({ cluster, random, surprises }) => {
    for (const id of shuffled(cluster.ids, random)) {
      const code = await cluster.terminate(id);
      if (code !== 0) surprises.push(`${id} ended with ${code} after SIGTERM`);
      cluster.restart(id);
      await cluster.ready();
    }
  },
};

/** kill -9 again and again, at random moments of the start of a node too (requirement 58). */
const crashLoop: Nemesis = {
  name: 'crash-loop',
  hits: 'minority',
  run: async (harm) => {
    const { cluster, random } = harm;
    const [victim] = minority(harm) as [string];
    for (let crash = 0; crash < crashesInLoop; crash++) {
      await pause(random.next() % 600);
      await cluster.kill(victim);
      cluster.restart(victim);
    }
    await waitFor('the node to start', () => cluster.raft(victim));
  },
};

export const processNemeses: readonly Nemesis[] = [
  ...[killOne, killLeader, killMinority, killMajority, killAll],
  ...[pauseLeader, pauseMinority, pauseAll, rollingRestart, crashLoop],
];
