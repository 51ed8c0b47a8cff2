/**
 * What this node promises to leaders that serve reads under a lease: after each answer it stands
 * by them for one election timeout, and neither stands for election nor votes for another. Given
 * while `read-consistency` is `lease`, and then for the life of the process; a leader counts only
 * answers of nodes that said so (PeerHello.leaseMs). On disk before it is said, so that it also
 * binds the process that comes after a crash, whatever its settings are.
 */
import type { Clock } from '../ports.js';

export interface LeasePromiseOptions {
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  readonly wanted: () => boolean;
  /** What the process before this one had on disk. */
  readonly storedMs: number;
  /** Resolves when durable. */
  readonly save: (promisedMs: number) => Promise<void>;
}

export class LeasePromise {
  private givenMs = 0;
  private storedMs: number;
  private saving = false;
  /** An answer of the process before this one may have been given right before the start. */
  private readonly boundUntilMs: number;

  constructor(private readonly options: LeasePromiseOptions) {
    this.storedMs = options.storedMs;
    this.boundUntilMs = options.clock.monotonicMs() + options.storedMs;
  }

  /** For PeerHello.leaseMs. */
  get ms(): number {
    return this.givenMs;
  }

  get binds(): boolean {
    return this.givenMs > 0 || this.options.clock.monotonicMs() < this.boundUntilMs;
  }

  /**
   * How long the start must wait: the core stands by a leader it may have answered for one
   * election timeout, but the process before this one may have promised a longer one.
   */
  get startDelayMs(): number {
    return Math.max(0, this.storedMs - this.options.electionTimeoutMs);
  }

  /** Call now and then. Resolves true when another promise holds and the others must hear it. */
  async renew(): Promise<boolean> {
    const { wanted, electionTimeoutMs } = this.options;
    if (this.saving || this.givenMs > 0) return false;
    if (!wanted()) {
      if (this.storedMs > 0 && !this.binds) await this.save(0);
      return false;
    }
    await this.save(Math.max(electionTimeoutMs, this.binds ? this.storedMs : 0));
    this.givenMs = electionTimeoutMs;
    return true;
  }

  private async save(promisedMs: number): Promise<void> {
    this.saving = true;
    try {
      if (promisedMs !== this.storedMs) await this.options.save(promisedMs);
      this.storedMs = promisedMs;
    } finally {
      this.saving = false;
    }
  }
}
