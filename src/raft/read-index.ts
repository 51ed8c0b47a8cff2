/**
 * Linearizable reads without a log entry (dissertation 6.4), the leader's and the follower's part.
 *
 * Leader: a token notes the commit index and the number of a heartbeat round that begins after
 * the token arrived; a majority answering that round or a later one confirms it. Round numbers
 * are never used twice in a term, so a late answer confirms nothing new (requirement 38).
 * Follower: the token travels to the leader and comes back with an index, or is given up.
 */
import type { LogIndex, NodeId } from './types.js';

export interface WaitingRead {
  readonly token: number;
  /** Null for a read of the leader's own clients. */
  readonly from: NodeId | null;
  readonly index: LogIndex;
  readonly round: number;
}

export class LeaderReads {
  private waiting: WaitingRead[] = [];
  private first = 0;
  /** Tokens that came before this term had a committed entry. */
  private early: { readonly token: number; readonly from: NodeId | null }[] = [];
  /** Newest round sent. */
  round = 0;

  constructor(private readonly tokensMax: number) {}

  get full(): boolean {
    return this.waiting.length - this.first + this.early.length >= this.tokensMax;
  }

  /** True when a token waits for a round that was not sent yet. */
  get roundWanted(): boolean {
    const last = this.waiting.length - 1;
    return last >= this.first && this.waiting[last]!.round > this.round;
  }

  /** True when a token waits for a round that was sent. */
  get roundUnderWay(): boolean {
    const oldest = this.waiting[this.first];
    return oldest !== undefined && oldest.round <= this.round;
  }

  addEarly(token: number, from: NodeId | null): void {
    this.early.push({ token, from });
  }

  add(token: number, from: NodeId | null, commitIndex: LogIndex): void {
    this.waiting.push({ token, from, index: commitIndex, round: this.round + 1 });
  }

  /** The term has a committed entry: what came early may be confirmed now. */
  ready(commitIndex: LogIndex): void {
    for (const { token, from } of this.early) this.add(token, from, commitIndex);
    this.early = [];
  }

  nextRound(): number {
    return ++this.round;
  }

  /** The next token that `confirmedRound` confirms; null when there is none. */
  takeConfirmed(confirmedRound: number): WaitingRead | null {
    const read = this.waiting[this.first];
    if (read === undefined || read.round > confirmedRound) return null;
    this.first++;
    if (this.first === this.waiting.length) {
      this.waiting = [];
      this.first = 0;
    } else if (this.first >= this.tokensMax) {
      this.waiting = this.waiting.slice(this.first);
      this.first = 0;
    }
    return read;
  }

  /** Gives up everything; returns the tokens of this node's own clients. */
  takeAllLocal(): number[] {
    const open = [...this.waiting.slice(this.first), ...this.early];
    this.waiting = [];
    this.first = 0;
    this.early = [];
    return open.filter((read) => read.from === null).map((read) => read.token);
  }
}

/**
 * The voters whose answers confirmed the last round: rounds that follow closely ask only them. The
 * answers of the others come later and cost as much. After a tick without a confirmation, and
 * with every heartbeat, everyone is asked, and the quickest are known anew.
 */
export class QuickVoters {
  private ids: ReadonlySet<NodeId> | null = null;
  private round = 0;
  private tick = Number.NEGATIVE_INFINITY;

  /** `answered`: who has answered `round` by now; looked at for the first time only. */
  confirmed(round: number, tick: number, answered: () => Iterable<NodeId>): void {
    if (round <= this.round) return;
    this.round = round;
    this.tick = tick;
    this.ids = new Set(answered());
  }

  /** Other voters may be needed now. */
  forget(): void {
    this.ids = null;
  }

  /** Null: ask all of them. */
  at(tick: number): ReadonlySet<NodeId> | null {
    return tick - this.tick <= 1 ? this.ids : null;
  }
}

/** Tokens a follower sent to its leader, with the tick at which each one left. */
export class ForwardedReads {
  private readonly sentAt = new Map<number, number>();

  constructor(private readonly tokensMax: number) {}

  get full(): boolean {
    return this.sentAt.size >= this.tokensMax;
  }

  add(token: number, now: number): void {
    this.sentAt.set(token, now);
  }

  /** False for a token that was given up or answered before. */
  answered(token: number): boolean {
    return this.sentAt.delete(token);
  }

  /** Tokens sent at or before `tick`: request or answer was lost. */
  takeSentBefore(tick: number): number[] {
    const old: number[] = [];
    for (const [token, sentAt] of this.sentAt) {
      if (sentAt > tick) break;
      old.push(token);
    }
    for (const token of old) this.sentAt.delete(token);
    return old;
  }
}
