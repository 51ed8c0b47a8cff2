/**
 * Members that come and go and leadership that moves, while clients work: what operators do with
 * `tgcache-node member` and `start --join`, also at bad moments.
 */
import { askLeader } from '../cmd/leader-client.js';
import { pause } from './client.js';
import { type Harm, hold, type Nemesis, shuffled } from './nemesis.js';
import { waitFor } from './node-cluster.js';

/** As many members as CONTRACT.md speaks of; what is not there at first is a spare. */
export const membersMax = 5;
const membersMin = 3;
/** For a change, with all that stands in its way for a while. */
const changeMsMax = 15_000;
/** A start takes less, a start and a catch-up about as much. */
const joinMsMax = 1500;
const betweenMsMax = 400;

/** Asks any of the nodes, as `tgcache-node member` does. */
async function change(
  { cluster }: Harm,
  words: readonly string[],
  via: readonly string[] = cluster.ids,
): Promise<void> {
  const addresses = via.map((id) => cluster.address(id));
  const command = ['TGCACHE', ...words];
  const reply = await askLeader({ addresses, password: '', command, withinMs: changeMsMax });
  if (reply instanceof Error) throw new Error(`${words.join(' ')}: ${reply.message}`);
}

function among<T>(values: readonly T[], { random }: Harm): T {
  return values[random.next() % values.length]!;
}

function without(ids: readonly string[], ...some: readonly string[]): string[] {
  return ids.filter((id) => !some.includes(id));
}

/** Brings a spare node in; it votes sooner or later. */
type Join = (harm: Harm, id: string) => Promise<void>;

/** With an empty directory and `--join`. */
const byItself: Join = async ({ cluster }, id) => {
  cluster.wipe(id);
  cluster.adopt(id);
  cluster.restart(id);
};

/** The cluster is told first. Its directory may be that of an earlier life as a member. */
const addedFirst: Join = async (harm, id) => {
  const { cluster } = harm;
  const others = cluster.ids;
  const { peerAddress } = cluster.adopt(id);
  await change(harm, ['MEMBER', 'ADD', id, peerAddress], others);
  cluster.restart(id);
};

const asLearner: Join = async (harm, id) => {
  const { cluster } = harm;
  const others = cluster.ids;
  cluster.wipe(id);
  const { peerAddress } = cluster.adopt(id);
  await change(harm, ['MEMBER', 'ADD', id, peerAddress, 'LEARNER'], others);
  cluster.restart(id);
  await change(harm, ['MEMBER', 'PROMOTE', id], others);
};

const join: Join = async (harm, id) => {
  await among([byItself, addedFirst, asLearner], harm)(harm, id);
  await votes(harm, id);
};

/** Killed on its way in. Then it goes on, or is given up and begins anew. */
const joinKilled: Join = async (harm, id) => {
  const { cluster, random } = harm;
  await among([byItself, addedFirst], harm)(harm, id);
  await pause(random.next() % joinMsMax);
  await cluster.kill(id);
  await pause(random.next() % betweenMsMax);
  if (random.next() % 2 === 0) {
    cluster.restart(id);
    return votes(harm, id);
  }
  await change(harm, ['MEMBER', 'REMOVE', id], without(cluster.ids, id));
  await cluster.drop(id);
  return join(harm, id);
};

async function votes({ cluster }: Harm, id: string): Promise<void> {
  await waitFor(`${id} to vote`, async () => {
    const voters = (await cluster.raft(id)).get('voters')?.split(',') ?? [];
    return voters.includes(id) || null;
  });
}

/** Takes a member out; it ends by itself. */
type Removal = (harm: Harm) => Promise<void>;

async function remove(harm: Harm, id: string, via: readonly string[]): Promise<void> {
  await Promise.all([change(harm, ['MEMBER', 'REMOVE', id], via), leaves(harm, id)]);
}

async function leaves({ cluster, surprises }: Harm, id: string): Promise<void> {
  const code = await cluster.ending(id);
  if (code !== 1) surprises.push(`${id} ended with ${code} when it was removed`);
  await cluster.drop(id);
}

const leader: Removal = async (harm) => {
  await remove(harm, await harm.cluster.leader(), harm.cluster.ids);
};

const whileAnotherIsPaused: Removal = async (harm) => {
  const { cluster, random } = harm;
  const [paused, victim] = shuffled(cluster.ids, random) as [string, string];
  cluster.pause(paused);
  await pause(random.next() % joinMsMax);
  await remove(harm, victim, without(cluster.ids, paused));
  cluster.resume(paused);
  // Else what comes next could be refused since it is not back yet.
  await cluster.ready();
};

/** It does not see its removal, and must not do harm when it is back. */
const whilePaused: Removal = async (harm) => {
  const { cluster, random } = harm;
  const victim = among(cluster.ids, harm);
  cluster.pause(victim);
  await pause(random.next() % joinMsMax);
  await change(harm, ['MEMBER', 'REMOVE', victim], without(cluster.ids, victim));
  cluster.resume(victim);
  await leaves(harm, victim);
};

async function grow(harm: Harm): Promise<void> {
  for (const way of shuffled([join, joinKilled], harm.random)) {
    await way(harm, among(harm.cluster.spares, harm));
    await moment(harm);
  }
}

async function shrink(harm: Harm): Promise<void> {
  const pausing = among([whileAnotherIsPaused, whilePaused], harm);
  for (const way of shuffled([leader, pausing], harm.random)) {
    await way(harm);
    await moment(harm);
  }
}

function moment({ random }: Harm): Promise<void> {
  return pause(random.next() % betweenMsMax);
}

/** To a node of one's choice, or to whom the leader finds best. */
async function transfer(harm: Harm): Promise<void> {
  const target = harm.random.next() % 3 === 0 ? [] : [among(harm.cluster.ids, harm)];
  await change(harm, ['TRANSFER-LEADER', ...target]);
}

/** What could not be done in time is a finding, not the end of the run. */
function telling(run: (harm: Harm) => Promise<void>): (harm: Harm) => Promise<void> {
  return (harm) =>
    run(harm).catch((error: Error) => {
      harm.surprises.push(error.message);
    });
}

export const churn: Nemesis = {
  name: 'churn',
  hits: 'minority',
  run: telling(async (harm) => {
    const isSmall = harm.cluster.ids.length === membersMin;
    for (const way of isSmall ? [grow, transfer, shrink] : [shrink, transfer, grow]) {
      await way(harm);
    }
  }),
};

const transfers: Nemesis = {
  name: 'transfer-leader',
  hits: 'minority',
  run: telling(async (harm) => {
    const until = performance.now() + harm.holdMs;
    while (performance.now() < until) {
      await transfer(harm);
      await moment(harm);
    }
  }),
};

/** The leader, cut off alone, is told to remove all others (requirement 53). */
const island: Nemesis = {
  name: 'island-removals',
  hits: 'minority',
  run: async (harm) => {
    const { cluster, links, surprises } = harm;
    const alone = await cluster.leader();
    const others = without(cluster.ids, alone);
    links.split([alone], others);
    const removals = others.map((id) =>
      cluster.command(alone, 'TGCACHE', 'MEMBER', 'REMOVE', id).then(
        () => surprises.push(`${alone}, cut off, removed ${id}`),
        () => {},
      ),
    );
    await Promise.all([hold(harm), ...removals]);
  },
};

export const membershipNemeses: readonly Nemesis[] = [churn, transfers, island];
