/**
 * The Group that the RESP server talks to: admission, the order of operations, and what becomes
 * of them when leadership changes. Never lies: a refusal means the command did not and will not
 * happen; what was logged and not settled when leadership goes is answered with UNCERTAIN.
 */
import type { Settings } from '../config.js';
import { assert } from '../errors.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';
import type { ReadReady, RoleChange } from '../raft/effects.js';
import type { Entry, LogIndex } from '../raft/types.js';
import type { Args } from '../resp/args.js';
import { nullSink } from '../resp/reply-sink.js';
import { slotOf } from '../server/crc16.js';
import type {
  ClusterNode,
  Group,
  NodeAddress,
  Origin,
  Refusal,
  SessionReadSpec,
} from '../server/group.js';
import { BatchWriter, encodeSettings } from '../statemachine/batch-format.js';
import type { KeyspaceSpec, SpecBase } from '../statemachine/command-spec.js';
import type { StateMachine } from '../statemachine/state-machine.js';
import type { ClusterView } from './cluster-view.js';
import type { DeferredOps } from './deferred-ops.js';
import { digestOf } from './digest.js';
import type { GroupDriver } from './group-driver.js';
import type { LogClock } from './log-clock.js';
import { OperationQueue } from './operation-queue.js';
import { raftInfo } from './raft-info.js';

export type ReadConsistency = 'linearizable' | 'lease' | 'local';

export interface ReplicatedGroupOptions {
  readonly clock: Clock;
  readonly logClock: LogClock;
  readonly randomU32: () => number;
  readonly view: ClusterView;
  readonly settings: Settings;
  readonly readConsistency: () => ReadConsistency;
  readonly leaseValid: () => boolean;
}

interface SettingWaiter {
  readonly index: LogIndex;
  readonly term: number;
  readonly done: (refusal: Refusal | null) => void;
}

const uncertainText =
  'UNCERTAIN leadership was lost after the command was logged; it may or may not take effect';
const readLostText = 'TRYAGAIN leadership changed before the read could be confirmed';
const unloggedText = 'TRYAGAIN leadership changed before the command was logged';

export class ReplicatedGroup implements Group {
  readonly queue: OperationQueue;
  machine: StateMachine;
  loading = true;
  /** Called with the slot of each key that a read of this node used. */
  onTouch: ((slot: number) => void) | null = null;
  /** Payload stamps at or below this were proposed here in this term. */
  lastProposedStampMs = 0;
  private driver: GroupDriver | null = null;
  private nextToken = 1;
  /** Confirmed rounds whose index is not applied yet. */
  private waiting: ReadReady[] = [];
  private flushScheduled = false;
  private caughtUpAtMs = Number.NEGATIVE_INFINITY;
  private readonly settingWaiters: SettingWaiter[] = [];
  private readonly watchers: (() => void)[] = [];
  private readonly flushNow = () => this.flush();

  constructor(
    machine: StateMachine,
    private readonly options: ReplicatedGroupOptions,
  ) {
    this.machine = machine;
    this.queue = new OperationQueue(new BatchWriter(), (ops, at, args) =>
      this.execute(ops, at, args),
    );
  }

  /** A snapshot was installed: the state is another one. */
  replaceMachine(machine: StateMachine): void {
    this.machine = machine;
    machine.onTouch = this.onTouch;
    this.changed();
  }

  attach(driver: GroupDriver): void {
    this.driver = driver;
  }

  get isLeader(): boolean {
    return this.driver?.core.role === 'leader';
  }

  onChange(run: () => void): void {
    this.watchers.push(run);
  }

  changed(): void {
    for (const run of this.watchers) run();
  }

  write(origin: Origin, spec: KeyspaceSpec, args: Args): Refusal | null {
    const refusal = this.writeRefusal(spec, args);
    if (refusal !== null) return refusal;
    this.queue.pushWrite(origin, spec, args);
    const full =
      this.queue.formingBytes >= limits.batchBytesMax ||
      this.queue.formingCommands >= limits.batchCommandsMax;
    if (full) this.proposeBatch();
    this.scheduleFlush();
    return null;
  }

  read(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): Refusal | null {
    if (this.loading) return 'loading';
    const refusal = this.refuseRead(origin);
    if (refusal !== null) return refusal;
    if (origin.pending === 0 && this.mayReadNow(origin)) {
      this.runRead(origin, spec, args);
      return null;
    }
    if (this.queue.waiting >= limits.pendingReadsMax) return 'overloaded';
    this.queue.pushRead(origin, spec, args);
    this.scheduleFlush();
    return null;
  }

  defer(origin: Origin, bytes: Uint8Array): void {
    this.queue.pushReply(origin, bytes);
    this.scheduleFlush();
  }

  /** Reads and deferred replies of a turn get one round; writes of a turn become one entry. */
  private flush(): void {
    this.flushScheduled = false;
    if (this.queue.formingCommands > 0) this.proposeBatch();
    if (this.queue.hasReadsToConfirm) this.requestRound();
  }

  private scheduleFlush(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    this.options.clock.endOfTurn(this.flushNow);
  }

  private requestRound(): void {
    const token = this.nextToken++;
    this.queue.assignToken(token);
    if (this.localReads()) this.queue.confirm(token);
    else this.driver?.act((core) => core.requestRead(token));
  }

  private proposeBatch(): void {
    const stamp = this.stamp();
    const logged = this.queue.closeBatch(stamp, this.options.randomU32(), (data) => {
      const proposal = this.driver!.propose(data);
      return proposal.ok ? { index: proposal.index, term: proposal.term } : null;
    });
    if (!logged) this.failAll();
  }

  /** Also for pulses and touches: proposes a payload made by this node. */
  proposeInternal(data: Uint8Array, stampMs: number): boolean {
    this.lastProposedStampMs = stampMs;
    return this.driver!.propose(data).ok;
  }

  /** The stamp of an entry proposed now: the log's time never goes back. */
  stamp(): number {
    const stamp = Math.max(
      this.options.logClock.now(),
      this.machine.nowMs,
      this.lastProposedStampMs,
    );
    this.lastProposedStampMs = stamp;
    return stamp;
  }

  writeRefusal(spec: SpecBase, args: Args): Refusal | null {
    if (this.loading || this.driver === null) return this.loading ? 'loading' : 'no-leader';
    const { core } = this.driver;
    if (core.role !== 'leader') return core.leader === null ? 'no-leader' : 'not-leader';
    const full = core.transferring || core.uncommittedBytes >= limits.uncommittedBytesMax;
    return full ? 'overloaded' : this.refuseForMemory(spec, args);
  }

  /** Before anything is logged: apply never answers OOM, or replicas could differ. */
  private refuseForMemory(spec: SpecBase, args: Args): Refusal | null {
    const { keyspace } = this.machine;
    if (keyspace.maxmemory === 0 && keyspace.maxkeys === 0) return null;
    if (!spec.flags.includes('denyoom')) return null;
    if (!keyspace.canMakeRoom()) return 'out-of-memory';
    if (keyspace.maxmemory === 0) return null;
    const size = args.end(args.count - 1) - args.start(0);
    return size > keyspace.maxmemory ? 'too-large' : null;
  }

  private refuseRead(origin: Origin): Refusal | null {
    if (this.driver === null) return 'no-leader';
    const { core } = this.driver;
    if (core.role === 'leader') return null;
    if (origin.stale || this.options.readConsistency() === 'local') {
      return this.freshEnough() ? null : 'overloaded';
    }
    return core.leader === null ? 'no-leader' : 'not-leader';
  }

  /** A follower that has not heard its leader for max-staleness-ms refuses stale reads. */
  private freshEnough(): boolean {
    const silentMs = this.options.clock.monotonicMs() - this.caughtUpAtMs;
    return silentMs <= this.options.settings.number('max-staleness-ms');
  }

  /** The driver's tick: all that is known to be committed is applied, and a leader is there. */
  noteCaughtUp(): void {
    this.caughtUpAtMs = this.options.clock.monotonicMs();
  }

  private localReads(): boolean {
    return this.driver!.core.role !== 'leader' || this.options.readConsistency() === 'local';
  }

  private mayReadNow(_origin: Origin): boolean {
    const core = this.driver!.core;
    // refuseRead let a follower through only where local data may be served.
    if (core.role !== 'leader') return true;
    const consistency = this.options.readConsistency();
    if (consistency === 'local') return true;
    return consistency === 'lease' && this.options.leaseValid();
  }

  private execute(ops: DeferredOps, at: number, args: Args): void {
    const origin = ops.originAt(at);
    const spec = ops.specAt(at);
    origin.pending--;
    if (spec === null) origin.reply.raw(args.view(0));
    else this.runRead(origin, spec, args);
    origin.answered();
  }

  private runRead(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): void {
    const context = this.machine.readContext(
      Math.max(this.machine.nowMs, this.options.logClock.now()),
      this.options.randomU32,
    );
    if (spec.kind === 'session-read') spec.run(origin, context, args, origin.reply);
    else {
      assert(spec.kind === 'read', `${spec.name} is no read`);
      spec.read(context, args, origin.reply);
    }
  }

  // What the driver tells.

  applyEntry(entry: Entry): number {
    if (entry.kind !== 'command') {
      this.machine.skipEntry(entry.index);
      return 0;
    }
    const batch = this.queue.takeBatch(entry.index, entry.term);
    const { machine } = this;
    const commands = machine.beginEntry(entry.index, entry.data);
    if (batch === null) {
      for (let at = 0; at < commands; at++) machine.applyNext(nullSink);
    } else {
      this.queue.walk(batch, (reply) => machine.applyNext(reply));
    }
    machine.endEntry();
    return commands;
  }

  readReady(read: ReadReady): void {
    if (read.index < 0) this.unconfirmed(read.token);
    else if (read.index <= this.machine.appliedIndex) this.queue.confirm(read.token);
    else this.waiting.push(read);
  }

  /** A leader asks again, with a new token; elsewhere the client is told to. */
  private unconfirmed(token: number): void {
    if (this.isLeader) {
      this.queue.retryReads(token);
      this.options.clock.nextTurn(() => this.scheduleFlush());
    } else this.queue.failReads(token, (origin) => this.answerLost(origin, readLostText));
  }

  appliedThrough(index: LogIndex): void {
    this.settleSettings(index);
    if (this.waiting.length === 0) return;
    const ready = this.waiting.filter((read) => read.index <= index);
    this.waiting = this.waiting.filter((read) => read.index > index);
    for (const read of ready) this.queue.confirm(read.token);
  }

  roleChanged(change: RoleChange): void {
    if (change.role !== 'leader') this.failAll();
    this.lastProposedStampMs = 0;
    this.changed();
  }

  leader(): NodeAddress | null {
    const id = this.driver?.core.leader ?? null;
    return id === null ? null : this.options.view.address(id);
  }

  nodes(): readonly ClusterNode[] {
    return this.options.view.nodes(this.driver?.core ?? null);
  }

  raftInfo(): ReadonlyMap<string, string | number> {
    return raftInfo(this.driver?.core ?? null, this.nodes().find((node) => node.self)!.id);
  }

  digest(): Promise<{ index: number; digest: string }> {
    return digestOf(this.machine, this.options.clock);
  }

  keyspaceInfo() {
    const { keyspace } = this.machine;
    return {
      keys: keyspace.size,
      keysWithTtl: keyspace.keysWithTtl,
      usedBytes: keyspace.usedBytes,
      expired: keyspace.expired,
      evicted: keyspace.evicted,
      hits: this.machine.hits,
      misses: this.machine.misses,
    };
  }

  countKeysInSlot(slot: number): number {
    const { keyspace } = this.machine;
    let count = 0;
    for (let at = 0; at < keyspace.slotLimit; at++) {
      if (!keyspace.isLive(at)) continue;
      const start = keyspace.keyStart(at);
      if (slotOf(keyspace.keyBuffer(at), start, start + keyspace.keyLength(at)) === slot) count++;
    }
    return count;
  }

  clusterSetting(name: string): string | null {
    return this.machine.clusterSetting(name);
  }

  changeSetting(name: string, value: string): Promise<Refusal | null> {
    return this.proposeSettings([[name, value]]);
  }

  proposeSettings(pairs: readonly (readonly [string, string])[]): Promise<Refusal | null> {
    const core = this.driver?.core;
    if (core === undefined || core.leader === null) return Promise.resolve('no-leader');
    if (core.role !== 'leader') return Promise.resolve('not-leader');
    const stamp = this.stamp();
    const data = encodeSettings(stamp, this.options.randomU32(), pairs);
    const proposal = this.driver!.propose(data);
    if (!proposal.ok) return Promise.resolve('overloaded');
    const { index, term } = proposal;
    return new Promise((done) => this.settingWaiters.push({ index, term, done }));
  }

  private settleSettings(index: LogIndex): void {
    while (this.settingWaiters.length > 0 && this.settingWaiters[0]!.index <= index) {
      this.settingWaiters.shift()!.done(null);
    }
  }

  private failAll(): void {
    this.waiting = [];
    for (const waiter of this.settingWaiters.splice(0)) waiter.done('no-leader');
    this.queue.failAll((origin, kind) => {
      const text =
        kind === 'unknown' ? uncertainText : kind === 'unlogged' ? unloggedText : readLostText;
      this.answerLost(origin, text);
    });
  }

  private answerLost(origin: Origin, text: string): void {
    origin.pending--;
    origin.reply.error(text);
    origin.answered();
  }
}
