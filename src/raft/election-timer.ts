/**
 * Counts ticks towards the next election and remembers when the leader was last heard. The wait
 * is drawn anew each time from [electionTicks, 2 * electionTicks), so that ties do not repeat.
 */
import type { RaftConfig } from './config.js';

/** Soon after the connection to a leader broke, a try that came to nothing is repeated quickly. */
const hurriedTries = 5;
const hurriedTicks = 8;

export class ElectionTimer {
  /** Ticks since the start of this core; the time base of everything else in it. */
  now = 0;
  private firesAt: number;
  /**
   * A node that just started behaves as if it had heard a leader: it may have answered one right
   * before it crashed, and that leader may rest a lease on it.
   */
  private leaderHeardAt = 0;
  private hurriesLeft = 0;
  private votedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly config: RaftConfig) {
    this.firesAt = this.draw();
    if (config.leases === false) this.forgetLeader();
  }

  tick(): void {
    this.now++;
  }

  get expired(): boolean {
    return this.now >= this.firesAt;
  }

  reset(): void {
    if (this.hurriesLeft > 0) {
      this.hurriesLeft--;
      this.firesAt = this.now + hurriedTicks + this.config.random(hurriedTicks);
    } else this.firesAt = this.now + this.draw();
  }

  /** A vote was cast, for this node or for another. */
  voted(): void {
    this.votedAt = this.now;
    this.reset();
  }

  /** An election that this node takes part in may still be won: votes have to become durable. */
  get votedRecently(): boolean {
    return this.now - this.votedAt < 2 * this.config.electionTicks;
  }

  leaderHeard(): void {
    this.leaderHeardAt = this.now;
    this.hurriesLeft = 0;
    this.reset();
  }

  /** True while votes are refused (dissertation 4.2.3, requirement 18). */
  get leaderHeardRecently(): boolean {
    return this.now - this.leaderHeardAt < this.config.electionTicks;
  }

  forgetLeader(): void {
    this.leaderHeardAt = this.now - this.config.electionTicks;
  }

  /**
   * Fires after `ticks` ticks unless it would fire sooner anyway. The others may notice a little
   * later and refuse the first try, so the next ones come quickly too.
   */
  hurry(ticks: number): void {
    this.hurriesLeft = hurriedTries;
    this.firesAt = Math.min(this.firesAt, this.now + ticks);
  }

  private draw(): number {
    return this.config.electionTicks + this.config.random(this.config.electionTicks);
  }
}
