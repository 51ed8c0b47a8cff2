/**
 * Takes snapshots of the state machine beside running traffic, compacts the log below them and
 * streams them to followers that lag behind it. A view is opened in one step and walked a chunk
 * at a time between turns, so that neither ever stops the event loop (requirements 42-48).
 */
import { limits } from '../limits.js';
import type { Clock, LogStore, SnapshotStore, Transport } from '../ports.js';
import type { GroupId, LogIndex, NodeId, SnapshotMeta } from '../raft/types.js';
import type { SnapshotInfo } from '../server/group.js';
import type { StateView } from '../statemachine/state-machine.js';
import { closeView } from './close-view.js';
import type { GroupDriver } from './group-driver.js';
import { SnapshotTurn } from './snapshot-turn.js';

export interface SnapshotterOptions {
  readonly group: GroupId;
  readonly driver: GroupDriver;
  readonly logStore: LogStore;
  readonly snapshotStore: SnapshotStore;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Opens a view of the state at the index that was applied last. */
  readonly openView: () => StateView;
  /** About what a view of it holds. */
  readonly stateBytes: () => number;
  /** Bytes of log after which a snapshot is due. */
  readonly thresholdBytes: () => number;
  readonly onError: (what: string, error: unknown) => void;
}

/** Between two tries to send a snapshot to one follower. */
const retryMs = 500;
export const noSnapshots: SnapshotInfo = {
  lastAtMs: null,
  lastMs: -1,
  currentMs: -1,
  taken: 0,
  failed: false,
};

interface Mark {
  readonly index: LogIndex;
  readonly bytes: number;
}

export class Snapshotter {
  /** Bytes applied since the start of this process, and where in the log they were reached. */
  private appliedBytes = 0;
  private marks: Mark[] = [];
  private bytesAtSnapshot = 0;
  private lastSnapshotBytes = 0;
  private saving = false;
  private saved: Promise<void> = Promise.resolve();
  private readonly sendingTo = new Set<NodeId>();
  /** Followers that a snapshot was sent to, its index, and `appliedBytes` at that time. */
  private readonly holds = new Map<NodeId, Mark>();
  private stopped = false;
  private snapshotsTaken = 0;
  private lastAtMs: number | null = null;
  private lastMs = -1;
  private lastFailed = false;
  private savingSinceMs = 0;
  private readonly turn: SnapshotTurn;

  constructor(private readonly options: SnapshotterOptions) {
    const { clock, stateBytes } = options;
    const begin = () => this.start();
    this.turn = new SnapshotTurn({ clock, place: () => this.place(), stateBytes, begin });
  }

  /** Resolves when nothing is written any more. */
  stop(): Promise<void> {
    this.stopped = true;
    this.turn.stop();
    return this.saved;
  }

  /** For INFO persistence. */
  info(): SnapshotInfo {
    return {
      lastAtMs: this.lastAtMs,
      lastMs: this.lastMs,
      currentMs: this.saving ? this.options.clock.monotonicMs() - this.savingSinceMs : -1,
      taken: this.snapshotsTaken,
      failed: this.lastFailed,
    };
  }

  /** Counts an applied entry; starts a snapshot when one is due. */
  applied(index: LogIndex, bytes: number): void {
    this.appliedBytes += bytes;
    const last = this.marks[this.marks.length - 1];
    if (last === undefined || this.appliedBytes - last.bytes >= limits.logMarkBytes) {
      this.marks.push({ index, bytes: this.appliedBytes });
    }
    if (!this.saving) this.turn.logGrew(this.appliedBytes - this.bytesAtSnapshot, this.due);
  }

  /** Not more often than the log has grown by half of what a snapshot writes. */
  private get due(): number {
    return Math.max(this.options.thresholdBytes(), this.lastSnapshotBytes / 2);
  }

  private place(): number {
    const { core } = this.options.driver;
    return core.configuration.members.filter(({ id }) => id < core.id).length;
  }

  private start(): void {
    if (this.saving || this.stopped) return;
    this.saving = true;
    this.savingSinceMs = this.options.clock.monotonicMs();
    this.bytesAtSnapshot = this.appliedBytes;
    // After this turn's entries, so that the view is of exactly one index.
    this.options.clock.endOfTurn(() => {
      if (this.stopped) return;
      this.saved = this.save()
        .catch((error: unknown) => {
          this.lastFailed = true;
          this.options.onError('a snapshot could not be saved', error);
        })
        .finally(() => {
          this.saving = false;
        });
    });
  }

  private async save(): Promise<void> {
    const { driver, snapshotStore, clock } = this.options;
    const meta = driver.snapshotMeta();
    const view = this.options.openView();
    let bytes = 0;
    try {
      const writer = await snapshotStore.stage(meta);
      try {
        for (let chunk = view.next(); chunk !== null; chunk = view.next()) {
          if (this.stopped) return await writer.abort();
          bytes += chunk.length;
          const fromMs = clock.monotonicMs();
          await writer.write(chunk);
          await this.rest(clock.monotonicMs() - fromMs);
        }
        await writer.commit();
      } catch (error) {
        await writer.abort();
        throw error;
      }
    } finally {
      await closeView(view, clock);
    }
    this.lastSnapshotBytes = bytes;
    this.snapshotsTaken++;
    this.lastFailed = false;
    this.lastAtMs = this.options.clock.wallMs();
    this.lastMs = this.options.clock.monotonicMs() - this.savingSinceMs;
    await this.compact(meta);
  }

  /**
   * Leaves the disk and the CPU to clients for most of the time: the busier they are the longer a
   * chunk takes, and the rest after it. But not when the log has grown by half of what is written.
   */
  private rest(tookMs: number): Promise<void> | null {
    const bytesMax = Math.max(this.due, this.options.stateBytes()) / 2;
    if (this.stopped || this.appliedBytes - this.bytesAtSnapshot >= bytesMax) return null;
    const restMs = Math.min(limits.snapshotRestMsMax, tookMs * limits.snapshotRestShare);
    return new Promise((resolve) => this.options.clock.after(restMs, resolve));
  }

  /** Keeps a tail of the log, so that a short absence does not cost a whole snapshot. */
  private async compact(meta: SnapshotMeta): Promise<void> {
    const { driver, logStore } = this.options;
    if (this.stopped) return;
    const through = Math.min(this.tailStart(meta.lastIncludedIndex), this.heldFrom());
    await logStore.compact(through, meta);
    driver.act((core) => core.snapshotSaved(meta, through + 1));
  }

  private tailStart(snapshotIndex: LogIndex): LogIndex {
    const floor = this.appliedBytes - limits.logTailBytes;
    while (this.marks.length > 1 && this.marks[1]!.bytes <= floor) this.marks.shift();
    const first = this.marks[0];
    if (first === undefined || first.bytes > floor) return 0;
    return Math.min(first.index, snapshotIndex);
  }

  /**
   * The log above a snapshot on its way stays until the follower has it, or a slow one would be
   * sent snapshots for ever (requirement 48). Not for one that is gone, and not without bound.
   */
  private heldFrom(): LogIndex {
    const status = this.options.driver.core.status();
    let from = Number.POSITIVE_INFINITY;
    for (const [to, hold] of this.holds) {
      const peer = status.peers.find(({ id }) => id === to);
      const reached = Math.max(hold.index, peer?.matchIndex ?? 0);
      const there = reached >= status.commitIndex && !this.sendingTo.has(to);
      const overdue = this.appliedBytes - hold.bytes > limits.logHeldBytesMax;
      if (there || overdue || peer?.recentlyActive !== true) this.holds.delete(to);
      // The term of the last entry it has is asked for too.
      else from = Math.min(from, reached - 1);
    }
    return from;
  }

  /** Streams the newest snapshot to a follower. */
  send(to: NodeId): void {
    if (this.sendingTo.has(to) || this.stopped) return;
    this.sendingTo.add(to);
    this.stream(to)
      .catch((error: unknown) => {
        this.options.onError(`the snapshot for ${to} did not get there`, error);
        return null;
      })
      .then((meta) => {
        // A follower that refuses must not be called for every heartbeat it answers.
        if (meta === null) this.options.clock.after(retryMs, () => this.sent(to, null));
        else this.sent(to, meta);
      });
  }

  private sent(to: NodeId, meta: SnapshotMeta | null): void {
    this.sendingTo.delete(to);
    this.options.driver.act((core) => core.snapshotSent(to, meta !== null, meta));
  }

  private async stream(to: NodeId): Promise<SnapshotMeta | null> {
    const { snapshotStore, transport, driver, group } = this.options;
    const meta = await snapshotStore.latest();
    if (meta === null) return null;
    this.holds.set(to, { index: meta.lastIncludedIndex, bytes: this.appliedBytes });
    await transport.sendSnapshot(to, group, driver.core.term, meta, snapshotStore.read(meta));
    return meta;
  }
}
