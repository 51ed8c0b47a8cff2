/**
 * Who leads next when a leader goes, and how it hands over (dissertation 3.10): on SIGTERM
 * (requirement 59), and when an operator removes the leader. Only a voter that is connected right
 * now is asked; where nobody can take over nothing is waited for.
 */
import type { Clock } from '../ports.js';
import type { RaftCore } from '../raft/raft.js';
import type { NodeId } from '../raft/types.js';
import type { GroupDriver } from './group-driver.js';
import { type Holdable, whileHeld } from './hold.js';
import { until } from './until.js';

export interface HandOverOptions {
  readonly driver: GroupDriver;
  readonly clients: Holdable;
  readonly clock: Clock;
  /** Connected, with the data directory that the configuration names. */
  readonly reachable: (id: NodeId) => boolean;
  readonly withinMs: number;
}

/** Resolves when another node was asked and took over, or nobody can, or the time is up. */
export async function handOver(options: HandOverOptions): Promise<void> {
  const { driver, clock, clients, reachable, withinMs } = options;
  const { core } = driver;
  if (driver.stopped || core.role !== 'leader') return;
  if (core.transferTarget === null && heirOf(core, reachable) === null) return;
  await whileHeld({ clients, clock, idleWithinMs: withinMs / 2 }, async () => {
    await until(clock, withinMs, () => isOver(options));
    // Clients are told where to go: by then the new leader is known.
    await until(clock, withinMs, () => driver.stopped || core.leader !== null);
  });
}

/** Asks the next one as long as nobody took over. */
function isOver({ driver, reachable }: HandOverOptions): boolean {
  const { core } = driver;
  if (driver.stopped || core.role !== 'leader') return true;
  const heir = core.transferTarget ?? heirOf(core, reachable);
  // One that was asked and is gone will not answer; the others stand when this node is gone.
  if (heir === null || !reachable(heir)) return true;
  if (core.transferTarget === null) driver.act(() => core.transferLeadership(heir));
  return false;
}

/** The reachable voter that lacks least; null when there is none. */
export function heirOf(core: RaftCore, reachable: (id: NodeId) => boolean): NodeId | null {
  const { configuration, peers } = core.status();
  const fit = peers.filter(
    (peer) => peer.recentlyActive && configuration.voters.includes(peer.id) && reachable(peer.id),
  );
  return fit.sort((a, b) => b.matchIndex - a.matchIndex)[0]?.id ?? null;
}
