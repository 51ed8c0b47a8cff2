/** Checks entries as they come from the disk and keeps the newest ones that fit the window. */
import { TgError } from '../errors.js';
import type { Entry, HardState, LogIndex, RestoredLog, SnapshotMeta, Term } from '../raft/types.js';

export class LogScan {
  private entries: Entry[] = [];
  private head = 0;
  private bytes = 0;
  private readonly configurations: Entry[] = [];
  private beforeIndex: LogIndex;
  private beforeTerm: Term;
  private lastTerm: Term;
  lastIndex: LogIndex;

  constructor(
    private readonly snapshot: SnapshotMeta | null,
    private readonly firstIndex: LogIndex,
    beforeTerm: Term,
    private readonly windowBytesMax: number,
    /** Entries above it may still be replaced: the core needs all of them. */
    private readonly commit: LogIndex,
  ) {
    const base = snapshot?.lastIncludedIndex ?? 0;
    if (firstIndex > base + 1) {
      throw new TgError('CORRUPT', `the log begins at ${firstIndex}, its snapshot ends at ${base}`);
    }
    this.beforeIndex = firstIndex - 1;
    this.beforeTerm = beforeTerm;
    this.lastTerm = beforeTerm;
    this.lastIndex = this.beforeIndex;
  }

  take(keyIndex: LogIndex, entry: Entry): void {
    const expected = this.lastIndex + 1;
    if (keyIndex !== expected || entry.index !== expected) {
      throw new TgError('CORRUPT', `the log jumps from entry ${expected - 1} to ${entry.index}`);
    }
    if (entry.term < this.lastTerm) {
      throw new TgError('CORRUPT', `the term goes back at entry ${entry.index}`);
    }
    this.lastIndex = entry.index;
    this.lastTerm = entry.term;
    if (entry.configuration !== null) this.configurations.push(entry);
    this.entries.push(entry);
    this.bytes += entry.data.length;
    while (this.bytes > this.windowBytesMax && this.mayDrop) this.drop();
  }

  private get mayDrop(): boolean {
    const keepFrom = Math.max(this.commit, this.snapshot?.lastIncludedIndex ?? 0);
    return this.entries.length - this.head > 1 && this.entries[this.head]!.index <= keepFrom;
  }

  result(hardState: HardState): RestoredLog {
    const { snapshot } = this;
    const base = snapshot?.lastIncludedIndex ?? 0;
    if (this.lastIndex < base) this.startAtSnapshot(base);
    return {
      hardState,
      snapshot,
      entries: this.entries.slice(this.head),
      beforeIndex: this.beforeIndex,
      beforeTerm: this.beforeTerm,
      firstIndex: this.firstIndex,
      configurations: this.configurations.filter((entry) => entry.index > base),
    };
  }

  /** Nothing above the snapshot: the log starts right behind it. */
  private startAtSnapshot(base: LogIndex): void {
    if (this.lastIndex !== this.firstIndex - 1) {
      throw new TgError('CORRUPT', `the log ends at ${this.lastIndex}, its snapshot at ${base}`);
    }
    this.entries = [];
    this.head = 0;
    this.beforeIndex = base;
    this.beforeTerm = this.snapshot!.lastIncludedTerm;
    this.lastIndex = base;
  }

  private drop(): void {
    const entry = this.entries[this.head]!;
    this.entries[this.head] = null as unknown as Entry;
    this.head++;
    this.bytes -= entry.data.length;
    this.beforeIndex = entry.index;
    this.beforeTerm = entry.term;
    if (this.head > 4096) {
      this.entries = this.entries.slice(this.head);
      this.head = 0;
    }
  }
}
