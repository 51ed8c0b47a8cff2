/**
 * One node of the simulated cluster and its disk. What is in `disk` survives a crash; everything
 * else is lost with it.
 */
import { describeEntry } from '../../src/raft/describe.js';
import type { LogWrite } from '../../src/raft/effects.js';
import type { RaftCore } from '../../src/raft/raft.js';
import type {
  Configuration,
  Entry,
  HardState,
  LogIndex,
  NodeId,
  RestoredLog,
  SnapshotMeta,
} from '../../src/raft/types.js';
import { checkWriteBeside } from './support.js';

interface Disk {
  hardState: HardState;
  snapshot: SnapshotMeta | null;
  /** State of the machine at the snapshot: a digest of everything applied. */
  snapshotDigest: string;
  /** Entries from firstIndex on. */
  entries: Entry[];
  firstIndex: LogIndex;
}

export class SimNode {
  core: RaftCore | null = null;
  disk: Disk;
  /** On their way to the disk, oldest first. */
  writes: { readonly write: LogWrite; readonly due: number }[] = [];
  toApply: Entry[] = [];
  digest = '';
  applied = 0;
  configuration: Configuration | null = null;
  seenTerm = 0;
  seenCommit = 0;
  checkedCommit = 0;
  /** Bumped at each start: news from before a crash does not reach the new core. */
  life = 0;

  constructor(readonly id: NodeId) {
    this.disk = {
      hardState: { term: 0, votedFor: null, commit: 0 },
      snapshot: null,
      snapshotDigest: '',
      entries: [],
      firstIndex: 1,
    };
  }

  get lastOnDisk(): LogIndex {
    return this.disk.firstIndex + this.disk.entries.length - 1;
  }

  /** Returns when it reaches the disk: not before those that are on their way. */
  beginWrite(write: LogWrite, due: number): number {
    checkWriteBeside(
      this.writes.map((one) => one.write),
      write,
    );
    const inOrder = Math.max(due, this.writes.at(-1)?.due ?? 0);
    this.writes.push({ write, due: inOrder });
    return inOrder;
  }

  /** The oldest one: events of one moment run in any order, writes do not. */
  endWrite(): LogWrite {
    const { write } = this.writes.shift() ?? fail('no write in flight');
    this.store(write);
    return write;
  }

  /** A crash: some of the writes in flight reach the disk, in order. */
  loseWrites(random: (bound: number) => number): void {
    const reached = this.writes.length === 0 ? 0 : random(this.writes.length + 1);
    for (const { write } of this.writes.slice(0, reached)) this.store(write);
    this.writes = [];
  }

  private store(write: LogWrite): void {
    const { disk } = this;
    if (write.hardState !== null) {
      if (write.hardState.term < disk.hardState.term) fail('the stored term went back');
      disk.hardState = write.hardState;
    }
    if (write.truncateFrom !== null) {
      disk.entries.length = Math.max(0, write.truncateFrom - disk.firstIndex);
    }
    for (const entry of write.entries) {
      if (entry.index !== this.lastOnDisk + 1) fail(`${this.id}: a gap in the stored log`);
      disk.entries.push(entry);
    }
  }

  /** A few entries from `from` on; null when they were compacted away. */
  readDisk(from: LogIndex, random: (bound: number) => number): Entry[] | null {
    const { disk } = this;
    if (from < disk.firstIndex) return null;
    const start = from - disk.firstIndex;
    return disk.entries.slice(start, start + 1 + random(4));
  }

  /** What storage hands to the core at a start, with a window of random size. */
  restore(random: (bound: number) => number): RestoredLog {
    const { disk } = this;
    const snapshotIndex = disk.snapshot?.lastIncludedIndex ?? 0;
    const hinted = Math.min(disk.hardState.commit, this.lastOnDisk);
    const committed = Math.max(snapshotIndex, hinted);
    // The edge of the window lies on an entry of the disk, on the snapshot or at the very start.
    const lowest = disk.firstIndex === 1 ? 0 : disk.firstIndex;
    const span = committed - lowest;
    const before = span <= 0 ? committed : lowest + random(span + 1);
    const onDisk = disk.entries[before - disk.firstIndex];
    const beforeTerm =
      onDisk?.term ?? (before === snapshotIndex ? (disk.snapshot?.lastIncludedTerm ?? 0) : 0);
    return {
      hardState: disk.hardState,
      snapshot: disk.snapshot,
      entries: disk.entries.filter((entry) => entry.index > before),
      beforeIndex: before,
      beforeTerm,
      firstIndex: disk.firstIndex,
      configurations: disk.entries.filter(
        (entry) => entry.kind === 'config' && entry.index > snapshotIndex,
      ),
    };
  }

  /** The state machine: a digest of all entries in their order. */
  absorb(entry: Entry): void {
    if (entry.index !== this.applied + 1) fail(`${this.id} applied ${entry.index} out of order`);
    this.applied = entry.index;
    this.digest = digestOf(this.digest, describeEntry(entry));
    if (entry.configuration !== null) this.configuration = entry.configuration;
  }

  get running(): RaftCore {
    return this.core ?? fail(`${this.id} is down`);
  }
}

export function fail(message: string): never {
  throw new Error(message);
}

/** FNV-1a over the text, chained. */
function digestOf(before: string, text: string): string {
  let hash = 0x811c9dc5;
  for (const char of before + text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return hash.toString(16);
}
