/**
 * How old the state of this node can be at most, for stale reads: everything that the leader told
 * to be committed at some moment is applied. A follower that hears its leader and lags is not
 * fresh.
 */
import type { Clock } from '../ports.js';
import type { LogIndex } from '../raft/types.js';

export interface FreshnessOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Up to where the leader last told that entries may be committed; null while there is none. */
  readonly leaderCommit: () => LogIndex | null;
  readonly lastApplied: () => LogIndex;
}

export class Freshness {
  /** On the monotonic clock; never goes back. */
  freshAtMs = Number.NEGATIVE_INFINITY;
  private target: LogIndex | null = null;
  private targetAtMs = 0;

  constructor(private readonly options: FreshnessOptions) {}

  /** Call on every tick. */
  tick(): void {
    const { clock, leaderCommit, lastApplied } = this.options;
    const told = leaderCommit();
    if (told === null) {
      this.target = null;
      return;
    }
    // One index at a time: under load the newest one is never applied yet.
    if (this.target === null) {
      this.target = told;
      this.targetAtMs = clock.monotonicMs();
    }
    if (lastApplied() < this.target) return;
    this.freshAtMs = this.targetAtMs;
    this.target = null;
  }
}
