/**
 * Runs one RaftCore: carries out its effects and feeds back what became of them. It moves data
 * and decides nothing. Invariants: what rests on a log write leaves after it and after
 * those before it; entries are applied in order, once; a storage fault ends the service and is
 * never retried.
 */
import { assert, storageFault, TgError } from '../errors.js';
import { limits } from '../limits.js';
import type { Clock, LogStore, Transport } from '../ports.js';
import type { Effects, LogWrite, ReadReady, RoleChange } from '../raft/effects.js';
import type { Message } from '../raft/messages.js';
import type { Proposal, RaftCore } from '../raft/raft.js';
import type { Configuration, Entry, LogIndex, NodeId, SnapshotMeta, Term } from '../raft/types.js';

/** The layer above: the replicated group. */
export interface DriverListener {
  /** Goes to the disk now; its entries came just before. */
  logWrite(write: LogWrite): void;
  /** Entries through `index` are on a majority of disks and were handed out; applied soon. */
  committedThrough(index: LogIndex): void;
  /** Applies one entry; returns its work: commands, and keys that expired or were evicted. */
  applyEntry(entry: Entry): number;
  readReady(read: ReadReady): void;
  roleChanged(change: RoleChange): void;
  /** After the entries of this turn were applied. */
  appliedThrough(index: LogIndex): void;
  /** The core wants the newest snapshot streamed to this peer. */
  sendSnapshot(to: NodeId): void;
  configurationApplied(configuration: Configuration, index: LogIndex): void;
}

export interface GroupDriverOptions {
  readonly core: RaftCore;
  readonly logStore: LogStore;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly listener: DriverListener;
  /** Configuration at the index the state machine starts from. */
  readonly configuration: Configuration;
  /** Called once; the node must stop serving. */
  readonly onFatal: (error: TgError) => void;
}

/** So long a commit waits for an append that tells the followers of it. */
const commitTellMs = 1;

export class GroupDriver {
  readonly core: RaftCore;
  private readonly options: GroupDriverOptions;
  /** Log writes on their way to the disk: several when all append (limits.logWritesMax). */
  private writes = 0;
  /** The one on its way does more than append. */
  private writesAlone = false;
  /** While a received snapshot replaces the log no write may start. */
  private logHeld = false;
  private readonly heldWrites: LogWrite[] = [];
  private readonly waitForWrite: (() => void)[] = [];
  private toApply: Entry[] = [];
  private nextToApply = 0;
  private readyReads: ReadReady[] = [];
  private applyScheduled = false;
  private pumpScheduled = false;
  private tellsCommit = false;
  private failed = false;
  private lastAppliedTerm: Term = 0;
  private configurationAtApplied: Configuration;
  private readonly pumpNow = () => this.pump();
  private readonly applyNow = () => this.apply();

  constructor(options: GroupDriverOptions) {
    this.options = options;
    this.core = options.core;
    this.configurationAtApplied = options.configuration;
  }

  get stopped(): boolean {
    return this.failed;
  }

  /** What a snapshot of the state machine, taken now, is about. */
  snapshotMeta(): SnapshotMeta {
    const lastIncludedIndex = this.core.lastApplied;
    const term = this.core.termAt(lastIncludedIndex) ?? this.lastAppliedTerm;
    return {
      lastIncludedIndex,
      lastIncludedTerm: term,
      configuration: this.configurationAtApplied,
    };
  }

  propose(data: Uint8Array): Proposal {
    // What the core would take now could never become durable.
    if (this.failed) return { ok: false, reason: 'not-leader' };
    const proposal = this.core.propose(data);
    this.schedule();
    return proposal;
  }

  tick(): void {
    if (this.failed) return;
    this.guard(() => this.core.tick());
    this.schedule();
  }

  step(messages: readonly Message[]): void {
    if (this.failed) return;
    this.guard(() => {
      for (const message of messages) this.core.step(message);
    });
    this.schedule();
  }

  /** Does something with the core and carries out what follows from it at the end of the turn. */
  act(action: (core: RaftCore) => void): void {
    if (this.failed) return;
    this.guard(() => action(this.core));
    this.schedule();
  }

  schedule(): void {
    if (this.pumpScheduled || this.failed) return;
    this.pumpScheduled = true;
    this.options.clock.endOfTurn(this.pumpNow);
  }

  /** Stops everything without touching the disk again. */
  fail(error: TgError): void {
    if (this.failed) return;
    this.failed = true;
    this.options.onFatal(error);
  }

  /** Ends the service in order: resolves when no write is in flight. */
  async stop(): Promise<void> {
    this.failed = true;
    if (this.writes > 0) await this.endOfWrites();
  }

  /** A received snapshot is durable: the log and the state machine follow it in one step. */
  async install(
    from: NodeId,
    term: Term,
    meta: SnapshotMeta,
    swapMachine: () => void,
  ): Promise<boolean> {
    while (this.writes > 0 && !this.failed) await this.endOfWrites();
    if (this.failed) return false;
    // From here on the core's writes are about the log that follows the snapshot.
    this.logHeld = true;
    try {
      const verdict = this.core.snapshotReceived(from, term, meta);
      if (verdict.action === 'ignore') return false;
      if (!verdict.keepsLog) await this.options.logStore.reset(meta);
      this.toApply = [];
      this.nextToApply = 0;
      this.lastAppliedTerm = meta.lastIncludedTerm;
      this.configurationAtApplied = meta.configuration;
      swapMachine();
      this.core.snapshotRestored(meta);
      this.options.listener.configurationApplied(meta.configuration, meta.lastIncludedIndex);
      return true;
    } catch (error) {
      this.fail(storageFault(error, 'the log could not be replaced by a received snapshot'));
      return false;
    } finally {
      this.releaseLog();
    }
  }

  private releaseLog(): void {
    this.logHeld = false;
    for (const write of this.heldWrites.splice(0)) if (!this.failed) this.startWrite(write);
    this.schedule();
  }

  private pump(): void {
    this.pumpScheduled = false;
    this.guard(() => this.carryOutAll());
  }

  private carryOutAll(): void {
    while (!this.failed && this.core.hasEffects()) this.carryOut(this.core.takeEffects());
    if (this.readyReads.length > 0 || this.nextToApply < this.toApply.length) this.applySoon();
  }

  /** Later in the turn: what was sent to the disk and to peers is under way meanwhile. */
  private applySoon(): void {
    if (this.applyScheduled) return;
    this.applyScheduled = true;
    this.options.clock.endOfTurn(this.applyNow, 'apply');
  }

  private apply(): void {
    this.guard(() => {
      let workLeft: number = limits.applyCommandsPerTurnMax;
      while (!this.failed) {
        this.carryOutAll();
        for (const read of this.readyReads.splice(0)) this.options.listener.readReady(read);
        if (this.nextToApply >= this.toApply.length) break;
        workLeft -= this.applySome(workLeft);
        if (workLeft <= 0) return this.goOnNextTurn();
      }
      this.applyScheduled = false;
    });
  }

  private carryOut(effects: Effects): void {
    const { listener } = this.options;
    if (effects.roleChange !== null) listener.roleChanged(effects.roleChange);
    this.send(effects.messages);
    if (effects.write !== null) {
      listener.logWrite(effects.write);
      this.startWrite(effects.write);
    }
    for (const entry of effects.committed) this.toApply.push(entry);
    const last = effects.committed[effects.committed.length - 1];
    if (last !== undefined) listener.committedThrough(last.index);
    for (const read of effects.reads) this.readyReads.push(read);
    for (const wanted of effects.oldEntries) this.readOld(wanted.to, wanted.from, wanted.maxBytes);
    for (const to of effects.snapshots) listener.sendSnapshot(to);
    if (effects.committedWanted !== null) this.readCommitted(effects.committedWanted);
  }

  private send(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const { transport } = this.options;
    // Almost always one message per peer: no grouping table for that.
    for (let at = 0; at < messages.length; ) {
      const to = messages[at]!.to;
      let end = at + 1;
      while (end < messages.length && messages[end]!.to === to) end++;
      transport.send(to, messages.slice(at, end));
      at = end;
    }
  }

  private startWrite(write: LogWrite): void {
    if (this.logHeld) {
      assert(this.heldWrites.length < limits.logWritesMax, 'too many log writes are held');
      this.heldWrites.push(write);
      return;
    }
    const joins = write.appends && !this.writesAlone;
    assert(this.writes === 0 || joins, 'a log write that must be alone is not');
    this.writes++;
    this.writesAlone = !write.appends;
    this.options.logStore.write(write).then(
      () => this.written(write),
      (error: unknown) => {
        this.endWrite();
        this.fail(storageFault(error, 'the log could not be written'));
      },
    );
  }

  private written(write: LogWrite): void {
    this.endWrite();
    if (this.failed) return;
    this.guard(() => {
      this.core.written(write.seq);
      this.send(write.afterwards);
    });
    this.schedule();
  }

  private endOfWrites(): Promise<void> {
    return new Promise((resolve) => {
      this.waitForWrite.push(resolve);
    });
  }

  private endWrite(): void {
    this.writes--;
    if (this.writes > 0) return;
    for (const resolve of this.waitForWrite.splice(0)) resolve();
  }

  /** Applies entries until their work comes to `workMax`; returns what it came to. */
  private applySome(workMax: number): number {
    let work = 0;
    let last: Entry | null = null;
    while (this.nextToApply < this.toApply.length && work < workMax) {
      last = this.toApply[this.nextToApply++]!;
      work += 1 + this.applyOne(last);
    }
    if (this.nextToApply >= this.toApply.length) {
      this.toApply = [];
      this.nextToApply = 0;
    }
    if (last !== null) {
      this.options.listener.appliedThrough(last.index);
      this.tellCommitSoon();
    }
    return work;
  }

  /** Under load the next append carries the commit index to the followers before that. */
  private tellCommitSoon(): void {
    if (this.tellsCommit || this.core.role !== 'leader') return;
    this.tellsCommit = true;
    const index = this.core.lastApplied;
    this.options.clock.after(commitTellMs, () => {
      this.tellsCommit = false;
      this.act((core) => core.tellCommit(index));
      if (this.core.lastApplied > index && !this.failed) this.tellCommitSoon();
    });
  }

  /**
   * The rest waits for the next turn, so that heartbeats and clients get their share; nothing else
   * is applied before.
   */
  private goOnNextTurn(): void {
    this.options.clock.nextTurn(this.applyNow);
  }

  private applyOne(entry: Entry): number {
    const work = this.options.listener.applyEntry(entry);
    this.lastAppliedTerm = entry.term;
    this.core.applied(entry.index);
    if (entry.kind === 'config' && entry.configuration !== null) {
      this.configurationAtApplied = entry.configuration;
      this.options.listener.configurationApplied(entry.configuration, entry.index);
    }
    return work;
  }

  private readOld(to: NodeId, from: LogIndex, maxBytes: number): void {
    this.options.logStore.read(from, maxBytes).then(
      (entries) => this.act((core) => core.oldEntriesRead(to, entries)),
      (error: unknown) => {
        if (isDamage(error)) this.fail(storageFault(error, 'the log could not be read'));
        // Compacted meanwhile: the core falls back to a snapshot.
        else this.act((core) => core.oldEntriesRead(to, null));
      },
    );
  }

  private readCommitted(wanted: { from: LogIndex; maxBytes: number }): void {
    this.options.logStore.read(wanted.from, wanted.maxBytes).then(
      (entries) => this.act((core) => core.committedRead(entries)),
      (error: unknown) => {
        if (isDamage(error)) this.fail(storageFault(error, 'the log could not be read'));
        // A snapshot overtook the read: the core asks again for what it still needs.
        else this.act((core) => core.committedRead([]));
      },
    );
  }

  /** An invariant that does not hold or an unknown format stops the node rather than go on. */
  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(
        error instanceof TgError
          ? error
          : new TgError('INVARIANT', `unexpected: ${String(error)}`, { cause: error }),
      );
    }
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof TgError && (error.code === 'CORRUPT' || error.code === 'STORAGE_FAILED');
}
