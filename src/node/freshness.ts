/**
 * How old the state of this node can be at most, for stale reads: everything that the leader knew
 * to be committed at some moment is applied. A follower that hears its leader and lags is not
 * fresh. Nor does hearing it count by itself: a network that was cut delivers late what it held
 * back, and a node that was paused reads what came long ago. What the leader says is younger than
 * the answers of this node that it takes account of.
 */
import type { Clock } from '../ports.js';
import type { Contact } from '../raft/status.js';
import type { LogIndex } from '../raft/types.js';

export interface FreshnessOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Null while there is no leader. */
  readonly contact: () => Contact | null;
  readonly lastApplied: () => LogIndex;
}

/** Answers to later rounds than this one were given after that moment. */
interface Mark extends Pick<Contact, 'term' | 'round'> {
  readonly atMs: number;
}

export class Freshness {
  /** On the monotonic clock; never goes back. */
  freshAtMs = Number.NEGATIVE_INFINITY;
  private mark: Mark | null = null;
  /** What must be applied for the state to be as young as the mark. */
  private target: LogIndex | null = null;

  constructor(private readonly options: FreshnessOptions) {}

  /** Call on every tick. */
  tick(): void {
    const contact = this.options.contact();
    // Before its first answer a node may be told of those that it gave before it was restarted.
    if (contact === null || contact.round === 0) this.mark = null;
    else if (this.mark?.term !== contact.term) this.begin(contact);
    else this.look(contact, this.mark);
  }

  private begin({ term, round }: Contact): void {
    this.mark = { term, round, atMs: this.options.clock.monotonicMs() };
    this.target = null;
  }

  private look(contact: Contact, mark: Mark): void {
    // One index at a time: under load the newest one is never applied yet.
    if (this.target === null) {
      if (contact.confirmed <= mark.round) return;
      this.target = contact.committed;
    }
    if (this.options.lastApplied() < this.target) return;
    this.freshAtMs = mark.atMs;
    this.begin(contact);
  }
}
