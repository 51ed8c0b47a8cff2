/**
 * What is on its way to the disk and what waits for it. Invariants: each write carries everything
 * that changed since the one before; writes that only append may be on their way together and end
 * in order, every other one is alone; a message leaves only when the term, vote and entries it
 * rests on are durable (Figure 2: "before responding to RPCs").
 */

import type { LogWrite } from './effects.js';
import { invariant } from './invariant.js';
import type { RaftLog } from './log.js';
import type { Message } from './messages.js';
import type { Entry, HardState, LogIndex, NodeId, Term } from './types.js';

const noEntries: readonly Entry[] = [];
const noMessages: readonly Message[] = [];

interface InFlight {
  readonly seq: number;
  readonly hardState: HardState | null;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Only adds entries, and may be a hint of the commit index. */
  readonly appends: boolean;
}

export class Durability {
  /** The term and vote the disk holds for certain. */
  term: Term;
  votedFor: NodeId | null;
  private wantedTerm: Term;
  private wantedVote: NodeId | null;
  private hardStateChanged = false;
  private commitWritten: LogIndex;
  private commitWanted = false;
  private truncateFrom: LogIndex | null = null;
  /** First index that neither the disk nor a write in flight has as it is in memory. */
  private unwrittenFrom: LogIndex;
  /** Oldest first. */
  private readonly inFlight: InFlight[] = [];
  private lastSeq = 0;
  private held: Message[] = [];

  constructor(
    private readonly log: RaftLog,
    hardState: HardState,
    private readonly writesMax: number,
  ) {
    this.term = hardState.term;
    this.votedFor = hardState.votedFor;
    this.wantedTerm = hardState.term;
    this.wantedVote = hardState.votedFor;
    this.commitWritten = hardState.commit;
    this.unwrittenFrom = log.lastIndex + 1;
  }

  setHardState(term: Term, votedFor: NodeId | null): void {
    if (term === this.wantedTerm && votedFor === this.wantedVote) return;
    this.wantedTerm = term;
    this.wantedVote = votedFor;
    this.hardStateChanged = true;
  }

  /** Saves the commit index as a hint for a restart, without a sync of its own. */
  saveCommit(): void {
    if (this.log.committed > this.commitWritten) this.commitWanted = true;
  }

  /** The log was truncated in memory. */
  truncated(index: LogIndex): void {
    if (index >= this.unwrittenFrom) return;
    this.unwrittenFrom = index;
    this.truncateFrom = Math.min(this.truncateFrom ?? index, index);
  }

  /** The driver replaced the stored log by a snapshot. */
  replaced(lastIncludedIndex: LogIndex): void {
    this.unwrittenFrom = lastIncludedIndex + 1;
    this.truncateFrom = null;
  }

  /** Leaves with, or after, the next write: that may be later than what it rests on. */
  hold(message: Message): void {
    this.held.push(message);
  }

  get idle(): boolean {
    return this.inFlight.length === 0;
  }

  /** True when takeWrite or release would do something. */
  get ready(): boolean {
    return this.willWrite || (this.idle && this.held.length > 0);
  }

  /** Held messages that wait for nothing any more go to `out`. Call when there was no write. */
  release(out: Message[]): void {
    if (!this.idle || this.held.length === 0) return;
    for (const message of this.held) out.push(message);
    this.held = [];
  }

  get willWrite(): boolean {
    return this.dirty && (this.idle || this.mayJoin);
  }

  /** The next write with everything that is held; call only when willWrite. */
  takeWrite(): LogWrite {
    invariant(this.willWrite, 'a write without need, or beside one that must be alone');
    const { log, appends } = this;
    const entries =
      this.unwrittenFrom <= log.lastIndex
        ? log.slice(this.unwrittenFrom, log.lastIndex, Number.POSITIVE_INFINITY)
        : noEntries;
    const sync = !appends || entries.length > 0;
    const hardState = this.takeHardState();
    const seq = ++this.lastSeq;
    const { truncateFrom } = this;
    this.inFlight.push({
      seq,
      hardState,
      lastIndex: log.lastIndex,
      lastTerm: log.lastTerm,
      appends,
    });
    this.unwrittenFrom = log.lastIndex + 1;
    this.truncateFrom = null;
    const afterwards = this.held.length === 0 ? noMessages : this.held;
    if (this.held.length > 0) this.held = [];
    return { seq, hardState, truncateFrom, entries, sync, appends, afterwards };
  }

  /** The oldest write in flight is durable. */
  written(seq: number): void {
    const write = this.inFlight.shift();
    invariant(write !== undefined && write.seq === seq, 'written() out of order');
    if (write.hardState !== null) {
      this.term = write.hardState.term;
      this.votedFor = write.hardState.votedFor;
    }
    this.log.stableTo(write.lastIndex, write.lastTerm);
  }

  /** Nothing but new entries: neither term nor vote nor what is on disk changes. */
  private get appends(): boolean {
    return !this.hardStateChanged && this.truncateFrom === null;
  }

  /** A hint of the commit index alone is not worth a write beside others. */
  private get mayJoin(): boolean {
    const { inFlight } = this;
    const joins = this.appends && this.unwrittenFrom <= this.log.lastIndex;
    return joins && inFlight[0]!.appends && inFlight.length < this.writesMax;
  }

  private get dirty(): boolean {
    return (
      this.unwrittenFrom <= this.log.lastIndex ||
      this.hardStateChanged ||
      this.truncateFrom !== null ||
      this.commitWanted
    );
  }

  private takeHardState(): HardState | null {
    if (!this.hardStateChanged && !this.commitWanted) return null;
    this.hardStateChanged = false;
    this.commitWanted = false;
    this.commitWritten = Math.min(this.log.committed, this.log.lastIndex);
    return { term: this.wantedTerm, votedFor: this.wantedVote, commit: this.commitWritten };
  }
}
