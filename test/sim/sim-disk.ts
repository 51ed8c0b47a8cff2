/**
 * A node's disk in virtual time. The log and the snapshots are databases of their own, as on a
 * real disk: what is asked of one is carried out in order, after a delay. A crash leaves a prefix
 * of what was on its way, and may lose what was not synced; each write is whole or not there.
 */

import { decodeEntry, encodeEntry } from '../../src/codec/log-record.js';
import { TgError } from '../../src/errors.js';
import type { LogStore, SnapshotStore, SnapshotWriter } from '../../src/ports.js';
import type { LogWrite } from '../../src/raft/effects.js';
import type { Entry, LogIndex, RestoredLog, SnapshotMeta } from '../../src/raft/types.js';
import { MemoryDisk } from '../../src/storage/memory-disk.js';
import { MemoryLogStore } from '../../src/storage/memory-log-store.js';
import { MemorySnapshotStore } from '../../src/storage/memory-snapshot-store.js';
import type { Scheduler } from './scheduler.js';

type Database = 'log' | 'snapshots' | 'identity';

interface Pending {
  readonly perform: () => Promise<unknown>;
}

/** One life of the process that uses the disk; after its end nothing reaches the disk any more. */
export interface Life {
  readonly alive: boolean;
  /** Runs now, or when the process is paused no more. */
  enter(run: () => void): void;
}

export class SimDisk {
  readonly memory = new MemoryDisk();
  clusterId: string | null = null;
  /** What the process promised leaders, see PeerHello.leaseMs. */
  leasePromiseMs = 0;
  snapshots = 0;
  /** Longest delay of an operation in ms. */
  delayMs = 1;
  /** False: synced writes are only handed to the operating system (`durability os`). */
  syncs = true;
  /** The next start finds a flipped bit. */
  flipped = false;
  /** Counts down with each step of a write; at 0 the process dies there. */
  crashAfterSteps = Number.POSITIVE_INFINITY;
  /** Counts down with each write; the one at 0 is there, but its sync is reported as failed. */
  syncFailsIn = Number.POSITIVE_INFINITY;
  onCrashPoint: () => void = () => {};
  operations = 0;
  private readonly pending: Record<Database, Pending[]> = { log: [], snapshots: [], identity: [] };
  private readonly freeAt: Record<Database, number> = { log: 0, snapshots: 0, identity: 0 };

  constructor(
    readonly incarnation: string,
    readonly scheduler: Scheduler,
    readonly random: (bound: number) => number,
  ) {}

  /** In order behind what was asked of this database before; for writes. */
  submit<T>(database: Database, life: Life, perform: () => Promise<T>): Promise<T> {
    if (!life.alive) return new Promise(() => {});
    this.operations++;
    const pending = { perform };
    this.pending[database].push(pending);
    this.step();
    const { scheduler } = this;
    const due = Math.max(this.freeAt[database], scheduler.now) + this.delay();
    this.freeAt[database] = due;
    return new Promise<T>((resolve, reject) => {
      scheduler.at(due, () => {
        if (!life.alive) return;
        this.pending[database] = this.pending[database].filter((one) => one !== pending);
        const done = this.performed(perform);
        this.step();
        this.tell(life, done, resolve, reject);
      });
    });
  }

  /** Beside everything else; for reads. */
  later<T>(life: Life, perform: () => Promise<T>): Promise<T> {
    if (!life.alive) return new Promise(() => {});
    return new Promise<T>((resolve, reject) => {
      this.scheduler.after(this.delay(), () => {
        if (life.alive) this.tell(life, perform(), resolve, reject);
      });
    });
  }

  private performed<T>(perform: () => Promise<T>): Promise<T> {
    const done = perform();
    if (--this.syncFailsIn !== 0) return done;
    this.memory.failNext();
    return done.then(() => {
      throw new TgError('STORAGE_FAILED', 'fsync: EIO');
    });
  }

  private tell<T>(
    life: Life,
    done: Promise<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): void {
    const settle = (run: () => void) =>
      life.enter(() => {
        run();
        this.scheduler.settled();
      });
    done.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
    this.scheduler.settled();
  }

  /** The process is gone. `powerLoss`: so is what was not synced, perhaps. */
  crash(powerLoss: boolean): void {
    for (const database of ['log', 'snapshots', 'identity'] as const) {
      const pending = this.pending[database];
      const reached = this.random(pending.length + 1);
      for (const { perform } of pending.slice(0, reached)) perform().catch(() => {});
      this.pending[database] = [];
      this.freeAt[database] = 0;
    }
    if (powerLoss && (this.random(2) === 0 || !this.syncs)) this.memory.crash();
    this.memory.failAt = Number.POSITIVE_INFINITY;
    this.crashAfterSteps = Number.POSITIVE_INFINITY;
    this.syncFailsIn = Number.POSITIVE_INFINITY;
  }

  private delay(): number {
    return (this.random(1000) / 1000) * this.delayMs;
  }

  private step(): void {
    if (--this.crashAfterSteps === 0) this.onCrashPoint();
  }
}

export class SimLogStore implements LogStore {
  private readonly inner: MemoryLogStore;

  constructor(
    private readonly disk: SimDisk,
    private readonly life: Life,
  ) {
    this.inner = new MemoryLogStore(disk.memory);
  }

  load(windowBytesMax: number): Promise<RestoredLog> {
    return this.disk.later(this.life, async () => {
      this.verify();
      return this.inner.load(windowBytesMax);
    });
  }

  write(write: LogWrite): Promise<void> {
    const { inner, disk } = this;
    const asked = disk.syncs ? write : { ...write, sync: false };
    return disk.submit('log', this.life, () => inner.write(asked));
  }

  read(from: LogIndex, maxBytes: number): Promise<readonly Entry[]> {
    return this.disk.later(this.life, () => this.inner.read(from, maxBytes));
  }

  compact(through: LogIndex, snapshot: SnapshotMeta): Promise<void> {
    return this.disk.submit('log', this.life, () => this.inner.compact(through, snapshot));
  }

  reset(snapshot: SnapshotMeta): Promise<void> {
    return this.disk.submit('log', this.life, () => this.inner.reset(snapshot));
  }

  async close(): Promise<void> {}

  /** A flipped bit lies in some record of the log: its checksum must not hold any more. */
  private verify(): void {
    const { entries } = this.disk.memory.state;
    if (!this.disk.flipped || entries.length === 0) return;
    const record = Uint8Array.from(encodeEntry(entries[this.disk.random(entries.length)]!));
    const at = this.disk.random(record.length);
    record[at] = record[at]! ^ (1 << this.disk.random(8));
    decodeEntry(record, true);
    throw new Error('a flipped bit was not noticed');
  }
}

export class SimSnapshotStore implements SnapshotStore {
  private readonly inner: MemorySnapshotStore;

  constructor(
    private readonly disk: SimDisk,
    private readonly life: Life,
  ) {
    this.inner = new MemorySnapshotStore(disk.memory);
  }

  async stage(meta: SnapshotMeta): Promise<SnapshotWriter> {
    const { disk, life } = this;
    const writer = await disk.later(life, () => this.inner.stage(meta));
    return {
      write: (chunk) => {
        const copy = Uint8Array.from(chunk);
        return disk.submit('snapshots', life, () => writer.write(copy));
      },
      commit: () =>
        disk.submit('snapshots', life, () => {
          disk.snapshots++;
          return writer.commit();
        }),
      abort: () => disk.submit('snapshots', life, () => writer.abort()),
    };
  }

  latest(): Promise<SnapshotMeta | null> {
    return this.disk.later(this.life, () => this.inner.latest());
  }

  async *read(meta: SnapshotMeta): AsyncGenerator<Uint8Array> {
    const { disk, life } = this;
    const chunks = this.inner.read(meta);
    for (;;) {
      const next = await disk.later(life, () => chunks.next());
      if (next.done === true) return;
      // The log may be empty: then the bit flipped here.
      if (disk.flipped) throw new TgError('CORRUPT', 'a chunk fails its checksum');
      yield next.value;
    }
  }

  async close(): Promise<void> {}
}
