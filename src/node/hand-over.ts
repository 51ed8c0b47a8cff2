/**
 * SIGTERM on the leader: another node leads before this one goes (requirement 59). Only a voter
 * that is connected right now is asked; where nobody can take over nothing is waited for.
 */
import type { Clock } from '../ports.js';
import type { NodeId } from '../raft/types.js';
import type { GroupDriver } from './group-driver.js';

/** How long a leader that stops tries to hand over, with one heir after the other. */
const handOverMs = 1500;
const lookMs = 10;

export interface HandOverOptions {
  readonly driver: GroupDriver;
  readonly clock: Clock;
  /** Connected, with the data directory that the configuration names. */
  readonly reachable: (id: NodeId) => boolean;
}

/** Resolves when another node was asked and took over, or nobody can, or the time is up. */
export async function handOver(options: HandOverOptions): Promise<void> {
  const { driver, clock } = options;
  const { core } = driver;
  const deadline = clock.monotonicMs() + handOverMs;
  while (!driver.stopped && core.role === 'leader' && clock.monotonicMs() < deadline) {
    const heir = core.transferTarget ?? heirOf(options);
    // One that was asked and is gone will not answer; the others stand when this node is gone.
    if (heir === null || !options.reachable(heir)) return;
    if (core.transferTarget === null) driver.act(() => core.transferLeadership(heir));
    await new Promise<void>((resolve) => {
      clock.after(lookMs, resolve);
    });
  }
}

/** The reachable voter that lacks least. */
function heirOf({ driver, reachable }: HandOverOptions): NodeId | null {
  const { configuration, peers } = driver.core.status();
  const fit = peers.filter(
    (peer) => peer.recentlyActive && configuration.voters.includes(peer.id) && reachable(peer.id),
  );
  return fit.sort((a, b) => b.matchIndex - a.matchIndex)[0]?.id ?? null;
}
