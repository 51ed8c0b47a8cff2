/** The in-memory twin of LevelSnapshotStore. */
import type { SnapshotStore, SnapshotWriter } from '../ports.js';
import type { SnapshotMeta } from '../raft/types.js';
import type { MemoryDisk } from './memory-disk.js';

export class MemorySnapshotStore implements SnapshotStore {
  constructor(private readonly disk: MemoryDisk) {}

  async stage(meta: SnapshotMeta): Promise<SnapshotWriter> {
    const chunks: Uint8Array[] = [];
    const write = async (chunk: Uint8Array) => {
      this.disk.beforeWrite();
      chunks.push(Uint8Array.from(chunk));
    };
    const commit = async () => {
      this.disk.beforeWrite();
      const others = this.disk.state.snapshots.filter((s) => !isSame(s.meta, meta));
      this.disk.state.snapshots = [newestOf([...others, { meta, chunks }])];
      this.disk.sync();
    };
    return { write, commit, abort: async () => {} };
  }

  async latest(): Promise<SnapshotMeta | null> {
    const { snapshots } = this.disk.state;
    return snapshots.length === 0 ? null : newestOf(snapshots).meta;
  }

  async *read(meta: SnapshotMeta): AsyncGenerator<Uint8Array> {
    const found = this.disk.state.snapshots.find((s) => isSame(s.meta, meta));
    if (found === undefined) throw new Error(`no snapshot at ${meta.lastIncludedIndex}`);
    yield* found.chunks;
  }

  async close(): Promise<void> {}
}

type Stored = { meta: SnapshotMeta; chunks: Uint8Array[] };

function newestOf(snapshots: Stored[]): Stored {
  return snapshots.reduce((best, stored) => {
    const { lastIncludedIndex: index, lastIncludedTerm: term } = stored.meta;
    const { lastIncludedIndex: bestIndex, lastIncludedTerm: bestTerm } = best.meta;
    return index > bestIndex || (index === bestIndex && term > bestTerm) ? stored : best;
  });
}

function isSame(a: SnapshotMeta, b: SnapshotMeta): boolean {
  return a.lastIncludedIndex === b.lastIncludedIndex && a.lastIncludedTerm === b.lastIncludedTerm;
}
