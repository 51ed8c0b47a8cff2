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
import type { Proposal } from '../raft/proposal.js';
import type { Entry, LogIndex, NodeId } from '../raft/types.js';
import type { Args } from '../resp/args.js';
import { nullSink } from '../resp/reply-sink.js';
import type {
  AppliedListener,
  ExecutionMeter,
  Group,
  NodeAddress,
  Origin,
  Refusal,
  SessionReadSpec,
  SettingOutcome,
  SnapshotInfo,
} from '../server/group.js';
import { BatchWriter, encodeSettings } from '../statemachine/batch-format.js';
import type { KeyspaceSpec, SpecBase } from '../statemachine/command-spec.js';
import type { StateMachine } from '../statemachine/state-machine.js';
import { Admission, type ReadConsistency } from './admission.js';
import type { ClusterView } from './cluster-view.js';
import { ConfirmedReads } from './confirmed-reads.js';
import { CurrentUsers } from './current-users.js';
import type { DeferredOps } from './deferred-ops.js';
import { digestOf } from './digest.js';
import { ForwardedCommands } from './forwarded-commands.js';
import { Forwarder } from './forwarder.js';
import type { GroupDriver } from './group-driver.js';
import { countKeysInSlot, keyspaceInfo } from './keyspace-info.js';
import type { LogClock } from './log-clock.js';
import { answerLost, unloggedReply } from './lost-operations.js';
import { OperationQueue } from './operation-queue.js';
import { raftInfo } from './raft-info.js';
import { SettingChanges } from './setting-changes.js';
import { noSnapshots, type Snapshotter } from './snapshotter.js';

export interface ReplicatedGroupOptions {
  readonly clock: Clock;
  readonly logClock: LogClock;
  readonly randomU32: () => number;
  readonly view: ClusterView;
  readonly settings: Settings;
  readonly readConsistency: () => ReadConsistency;
  readonly leaseValid: () => boolean;
  /** False: surely not sent. */
  readonly sendApplication: (to: NodeId, payload: Uint8Array) => boolean;
}

/** Election timeouts after which a leader that answers nothing is given up by a forwarder. */
const forwardTimeoutElections = 5;

export class ReplicatedGroup implements Group {
  readonly queue: OperationQueue;
  machine: StateMachine;
  loading = true;
  /** Called with the slot of each key that a read here used. */
  onTouch: ((slot: number) => void) | null = null;
  /** Payload stamps at or below this were proposed here in this term. */
  lastProposedStampMs = 0;
  private driver: GroupDriver | null = null;
  private nextToken = 1;
  private readonly confirmed = new ConfirmedReads((token) => this.queue.confirm(token));
  private readonly users = new CurrentUsers();
  private flushScheduled = false;
  /** What must be applied before the local reads of this turn may run. */
  private neededIndex = 0;
  applyingOrigin: Origin | null = null;
  meter: ExecutionMeter | null = null;
  snapshots: Snapshotter | null = null;
  private listener: AppliedListener | null = null;
  private readonly admission: Admission;
  readonly forwarder: Forwarder;
  readonly forwarded: ForwardedCommands;
  private readonly settingChanges = new SettingChanges();
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
    const { clock, settings, sendApplication: send } = options;
    const usersMark = () => this.users.mark;
    this.settingChanges.onChange(() => this.users.look(this.machine));
    this.admission = new Admission({
      ...options,
      core: () => this.driver?.core ?? null,
      machine: () => this.machine,
      isLoading: () => this.loading,
      forwards: () => this.forwards(),
      usersKnown: () => this.users.known,
    });
    this.forwarder = new Forwarder({
      send,
      usersMark,
      clock,
      timeoutMs: forwardTimeoutElections * settings.number('election-timeout-ms'),
      onIdle: () => this.changed(),
    });
    const appliedIndex = () => this.machine.appliedIndex;
    this.forwarded = new ForwardedCommands({ group: this, clock, appliedIndex, usersMark, send });
  }

  /** A snapshot was installed: the state is another one. */
  replaceMachine(machine: StateMachine): void {
    this.machine = machine;
    machine.onTouch = this.onTouch;
    machine.keyspace.listen(this.listener);
    this.listener?.flushed();
    this.settingChanges.look(machine);
    this.changed();
  }

  listen(listener: AppliedListener | null): void {
    this.listener = listener;
    this.machine.keyspace.listen(listener);
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
    const refusal = this.admission.write(spec, args);
    if (refusal === 'not-leader' && this.forwards()) return this.forward(origin, spec, args);
    if (refusal !== null) return refusal;
    if (this.forwarder.owes(origin)) return 'after-pending';
    this.queue.pushWrite(origin, spec, args);
    const full =
      this.queue.formingBytes >= limits.batchBytesMax ||
      this.queue.formingCommands >= limits.batchCommandsMax;
    if (full) this.proposeBatch();
    this.scheduleFlush();
    return null;
  }

  read(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): Refusal | null {
    const refusal = this.admission.read(origin);
    if (refusal !== null) return refusal;
    if (this.forwarder.owes(origin)) {
      // A reply of the leader could overtake what is told about a key at this node.
      const atThisNode = spec.kind === 'session-read' || origin.tracker !== null;
      if (atThisNode || this.isLeader) return 'after-pending';
      return this.forward(origin, spec, args);
    }
    const appliedEnough = origin.seenIndex <= this.machine.appliedIndex;
    if (origin.pending === 0 && appliedEnough && this.admission.needsNoRound(origin)) {
      this.runRead(origin, spec, args);
      return null;
    }
    const { waiting, waitingBytes } = this.queue;
    const full = waiting >= limits.pendingReadsMax || waitingBytes >= limits.pendingReadBytesMax;
    if (full) return 'overloaded';
    this.neededIndex = Math.max(this.neededIndex, origin.seenIndex);
    this.queue.pushRead(origin, spec, args);
    this.scheduleFlush();
    return null;
  }

  private forward(origin: Origin, spec: KeyspaceSpec, args: Args): Refusal | null {
    const refusal = this.forwarder.submit(this.driver!.core.leader!, origin, spec, args);
    this.scheduleFlush();
    return refusal;
  }

  defer(origin: Origin, bytes: Uint8Array): void {
    if (this.forwarder.owes(origin)) return this.forwarder.defer(origin, bytes);
    this.queue.pushReply(origin, bytes);
    this.scheduleFlush();
  }

  /** Reads and deferred replies of a turn get one round; writes of a turn become one entry. */
  private flush(): void {
    this.flushScheduled = false;
    if (this.queue.formingCommands > 0) this.proposeBatch();
    if (this.queue.hasReadsToConfirm) this.requestRound();
    this.forwarder.flush();
  }

  private scheduleFlush(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    this.options.clock.endOfTurn(this.flushNow);
  }

  private requestRound(): void {
    const token = this.nextToken++;
    this.queue.assignToken(token);
    const index = this.neededIndex;
    this.neededIndex = 0;
    if (this.readsNeedNoRound()) this.readReady({ token, index });
    else this.driver!.act((core) => core.requestRead(token));
  }

  private readsNeedNoRound(): boolean {
    if (this.options.readConsistency() === 'local') return true;
    return !this.isLeader && !this.forwards();
  }

  private proposeBatch(): void {
    const stamp = this.stamp();
    const propose = (data: Uint8Array) => {
      const proposal = this.propose(data, stamp);
      return proposal.ok ? proposal : null;
    };
    this.queue.closeBatch(stamp, this.options.randomU32(), propose, unloggedReply);
  }

  /** A refused stamp is not kept: it is never applied, and the pulse would wait for it for ever. */
  propose(data: Uint8Array, stampMs: number): Proposal {
    const proposal = this.driver!.propose(data);
    if (proposal.ok) this.lastProposedStampMs = stampMs;
    return proposal;
  }

  /** The stamp of an entry proposed now: the log's time never goes back. */
  stamp(): number {
    return Math.max(this.options.logClock.now(), this.machine.nowMs, this.lastProposedStampMs);
  }

  writeRefusal(spec: SpecBase, args: Args): Refusal | null {
    const refusal = this.admission.write(spec, args);
    return refusal === 'not-leader' && this.forwards() ? null : refusal;
  }

  private forwards(): boolean {
    return this.options.settings.get('follower-writes') === 'forward';
  }

  private execute(ops: DeferredOps, at: number, args: Args): void {
    const origin = ops.originAt(at);
    const spec = ops.specAt(at);
    origin.pending--;
    const denied = spec === null ? null : (origin.denied?.(spec, args) ?? null);
    if (spec === null) origin.reply.raw(args.view(0));
    else if (denied !== null) origin.reply.error(denied);
    else this.runRead(origin, spec, args);
    origin.answered();
  }

  private runRead(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): void {
    const begun = this.meter === null ? 0 : this.meter.begin(spec, args);
    const context = this.machine.readContext(
      Math.max(this.machine.nowMs, this.options.logClock.now()),
      this.options.randomU32,
      origin.noTouch !== true || spec.name === 'touch',
      origin.database,
    );
    if (spec.kind === 'session-read') spec.run(origin, context, args, origin.reply);
    else {
      assert(spec.kind === 'read', `${spec.name} is no read`);
      spec.read(context, args, origin.reply);
      origin.tracker?.read(spec, args);
    }
    this.meter?.end(origin, spec, args, begun);
  }

  // What the driver tells.

  applyEntry(entry: Entry): number {
    if (entry.kind !== 'command') {
      this.machine.skipEntry(entry.index);
      return 0;
    }
    const { machine } = this;
    const batch = this.queue.takeBatch(entry.index, entry.term);
    const commands = machine.beginEntry(entry.index, entry.data);
    if (batch === null) {
      for (let at = 0; at < commands; at++) machine.applyNext(nullSink);
    } else {
      this.queue.walk(batch, (origin) => this.applyFor(origin));
    }
    machine.endEntry();
    this.settingChanges.look(machine);
    return commands;
  }

  private applyFor(origin: Origin): void {
    const { machine, meter } = this;
    const { tracker } = origin;
    this.applyingOrigin = origin;
    const spec = machine.nextCommand();
    const begun = meter === null ? 0 : meter.begin(spec, machine.commandArgs);
    if (tracker === null) machine.apply(spec, origin.reply);
    else machine.apply(spec, origin.reply, (args) => tracker.beforeTransaction(args));
    meter?.end(origin, spec, machine.commandArgs, begun);
    this.listener?.settled();
    this.applyingOrigin = null;
  }

  readReady(read: ReadReady): void {
    if (read.index < 0) this.unconfirmed(read.token);
    else if (read.index <= this.machine.appliedIndex) this.queue.confirm(read.token);
    else this.confirmed.push(read);
  }

  /** A leader asks again, with a new token; elsewhere the client is told to. */
  private unconfirmed(token: number): void {
    if (this.isLeader) {
      this.queue.retryReads(token);
      this.options.clock.nextTurn(() => this.scheduleFlush());
    } else this.queue.failReads(token, (origin) => answerLost(origin, 'read'));
  }

  appliedThrough(index: LogIndex): void {
    this.settingChanges.appliedThrough(index);
    this.confirmed.appliedThrough(index);
    if (this.users.appliedThrough(index)) this.changed();
  }

  tick(): void {
    this.admission.tick();
    this.forwarder.tick();
  }

  peerDown(peer: NodeId): void {
    this.forwarder.peerDown(peer);
    this.forwarded.peerDown(peer);
  }

  roleChanged(change: RoleChange): void {
    if (change.role !== 'leader') this.failAll();
    else this.users.leads(this.driver!.core);
    this.lastProposedStampMs = 0;
    this.changed();
  }

  leader(): NodeAddress | null {
    const id = this.driver?.core.leader ?? null;
    return id === null ? null : this.options.view.address(id);
  }

  readonly nodes = () => this.options.view.nodes(this.driver?.core ?? null);

  raftInfo(): ReadonlyMap<string, string | number> {
    return raftInfo(this.driver?.core ?? null, this.nodes().find((node) => node.self)!.id);
  }

  digest(): Promise<{ index: number; digest: string }> {
    return digestOf(this.machine, this.options.clock);
  }

  snapshotInfo(): SnapshotInfo {
    return this.snapshots?.info() ?? noSnapshots;
  }

  readonly keyspaceInfo = () => keyspaceInfo(this.machine);

  readonly countKeysInSlot = (slot: number) => countKeysInSlot(this.machine.keyspace, slot);

  readonly clusterSetting = (name: string) => this.machine.clusterSetting(name);

  readonly clusterSettings = (prefix: string) => this.machine.clusterSettings(prefix);

  readonly onSettings = (run: () => void) => this.settingChanges.onChange(run);

  get settingsKnown(): Group['settingsKnown'] {
    return this.admission.settingsKnown;
  }

  changeSettings(pairs: readonly (readonly [string, string])[]): Promise<SettingOutcome> {
    const core = this.driver?.core;
    if (core === undefined || core.leader === null) return Promise.resolve('no-leader');
    if (core.role !== 'leader') return Promise.resolve('not-leader');
    const stamp = this.stamp();
    const data = encodeSettings(stamp, this.options.randomU32(), pairs);
    return this.settingChanges.wait(this.propose(data, stamp));
  }

  private failAll(): void {
    this.confirmed.clear();
    this.settingChanges.failAll();
    this.queue.failAll(answerLost);
  }
}
