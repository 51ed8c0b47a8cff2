/** Who leads next when a leader goes, and how it hands over (dissertation 3.10). */
import type { Clock } from '../ports.js';
import type { RaftCore } from '../raft/raft.js';
import type { NodeId } from '../raft/types.js';
import type { GroupDriver } from './group-driver.js';

const lookMs = 10;

/** The reachable voter whose log is longest; null when there is none. */
export function heirOf(core: RaftCore): NodeId | null {
  const { peers } = core.status();
  const heirs = peers.filter((p) => p.recentlyActive && core.configuration.voters.includes(p.id));
  return heirs.sort((a, b) => b.matchIndex - a.matchIndex)[0]?.id ?? null;
}

/** Until another node leads, there is nobody to hand over to, or the time is over. */
export async function handOver(driver: GroupDriver, clock: Clock, withinMs: number): Promise<void> {
  const { core } = driver;
  const heir = core.role === 'leader' ? heirOf(core) : null;
  if (heir === null) return;
  driver.act(() => core.transferLeadership(heir));
  await until(clock, withinMs, () => core.role !== 'leader');
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
