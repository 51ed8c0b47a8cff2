/**
 * The Group that the RESP server talks to: admission, the order of operations, and what becomes
 * of them when leadership changes. Never lies: a refusal means the command did not and will not
 * happen; what was logged and not settled when leadership goes is answered with UNCERTAIN.
 */
import type { Settings } from '../config.js';
import { assert } from '../errors.js';
import type { Clock } from '../ports.js';
import type { ReadReady, RoleChange } from '../raft/effects.js';
import type { Proposal } from '../raft/proposal.js';
import type { Entry, LogIndex, NodeId } from '../raft/types.js';
import type { Args } from '../resp/args.js';
import { nullSink } from '../resp/reply-sink.js';
import type {
  ExecutionMeter,
  Group,
  NodeAddress,
  Origin,
  Refusal,
  SessionReadSpec,
  SettingOutcome,
} from '../server/group.js';
import { BatchWriter, encodeSettings } from '../statemachine/batch-format.js';
import type { KeyspaceSpec, SpecBase } from '../statemachine/command-spec.js';
import type { KeyListener } from '../statemachine/key-listener.js';
import type { StateMachine } from '../statemachine/state-machine.js';
import { Admission, type ReadConsistency } from './admission.js';
import type { ClusterView } from './cluster-view.js';
import { CurrentUsers } from './current-users.js';
import type { DeferredOps, Prefetch } from './deferred-ops.js';
import { digestOf } from './digest.js';
import { ForwardedCommands } from './forwarded-commands.js';
import { Forwarder } from './forwarder.js';
import type { GroupDriver } from './group-driver.js';
import { Holds } from './hold.js';
import { countKeysInSlot, keyspaceInfo } from './keyspace-info.js';
import type { LogClock } from './log-clock.js';
import { answerLost, unloggedReply } from './lost-operations.js';
import { type Execute, OperationQueue } from './operation-queue.js';
import { raftInfo } from './raft-info.js';
import { ReadRounds } from './read-rounds.js';
import { SettingChanges } from './setting-changes.js';
import { noSnapshots, type Snapshotter } from './snapshotter.js';
import { TurnReads } from './turn-reads.js';
import { TurnTime } from './turn-time.js';

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
  private readonly turnReads: TurnReads;
  machine: StateMachine;
  loading = true;
  /** Called with the slot of each key that a read here used. */
  onTouch: ((slot: number) => void) | null = null;
  /** Payload stamps at or below this were proposed here in this term. */
  lastProposedStampMs = 0;
  private driver: GroupDriver | null = null;
  private readonly rounds: ReadRounds;
  private readonly users = new CurrentUsers();
  private flushScheduled = false;
  readonly holds = new Holds({
    isIdle: () => this.queue.isEmpty && this.settingChanges.isIdle,
    onRelease: () => this.changed(),
  });
  applyingOrigin: Origin | null = null;
  meter: ExecutionMeter | null = null;
  snapshots: Snapshotter | null = null;
  private listener: KeyListener | null = null;
  private readonly admission: Admission;
  readonly forwarder: Forwarder;
  readonly forwarded: ForwardedCommands;
  private readonly settingChanges = new SettingChanges();
  private readonly watchers: (() => void)[] = [];
  private readonly time: TurnTime;
  private readonly flushNow = () => this.flush();

  constructor(
    machine: StateMachine,
    private readonly options: ReplicatedGroupOptions,
  ) {
    this.machine = machine;
    const execute: Execute = (ops, at, args) => this.execute(ops, at, args);
    const prefetch: Prefetch = (keys, database) => this.machine.keyspace.prefetch(keys, database);
    this.queue = new OperationQueue(new BatchWriter(), execute, prefetch);
    this.turnReads = new TurnReads(execute, prefetch);
    const { clock, settings, sendApplication: send } = options;
    this.time = new TurnTime(clock, options.logClock);
    const usersMark = () => this.users.mark;
    this.settingChanges.onChange(() => this.users.look(this.machine));
    this.admission = new Admission({
      ...options,
      isHeld: () => this.holds.isActive,
      core: () => this.driver?.core ?? null,
      machine: () => this.machine,
      isLoading: () => this.loading,
      forwards: () => this.forwards(),
      usersKnown: () => this.users.known,
    });
    this.rounds = new ReadRounds({
      queue: this.queue,
      requestRead: (token) => this.driver!.act((core) => core.requestRead(token)),
      appliedIndex: () => this.machine.appliedIndex,
      isLeader: () => this.isLeader,
      retryLater: () => clock.nextTurn(() => this.scheduleFlush()),
    });
    this.forwarder = new Forwarder({
      send,
      usersMark,
      clock,
      timeoutMs: forwardTimeoutElections * settings.number('election-timeout-ms'),
      onIdle: () => this.changed(),
    });
    const appliedIndex = () => this.machine.appliedIndex;
    // A new leader is ready soon: its own clients wait too.
    const isHeld = () => this.holds.isActive || (this.isLeader && !this.users.known);
    const forwarding = { group: this, clock, appliedIndex, usersMark, isHeld, send };
    this.forwarded = new ForwardedCommands(forwarding);
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

  listen(listener: KeyListener | null): void {
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
    this.forwarded.goOn();
    for (const run of this.watchers) run();
  }

  write(origin: Origin, spec: KeyspaceSpec, args: Args): Refusal | null {
    this.turnReads.run();
    const refusal = this.admission.write(spec, args);
    if (refusal === 'not-leader' && this.forwards(origin)) return this.forward(origin, spec, args);
    if (refusal !== null) return refusal;
    if (this.forwarder.owes(origin)) return 'after-pending';
    this.queue.pushWrite(origin, spec, args);
    if (this.queue.batchIsFull) this.proposeBatch();
    return this.scheduleFlush();
  }

  read(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): Refusal | null {
    const refusal = this.admission.read(origin);
    if (refusal === 'not-leader' && this.forwards(origin)) {
      if (spec.kind !== 'session-read') return this.forward(origin, spec, args);
    } else if (refusal !== null) return refusal;
    if (this.forwarder.owes(origin)) {
      // A reply of the leader could overtake what is told about a key at this node.
      const atThisNode = spec.kind === 'session-read' || origin.tracker !== null;
      if (atThisNode || this.isLeader) return 'after-pending';
      return this.forward(origin, spec, args);
    }
    const appliedEnough = origin.seenIndex <= this.machine.appliedIndex;
    const atOnce = appliedEnough && this.admission.needsNoRound(origin);
    // What a tracker notes goes by the order in which operations are handed over.
    if (atOnce && spec.kind === 'read' && origin.tracker === null) {
      if (this.turnReads.push(origin, spec, args)) return this.scheduleFlush();
    } else this.turnReads.run();
    if (atOnce && origin.pending === 0) {
      this.runRead(origin, spec, args);
      origin.answered();
      return null;
    }
    if (this.queue.isFull) return 'overloaded';
    this.rounds.need(origin.seenIndex);
    this.queue.pushRead(origin, spec, args, this.admission.readsLocally(origin));
    return this.scheduleFlush();
  }

  private forward(origin: Origin, spec: KeyspaceSpec, args: Args): Refusal | null {
    this.turnReads.run();
    const refusal = this.forwarder.submit(this.driver!.core.leader!, origin, spec, args);
    this.scheduleFlush();
    return refusal;
  }

  defer(origin: Origin, bytes: Uint8Array): void {
    this.turnReads.run();
    if (this.forwarder.owes(origin)) return this.forwarder.defer(origin, bytes);
    if (origin.pending === 0) origin.reply.raw(bytes);
    else this.queue.pushReply(origin, bytes);
    this.scheduleFlush();
  }

  /** Reads and deferred replies of a turn get one round; writes become one entry at a time. */
  private flush(): void {
    this.flushScheduled = false;
    this.turnReads.run();
    if (this.queue.wantsToPropose) this.proposeBatch();
    if (this.queue.hasReadsToConfirm) this.rounds.request();
    this.forwarder.flush();
  }

  private scheduleFlush(): null {
    if (this.flushScheduled) return null;
    this.flushScheduled = true;
    this.options.clock.endOfTurn(this.flushNow);
    return null;
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

  writeRefusal(spec: SpecBase, args: Args, origin?: Origin): Refusal | null {
    const refusal = this.admission.write(spec, args);
    return refusal === 'not-leader' && this.forwards(origin) ? null : refusal;
  }

  /** Whether what needs the leader goes there through this node. */
  private forwards(origin?: Origin): boolean {
    const always = this.options.settings.get('follower-writes') === 'forward';
    return always || origin?.leadsOn?.() === true;
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
    const { machine, options } = this;
    const now = Math.max(machine.nowMs, this.time.now());
    const counts = origin.noTouch !== true || spec.name === 'touch';
    const context = machine.readContext(now, options.randomU32, counts, origin.database);
    if (spec.kind === 'session-read') spec.run(origin, context, args, origin.reply);
    else {
      assert(spec.kind === 'read', `${spec.name} is no read`);
      spec.read(context, args, origin.reply);
      origin.tracker?.read(spec, args);
    }
    machine.keyspace.settled();
    this.meter?.end(origin, spec, args, begun);
  }

  applyEntry(entry: Entry): number {
    if (entry.kind !== 'command') {
      this.machine.skipEntry(entry.index);
      return 0;
    }
    const { machine } = this;
    const batch = this.queue.takeBatch(entry.index, entry.term);
    const besideBefore = machine.workBeside;
    const commands = machine.beginEntry(entry.index, entry.data);
    if (batch !== null) this.queue.walk(batch, (origin) => this.applyFor(origin));
    else for (let at = 0; at < commands; at++) machine.applyNext(nullSink);
    machine.endEntry();
    this.settingChanges.look(machine);
    return commands + machine.workBeside - besideBefore;
  }

  private applyFor(origin: Origin): void {
    const { machine, meter } = this;
    this.applyingOrigin = origin;
    const spec = machine.nextCommand();
    const begun = meter === null ? 0 : meter.begin(spec, machine.commandArgs);
    machine.apply(spec, origin.reply, origin.tracker);
    meter?.end(origin, spec, machine.commandArgs, begun);
    this.applyingOrigin = null;
  }

  readReady(read: ReadReady): void {
    this.rounds.ready(read);
  }

  /** What gathered meanwhile goes to the disks before this is applied. */
  committedThrough(index: LogIndex): void {
    this.queue.committedThrough(index);
    if (this.queue.formingCommands > 0) this.scheduleFlush();
  }

  appliedThrough(index: LogIndex): void {
    this.settingChanges.appliedThrough(index);
    this.rounds.appliedThrough(index);
    if (this.queue.formingCommands > 0) this.scheduleFlush();
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

  readonly digest = () => digestOf(this.machine, this.options.clock);
  readonly snapshotInfo = () => this.snapshots?.info() ?? noSnapshots;
  readonly keyspaceInfo = () => keyspaceInfo(this.machine);
  readonly forgetHits = () => this.machine.forgetHits();
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
    if (this.queue.formingCommands > 0) this.proposeBatch();
    this.scheduleFlush();
    const stamp = this.stamp();
    const data = encodeSettings(stamp, this.options.randomU32(), pairs);
    return this.settingChanges.wait(this.propose(data, stamp));
  }

  private failAll(): void {
    this.turnReads.run();
    this.rounds.clear();
    this.settingChanges.failAll();
    this.queue.failAll(answerLost);
  }
}
