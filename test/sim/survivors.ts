/**
 * Requirement 64: at the end a majority is healed and the rest stays broken for ever, in whatever
 * state it is or worse. Who belongs to a majority follows from the newest configurations that any
 * node holds.
 */
import type { Configuration, NodeId } from '../../src/raft/types.js';
import type { Links } from './links.js';
import type { SimDisk } from './sim-disk.js';
import type { SimNode } from './sim-node.js';

type Stored = Pick<SimDisk['memory']['durable'], 'entries' | 'base' | 'snapshots'>;

/** A random set that is a majority by every configuration; all nodes where there is no other. */
export function chooseSurvivors(
  nodes: readonly SimNode[],
  random: (bound: number) => number,
): readonly SimNode[] {
  const configurations = nodes.flatMap((node) => newestOn(node));
  for (let tries = 0; tries < 20; tries++) {
    const some = nodes.filter(() => random(3) > 0);
    if (some.length === nodes.length) continue;
    if (configurations.every((configuration) => isMajority(some, configuration))) return some;
  }
  return nodes;
}

/** Heals everything between survivors; the others get worse. */
export function leaveBroken(
  nodes: readonly SimNode[],
  survivors: readonly SimNode[],
  links: Links,
  random: (bound: number) => number,
): void {
  for (const one of survivors) {
    for (const other of nodes) {
      links.unclog(one.id, other.id);
      if (!survivors.includes(other)) continue;
      links.heal(one.id, other.id);
    }
  }
  for (const node of nodes) if (!survivors.includes(node)) breakForEver(node, nodes, links, random);
}

function breakForEver(
  node: SimNode,
  nodes: readonly SimNode[],
  links: Links,
  random: (bound: number) => number,
): void {
  const others = nodes.filter((one) => one !== node);
  switch (random(5)) {
    case 0:
      return node.crash(true);
    case 1:
      return node.pause();
    case 2:
      for (const { id } of others) links.cut(node.id, id);
      return;
    case 3:
      for (const { id } of others) links.cut(id, node.id);
      return;
    default:
      for (const { id } of others) {
        if (random(2) === 0) links.cut(node.id, id);
        else links.clog(id, node.id, 60);
      }
  }
}

/** The newest configurations of the node, as many as may still be undone. */
function newestOn(node: SimNode): Configuration[] {
  const found = configurationsOf(node.disk.memory.state);
  // On its way to the disk, or already at the others.
  if (node.core !== null) found.push(node.core.configuration);
  return found.slice(-3);
}

/** The newest configuration that no power loss can take back; null: there is none. */
export function lastDurable(node: SimNode): Configuration | null {
  return configurationsOf(node.disk.memory.durable).at(-1) ?? null;
}

function configurationsOf({ entries, base, snapshots }: Stored): Configuration[] {
  const found = [base, ...snapshots.map(({ meta }) => meta)].flatMap((meta) =>
    meta === null ? [] : [meta.configuration],
  );
  for (const { configuration } of entries) if (configuration !== null) found.push(configuration);
  return found;
}

/** Also once learners are promoted: the leader does that by itself. */
function isMajority(some: readonly SimNode[], configuration: Configuration): boolean {
  const { voters: now, outgoing, learners } = configuration;
  return [now, outgoing, [...now, ...learners]].every((voters) => {
    const there = voters.filter((id) => some.some((node) => isIt(node, id, configuration)));
    return voters.length === 0 || there.length * 2 > voters.length;
  });
}

function isIt(node: SimNode, id: NodeId, { members }: Configuration): boolean {
  const member = members.find((one) => one.id === id);
  return node.id === id && member?.incarnation === node.disk.incarnation && !node.disk.flipped;
}
