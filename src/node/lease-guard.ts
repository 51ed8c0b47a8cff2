/**
 * Decides whether the leader's lease may be trusted right now (`read-consistency lease`). The
 * core counts ticks; a process that was paused counts too few of them, so after a gap the lease
 * is not trusted for a whole election timeout (requirements 20, 40).
 */
import type { RaftCore } from '../raft/raft.js';

export class LeaseGuard {
  private lastTickMs = 0;
  private distrustedUntilMs = 0;

  constructor(
    private readonly monotonicMs: () => number,
    private readonly tickMs: number,
    private readonly electionTimeoutMs: number,
  ) {}

  ticked(): void {
    this.lastTickMs = this.noteGap();
  }

  valid(core: RaftCore): boolean {
    const now = this.noteGap();
    // A lease says who leads, not that what leaders before this one acknowledged is applied here.
    const applied = core.lastApplied >= core.commitIndex;
    return applied && now >= this.distrustedUntilMs && core.leaseTicksLeft() > 0;
  }

  private noteGap(): number {
    const now = this.monotonicMs();
    if (now - this.lastTickMs > 5 * this.tickMs) {
      this.distrustedUntilMs = now + this.electionTimeoutMs;
    }
    return now;
  }
}
