/**
 * Whether a learner may be promoted (dissertation 4.2.1). Replication goes in rounds: a round is
 * all that the leader's log held when it began. A learner has caught up when its newest round took
 * no longer than an election timeout: as a voter it would hold up commits no longer than that.
 */
import type { LogIndex, PeerStatus } from '../raft/types.js';

export class CatchUp {
  private target: LogIndex | null = null;
  private startedTick = 0;
  private caughtUp = false;

  constructor(private readonly roundTicksMax: number) {}

  /** Call now and then, on the leader. */
  look(
    tick: number,
    lastLogIndex: LogIndex,
    learner: Pick<PeerStatus, 'matchIndex' | 'recentlyActive'> | undefined,
  ): boolean {
    if (!learner?.recentlyActive) {
      this.target = null;
      this.caughtUp = false;
    } else if (this.target === null) this.begin(tick, lastLogIndex);
    else if (learner.matchIndex >= this.target) {
      this.caughtUp = this.isShort(tick);
      this.begin(tick, lastLogIndex);
    } else if (!this.isShort(tick)) this.caughtUp = false;
    return this.caughtUp;
  }

  private begin(tick: number, lastLogIndex: LogIndex): void {
    this.target = lastLogIndex;
    this.startedTick = tick;
  }

  private isShort(tick: number): boolean {
    return tick - this.startedTick <= this.roundTicksMax;
  }
}
