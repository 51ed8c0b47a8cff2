/** The in-memory twin of JournaledLogStore. */
import { assert, TgError } from '../errors.js';
import type { LogStore } from '../ports.js';
import type { LogWrite } from '../raft/effects.js';
import type { Entry, LogIndex, RestoredLog, SnapshotMeta } from '../raft/types.js';
import { LogScan } from './log-scan.js';
import type { MemoryDisk } from './memory-disk.js';

export class MemoryLogStore implements LogStore {
  private failed: TgError | null = null;
  private writes = 0;
  private writesAlone = false;

  constructor(private readonly disk: MemoryDisk) {}

  async load(windowBytesMax: number): Promise<RestoredLog> {
    const { base, firstIndex, beforeTerm, entries, hardState } = this.disk.state;
    const scan = new LogScan(base, firstIndex, beforeTerm, windowBytesMax, hardState.commit);
    for (const entry of entries) scan.take(entry.index, entry);
    const commit = Math.min(hardState.commit, scan.lastIndex);
    return scan.result({ ...hardState, commit });
  }

  async write(write: LogWrite): Promise<void> {
    const joins = write.appends && !this.writesAlone;
    assert(this.writes === 0 || joins, 'a log write that must be alone is not');
    this.writes++;
    this.writesAlone = !write.appends;
    try {
      this.guarded(() => this.writeOne(write));
      // As a real disk: done in a later turn of the microtask queue.
      await Promise.resolve();
    } finally {
      this.writes--;
    }
  }

  async read(from: LogIndex, maxBytes: number): Promise<readonly Entry[]> {
    const { entries, firstIndex } = this.disk.state;
    const at = from - firstIndex;
    if (at < 0 || at >= entries.length) throw new Error(`entry ${from} is not in the log`);
    let end = at;
    for (let bytes = 0; end < entries.length; end++) {
      bytes += entries[end]!.data.length;
      if (end > at && bytes > maxBytes) break;
    }
    return entries.slice(at, end);
  }

  async compact(through: LogIndex, snapshot: SnapshotMeta): Promise<void> {
    if (snapshot.lastIncludedIndex < (this.disk.state.base?.lastIncludedIndex ?? 0)) return;
    this.guarded(() => {
      const { state } = this.disk;
      const first = Math.min(through, snapshot.lastIncludedIndex) + 1;
      if (first > state.firstIndex) {
        state.beforeTerm = state.entries[first - 1 - state.firstIndex]!.term;
        state.entries = state.entries.slice(first - state.firstIndex);
        state.firstIndex = first;
      }
      state.base = snapshot;
      this.disk.sync();
    });
  }

  async reset(snapshot: SnapshotMeta): Promise<void> {
    this.guarded(() => {
      const { state } = this.disk;
      state.entries = [];
      state.firstIndex = snapshot.lastIncludedIndex + 1;
      state.beforeTerm = snapshot.lastIncludedTerm;
      state.base = snapshot;
      this.disk.sync();
    });
  }

  async close(): Promise<void> {}

  private writeOne(write: LogWrite): void {
    const { state } = this.disk;
    if (write.hardState !== null) state.hardState = write.hardState;
    if (write.truncateFrom !== null) {
      state.entries = state.entries.slice(0, Math.max(0, write.truncateFrom - state.firstIndex));
    }
    for (const entry of write.entries) {
      assert(entry.index === state.firstIndex + state.entries.length, 'a log write leaves a gap');
      state.entries.push(entry);
    }
    if (write.sync) this.disk.sync();
  }

  private guarded(change: () => void): void {
    if (this.failed !== null) throw this.failed;
    try {
      this.disk.beforeWrite();
      change();
    } catch (error) {
      if (error instanceof TgError && error.code === 'STORAGE_FAILED') this.failed = error;
      throw error;
    }
  }
}
