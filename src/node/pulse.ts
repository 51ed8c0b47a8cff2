/**
 * Keeps the log's time moving where it matters: when a deadline has passed and no entry carried
 * the time past it, the leader proposes a small pulse entry. While deadlines lie ahead one also
 * leaves now and then: a node that joined while the log was idle has heard no present time, and
 * as the next leader it would go on from a stamp of hours ago, or from its own wall clock.
 * Nothing is proposed for an idle cache without deadlines.
 */
import { encodePulse } from '../statemachine/batch-format.js';
import type { ReplicatedGroup } from './replicated-group.js';

/** How old the newest stamp of an idle log gets while there are deadlines. */
export const staleMs = 10_000;

export class Pulse {
  constructor(
    private readonly group: ReplicatedGroup,
    private readonly now: () => number,
    private readonly randomU32: () => number,
  ) {}

  /** Call on every tick. */
  tick(): void {
    const { group } = this;
    if (!group.isLeader || group.loading || group.queue.formingCommands > 0) return;
    const { keyspace } = group.machine;
    const dueMs = keyspace.nextDueMs();
    // One pulse at a time: the next when this one is applied.
    if (group.lastProposedStampMs > group.machine.nowMs) return;
    const now = this.now();
    const passed = dueMs !== 0 && (now >= dueMs || now - keyspace.nowMs >= staleMs);
    if (!passed && !keyspace.workOwed) return;
    const stamp = Math.max(group.stamp(), group.machine.nowMs + 1);
    group.propose(encodePulse(stamp, this.randomU32()), stamp);
  }
}
