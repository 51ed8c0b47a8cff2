/** Links that are cut, slow or lossy, and wall clocks that are wrong. */
import { pause } from './client.js';
import { type Harm, hold, minority, type Nemesis, shuffled } from './nemesis.js';

const slowMs = 80;
const hourMs = 3_600_000;
const flickerMs = 40;
const longHolds = 5;

const halves: Nemesis = {
  name: 'partition-halves',
  hits: 'minority',
  run: async (harm) => {
    const side = minority(harm);
    const rest = harm.cluster.ids.filter((id) => !side.includes(id));
    harm.links.split(side, rest);
    await hold(harm);
  },
};

/** So long that TCP by itself would try again only much later (requirement 57). */
const long: Nemesis = {
  name: 'partition-long',
  hits: 'minority',
  run: async (harm) => {
    await halves.run({ ...harm, holdMs: longHolds * harm.holdMs });
  },
};

const leaderIsolated: Nemesis = {
  name: 'partition-leader',
  hits: 'minority',
  run: async (harm) => {
    const leader = await harm.cluster.leader();
    harm.links.split([leader], others(harm, leader));
    await hold(harm);
  },
};

function others({ cluster }: Harm, id: string): string[] {
  return cluster.ids.filter((other) => other !== id);
}

/** The leader is not heard: it must not go on leading in silence (requirement 16). */
const leaderMute: Nemesis = {
  name: 'one-way-leader-mute',
  hits: 'minority',
  run: async (harm) => {
    const leader = await harm.cluster.leader();
    for (const id of others(harm, leader)) harm.links.cut(leader, id);
    await hold(harm);
  },
};

/** The leader hears nobody: its heartbeats keep the others from an election until it steps down. */
const leaderDeaf: Nemesis = {
  name: 'one-way-leader-deaf',
  hits: 'minority',
  run: async (harm) => {
    const leader = await harm.cluster.leader();
    for (const id of others(harm, leader)) harm.links.cut(id, leader);
    await hold(harm);
  },
};

/** A follower hears nobody and asks for votes all the time (requirement 13). */
const followerDeaf: Nemesis = {
  name: 'one-way-follower-deaf',
  hits: 'minority',
  run: async (harm) => {
    const [follower] = shuffled(await harm.cluster.followers(), harm.random) as [string];
    for (const id of others(harm, follower)) harm.links.cut(id, follower);
    await hold(harm);
  },
};

/** Each node hears only its two neighbours: each sees a bare majority, no two the same one. */
const ring: Nemesis = {
  name: 'partition-ring',
  hits: 'network',
  impossible: ({ cluster }) => (cluster.ids.length < 5 ? 'a ring takes five nodes' : null),
  run: async (harm) => {
    const order = shuffled(harm.cluster.ids, harm.random);
    order.forEach((a, at) => {
      order.slice(at + 1).forEach((b, more) => {
        const distance = more + 1;
        if (distance > 1 && distance < order.length - 1) harm.links.cutBoth(a, b);
      });
    });
    await hold(harm);
  },
};

/** Two sides that share one node. */
const bridge: Nemesis = {
  name: 'partition-bridge',
  hits: 'network',
  run: async (harm) => {
    const order = shuffled(harm.cluster.ids, harm.random);
    const middle = Math.floor(order.length / 2);
    harm.links.split(order.slice(0, middle), order.slice(middle + 1));
    await hold(harm);
  },
};

/** Another cut every second or so. */
const flapping: Nemesis = {
  name: 'partition-flapping',
  hits: 'majority',
  run: async ({ cluster, links, random, holdMs }) => {
    const until = performance.now() + holdMs;
    while (performance.now() < until) {
      const [from, to] = shuffled(cluster.ids, random) as [string, string];
      if (random.next() % 2 === 0) links.cut(from, to);
      else links.cutBoth(from, to);
      await pause(200 + (random.next() % 1200));
      if (random.next() % 3 === 0) links.heal();
    }
  },
};

function everyLink({ cluster, links }: Harm, change: Parameters<typeof links.set>[2]): void {
  for (const from of cluster.ids) {
    for (const to of cluster.ids) if (from !== to) links.set(from, to, change);
  }
}

const slow: Nemesis = {
  name: 'slow-links',
  hits: 'network',
  run: async (harm) => {
    everyLink(harm, { delayMs: slowMs });
    await hold(harm);
  },
};

const lossy: Nemesis = {
  name: 'lossy-links',
  hits: 'majority',
  run: async (harm) => {
    everyLink(harm, { stallPermille: 20, resetPermille: 3 });
    await hold(harm);
  },
};

const clockJumps: Nemesis = {
  name: 'clock-jumps',
  hits: 'network',
  run: async (harm) => {
    const { cluster, clocks, random } = harm;
    for (const id of cluster.ids) clocks.set(id, (random.next() % (2 * hourMs)) - hourMs);
    await hold(harm);
  },
};

const clockFlicker: Nemesis = {
  name: 'clock-flicker',
  hits: 'network',
  run: async ({ cluster, clocks, random, holdMs }) => {
    const until = performance.now() + holdMs;
    while (performance.now() < until) {
      const id = cluster.ids[random.next() % cluster.ids.length]!;
      clocks.set(id, (random.next() % (2 * hourMs)) - hourMs);
      await pause(flickerMs);
    }
  },
};

export const networkNemeses: readonly Nemesis[] = [
  ...[halves, long, leaderIsolated, leaderMute, leaderDeaf, followerDeaf, ring, bridge, flapping],
  ...[slow, lossy, clockJumps, clockFlicker],
];
