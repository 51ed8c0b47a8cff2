/**
 * Who leads next when a leader goes, and how it hands over (dissertation 3.10): on SIGTERM
 * (requirement 59), and when an operator removes the leader. Only a voter that is connected right
 * now is asked; where nobody can take over nothing is waited for.
 */
import type { Clock } from '../ports.js';
import type { RaftCore } from '../raft/raft.js';
import type { NodeId } from '../raft/types.js';
import type { GroupDriver } from './group-driver.js';

const lookMs = 10;

export interface HandOverOptions {
  readonly driver: GroupDriver;
  readonly clock: Clock;
  /** Connected, with the data directory that the configuration names. */
  readonly reachable: (id: NodeId) => boolean;
  readonly withinMs: number;
}

/** Resolves when another node was asked and took over, or nobody can, or the time is up. */
export async function handOver(options: HandOverOptions): Promise<void> {
  const { driver, clock, reachable } = options;
  const { core } = driver;
  await until(clock, options.withinMs, () => {
    if (driver.stopped || core.role !== 'leader') return true;
    const heir = core.transferTarget ?? heirOf(core, reachable);
    // One that was asked and is gone will not answer; the others stand when this node is gone.
    if (heir === null || !reachable(heir)) return true;
    if (core.transferTarget === null) driver.act(() => core.transferLeadership(heir));
    return false;
  });
}

/** The reachable voter that lacks least; null when there is none. */
export function heirOf(core: RaftCore, reachable: (id: NodeId) => boolean): NodeId | null {
  const { configuration, peers } = core.status();
  const fit = peers.filter(
    (peer) => peer.recentlyActive && configuration.voters.includes(peer.id) && reachable(peer.id),
  );
  return fit.sort((a, b) => b.matchIndex - a.matchIndex)[0]?.id ?? null;
}

/** Resolves with whether the condition came to hold in time. */
export async function until(
  clock: Clock,
  withinMs: number,
  holds: () => boolean,
): Promise<boolean> {
  const deadline = clock.monotonicMs() + withinMs;
  while (!holds()) {
    if (clock.monotonicMs() >= deadline) return false;
    await new Promise<void>((resolve) => void clock.after(lookMs, resolve));
  }
  return true;
}
