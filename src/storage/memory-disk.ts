/**
 * A disk in memory for tests and the simulator: what was not synced is lost in a crash, and
 * writes can be made to fail. Survives the stores opened on it.
 */
import { TgError } from '../errors.js';
import type { Entry, HardState, LogIndex, SnapshotMeta, Term } from '../raft/types.js';

export interface DiskState {
  hardState: HardState;
  entries: Entry[];
  firstIndex: LogIndex;
  beforeTerm: Term;
  base: SnapshotMeta | null;
  snapshots: { meta: SnapshotMeta; chunks: Uint8Array[] }[];
}

export class MemoryDisk {
  /** What a reader sees now. */
  state: DiskState = emptyState();
  /** What a crash leaves. */
  private kept: DiskState = emptyState();
  private writes = 0;
  /** Fails the n-th write from now (1: the next one), and all after it. */
  failAt = Number.POSITIVE_INFINITY;

  /** What a power loss would leave now. */
  get durable(): Readonly<DiskState> {
    return this.kept;
  }

  /** Counts one write; throws where it shall fail. */
  beforeWrite(): void {
    this.writes++;
    if (this.writes >= this.failAt) throw new TgError('STORAGE_FAILED', 'the disk fails by order');
  }

  failNext(count = 1): void {
    this.failAt = this.writes + count;
  }

  sync(): void {
    this.kept = copyOf(this.state);
  }

  /** Power loss: everything since the last sync is gone. */
  crash(): void {
    this.state = copyOf(this.kept);
    this.failAt = Number.POSITIVE_INFINITY;
  }
}

function emptyState(): DiskState {
  return {
    hardState: { term: 0, votedFor: null, commit: 0 },
    entries: [],
    firstIndex: 1,
    beforeTerm: 0,
    base: null,
    snapshots: [],
  };
}

/** Entries and chunks never change, so the lists are enough. */
function copyOf(state: DiskState): DiskState {
  return { ...state, entries: [...state.entries], snapshots: [...state.snapshots] };
}
