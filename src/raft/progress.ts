/**
 * What the leader knows about one follower and what it may send next.
 *
 * - probe: one append, then wait for its answer; nextIndex is a guess.
 * - replicate: nextIndex moves on when entries are sent, within the inflight window.
 * - snapshot: nothing is sent until the snapshot ended or the follower acked past it.
 *
 * Always: matchIndex < nextIndex, and matchIndex never goes back in one term.
 */
import { Inflights } from './inflights.js';
import type { LogIndex, NodeId, Term } from './types.js';

export interface ProgressBounds {
  readonly inflightAppendsMax: number;
  readonly inflightBytesMax: number;
}

export class Progress {
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  matchIndex: LogIndex = 0;
  readonly inflights: Inflights;
  /** The commit index this follower was told of. */
  commitSent: LogIndex = 0;
  /** Newest read round it answered, and the tick at which that round was sent. */
  round = 0;
  roundSentTick = Number.NEGATIVE_INFINITY;
  /** One read of old entries from disk at a time. */
  oldEntriesWanted = false;
  /** Place of the newest entry that was sent from disk: the next append follows it. */
  lastOldEntry: { readonly index: LogIndex; readonly term: Term } | null = null;
  everHeard = false;
  private snapshotFloor: LogIndex = 0;
  private paused = false;
  private probeDue = false;
  private matchAtProbe: LogIndex = -1;

  /** `heardTick` starts with now: a new follower has one election timeout to answer. */
  constructor(
    readonly id: NodeId,
    public nextIndex: LogIndex,
    public heardTick: number,
    bounds: ProgressBounds,
  ) {
    this.inflights = new Inflights(bounds.inflightAppendsMax, bounds.inflightBytesMax);
  }

  get maySend(): boolean {
    if (this.state === 'snapshot') return false;
    return this.state === 'probe' ? !this.paused : !this.inflights.full;
  }

  heard(tick: number): void {
    this.heardTick = tick;
    this.everHeard = true;
  }

  sentEntries(lastIndex: LogIndex, bytes: number): void {
    if (this.state === 'probe') {
      this.paused = true;
      return;
    }
    this.nextIndex = lastIndex + 1;
    this.inflights.add(lastIndex, bytes);
  }

  /** Returns false for an ack that says nothing new (requirement 24). */
  acked(index: LogIndex): boolean {
    const news = index > this.matchIndex || (this.state === 'probe' && index === this.matchIndex);
    if (!news) return false;
    this.matchIndex = index;
    this.nextIndex = Math.max(this.nextIndex, index + 1);
    if (this.state === 'replicate') this.inflights.freeTo(index);
    else if (this.state === 'probe' || index >= this.snapshotFloor) this.becomeReplicate();
    return true;
  }

  /**
   * The follower refused prevLogIndex `refused`; `hint` is the next place worth trying. Returns
   * false for a late answer to an append that no longer matters.
   */
  rejected(refused: LogIndex, hint: LogIndex): boolean {
    if (this.state === 'snapshot' || refused <= this.matchIndex) return false;
    if (this.state === 'probe' && refused !== this.nextIndex - 1) return false;
    const next = Math.min(refused, hint + 1);
    this.becomeProbe(next, false);
    return true;
  }

  becomeProbe(nextIndex: LogIndex, paused: boolean): void {
    this.state = 'probe';
    this.nextIndex = Math.max(nextIndex, this.matchIndex + 1);
    this.paused = paused;
    this.inflights.reset();
  }

  /** `floor`: an ack from this index on shows that the log serves the follower again. */
  becomeSnapshot(floor: LogIndex): void {
    this.state = 'snapshot';
    this.snapshotFloor = floor;
    this.inflights.reset();
  }

  private becomeReplicate(): void {
    this.state = 'replicate';
    this.nextIndex = this.matchIndex + 1;
    this.paused = false;
    this.inflights.reset();
  }

  /** Heartbeat time: the next answer may start a probe for a lost window. */
  heartbeatSent(): void {
    this.probeDue = true;
  }

  /**
   * The follower is alive. Returns true when an empty append should ask whether it got what was
   * sent: something is outstanding and nothing was acked since the last time.
   */
  resume(lastIndex: LogIndex): boolean {
    if (!this.probeDue) return false;
    this.probeDue = false;
    this.paused = false;
    const stuck = this.matchIndex < lastIndex && this.matchIndex === this.matchAtProbe;
    this.matchAtProbe = this.matchIndex;
    return stuck && this.state === 'replicate';
  }
}
