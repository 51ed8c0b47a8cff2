/**
 * The newest part of the log, in memory. Order of the cursors, always:
 *
 *   beforeIndex <= applied <= handedOut <= committed,  stable <= lastIndex,  handedOut <= stable
 *
 * Entries leave memory oldest first once they are applied and durable; nothing at or below
 * `committed` is ever truncated. Both ends are O(1) amortised: evicted slots are cleared at once
 * and cut off in bulk.
 */
import { invariant } from './invariant.js';
import type { Entry, LogIndex, RestoredLog, SnapshotMeta, Term } from './types.js';

/** What an entry costs in memory beside its data; keeps empty entries from being free. */
const entryOverheadBytes = 64;
const bytesPerMember = 128;
/** Cleared slots are cut off when there are at least this many and they are half of the array. */
const cutOffSlots = 512;

export function entryBytes(entry: Entry): number {
  const members = entry.configuration === null ? 0 : entry.configuration.members.length;
  return entryOverheadBytes + entry.data.length + members * bytesPerMember;
}

export class RaftLog {
  private slots: (Entry | undefined)[] = [];
  private head = 0;
  private windowBytes = 0;
  /** Index and term just before the window. */
  beforeIndex: LogIndex;
  beforeTerm: Term;
  snapshotIndex: LogIndex;
  snapshotTerm: Term;
  /** First entry that storage still has. */
  firstOnDisk: LogIndex;
  /** Durable through this index. */
  stable: LogIndex;
  committed: LogIndex;
  /** Given to the driver for apply through this index. */
  handedOut: LogIndex;
  applied: LogIndex;

  constructor(restored: RestoredLog) {
    this.beforeIndex = restored.beforeIndex;
    this.beforeTerm = restored.beforeTerm;
    this.snapshotIndex = restored.snapshot?.lastIncludedIndex ?? 0;
    this.snapshotTerm = restored.snapshot?.lastIncludedTerm ?? 0;
    this.firstOnDisk = restored.firstIndex;
    for (const entry of restored.entries) this.append(entry);
    this.stable = this.lastIndex;
    invariant(this.stable >= this.snapshotIndex, 'the restored log ends below its snapshot');
    this.committed = Math.max(
      this.snapshotIndex,
      Math.min(restored.hardState.commit, this.lastIndex),
    );
    // Terms above the commit index must be known: a conflict there has to be seen.
    invariant(this.beforeIndex <= this.committed, 'the window must hold all uncommitted entries');
    this.applied = this.snapshotIndex;
    this.handedOut = this.snapshotIndex;
  }

  /** First index in memory, if there is any. */
  get firstIndex(): LogIndex {
    return this.beforeIndex + 1;
  }

  get lastIndex(): LogIndex {
    return this.beforeIndex + this.slots.length - this.head;
  }

  get lastTerm(): Term {
    const last = this.slots.length - 1;
    return last >= this.head ? this.slots[last]!.term : this.beforeTerm;
  }

  get bytes(): number {
    return this.windowBytes;
  }

  /** Null when the term is not in memory or the index is beyond the log. */
  termAt(index: LogIndex): Term | null {
    const at = index - this.beforeIndex - 1 + this.head;
    if (at >= this.head && at < this.slots.length) return this.slots[at]!.term;
    if (index === this.beforeIndex) return this.beforeTerm;
    if (index === this.snapshotIndex) return this.snapshotTerm;
    return index === 0 ? 0 : null;
  }

  /** Entries from `from` on, at least one, until `bytesMax` or `last` is reached. */
  slice(from: LogIndex, last: LogIndex, bytesMax: number): Entry[] {
    invariant(from > this.beforeIndex && last <= this.lastIndex, 'slice outside the window');
    const entries: Entry[] = [];
    let bytes = 0;
    const shift = this.head - this.beforeIndex - 1;
    for (let index = from; index <= last; index++) {
      const entry = this.slots[index + shift]!;
      bytes += entryBytes(entry);
      if (bytes > bytesMax && entries.length > 0) break;
      entries.push(entry);
    }
    return entries;
  }

  append(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, 'an appended entry leaves a gap');
    invariant(entry.term >= this.lastTerm, 'terms in the log go back');
    this.slots.push(entry);
    this.windowBytes += entryBytes(entry);
  }

  /** Removes everything from `index` on. */
  truncateFrom(index: LogIndex): void {
    invariant(index > this.committed, 'truncation at or below the commit index');
    while (this.lastIndex >= index) {
      this.windowBytes -= entryBytes(this.slots.pop()!);
    }
    this.stable = Math.min(this.stable, index - 1);
  }

  commitTo(index: LogIndex): boolean {
    if (index <= this.committed) return false;
    invariant(index <= this.lastIndex, 'commit beyond the end of the log');
    this.committed = index;
    return true;
  }

  /** A write that ends in (index, term) is durable; a truncated one proves nothing. */
  stableTo(index: LogIndex, term: Term): void {
    if (index > this.stable && this.termAt(index) === term) this.stable = index;
  }

  appliedTo(index: LogIndex): void {
    invariant(index >= this.applied && index <= this.handedOut, 'applied out of order');
    this.applied = index;
  }

  /** Lets the oldest applied and durable entries go until `bytesMax` is kept. */
  evict(bytesMax: number): void {
    const through = Math.min(this.applied, this.stable);
    while (this.windowBytes > bytesMax && this.beforeIndex < through) {
      const entry = this.slots[this.head]!;
      this.slots[this.head++] = undefined;
      this.windowBytes -= entryBytes(entry);
      this.beforeIndex = entry.index;
      this.beforeTerm = entry.term;
    }
    if (this.head >= cutOffSlots && this.head * 2 >= this.slots.length) {
      this.slots.splice(0, this.head);
      this.head = 0;
    }
  }

  /**
   * The largest index at or below `index` whose term is at most `term`: where two logs may still
   * agree. Stops at the window's edge, below which everything is committed.
   */
  lastIndexWithTermAtMost(index: LogIndex, term: Term): LogIndex {
    let at = Math.min(index, this.lastIndex);
    while (at > this.beforeIndex && this.termAt(at)! > term) at--;
    return at;
  }

  snapshotSaved(meta: SnapshotMeta, firstOnDisk: LogIndex): void {
    if (meta.lastIncludedIndex > this.snapshotIndex) {
      this.snapshotIndex = meta.lastIncludedIndex;
      this.snapshotTerm = meta.lastIncludedTerm;
    }
    this.firstOnDisk = Math.max(this.firstOnDisk, firstOnDisk);
  }

  /** A received snapshot is durable. `applied` follows when the state machine is restored. */
  restore(meta: SnapshotMeta, keepsLog: boolean): void {
    this.snapshotIndex = meta.lastIncludedIndex;
    this.snapshotTerm = meta.lastIncludedTerm;
    this.committed = meta.lastIncludedIndex;
    if (keepsLog) return;
    this.slots = [];
    this.head = 0;
    this.windowBytes = 0;
    this.beforeIndex = meta.lastIncludedIndex;
    this.beforeTerm = meta.lastIncludedTerm;
    this.stable = meta.lastIncludedIndex;
    this.firstOnDisk = meta.lastIncludedIndex + 1;
  }

  restored(index: LogIndex): void {
    this.applied = index;
    this.handedOut = index;
  }
}
