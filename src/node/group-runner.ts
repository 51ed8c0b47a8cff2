/**
 * Everything that belongs to one Raft group in this process: core, driver, the group as clients
 * see it, snapshots, intake of members, pulses. Created when the node has a log to run,
 * be it empty.
 */
import { ApplicationKind } from '../codec/application.js';
import type { ByteReader } from '../codec/byte-cursor.js';
import { TgError } from '../errors.js';
import { limits } from '../limits.js';
import type { Clock, LogStore, SnapshotStore, Transport } from '../ports.js';
import type { LogWrite, ReadReady, RoleChange } from '../raft/effects.js';
import type { Message } from '../raft/messages.js';
import { RaftCore } from '../raft/raft.js';
import type {
  Configuration,
  Entry,
  GroupId,
  LogIndex,
  NodeId,
  SnapshotMeta,
  Term,
} from '../raft/types.js';
import { StateMachineRestorer } from '../statemachine/state-machine.js';
import { Arrivals } from './arrivals.js';
import { type DriverListener, GroupDriver } from './group-driver.js';
import type { Intake } from './intake.js';
import type { LogClock } from './log-clock.js';
import { Pulse, staleMs } from './pulse.js';
import { finishRestore, type Recovered } from './recovery.js';
import type { ReplicatedGroup } from './replicated-group.js';
import { Snapshotter } from './snapshotter.js';
import { Touches } from './touches.js';

export interface GroupRunnerOptions {
  readonly id: NodeId;
  readonly incarnation: string;
  readonly group: GroupId;
  readonly recovered: Recovered;
  readonly clients: ReplicatedGroup;
  readonly logStore: LogStore;
  readonly snapshotStore: SnapshotStore;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logClock: LogClock;
  readonly intake: Intake;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly random: (bound: number) => number;
  /** What the first leader of a new cluster writes into the log. */
  readonly firstSettings: () => readonly (readonly [string, string])[];
  /** This node promised to stand by its leader (lease-promise.ts). */
  readonly standsByLeader: () => boolean;
  readonly snapshotThresholdBytes: () => number;
  readonly onConfiguration: (configuration: Configuration, index: LogIndex) => void;
  readonly onRole: (change: RoleChange) => void;
  readonly onError: (what: string, error: unknown) => void;
  readonly onFatal: (error: TgError) => void;
}

/** Ticks between two looks at nodes that come in and learners that catch up. */
const intakeTicks = 10;

export class GroupRunner implements DriverListener {
  readonly driver: GroupDriver;
  readonly snapshotter: Snapshotter;
  private readonly pulse: Pulse;
  private readonly touches: Touches;
  private readonly arrivals = new Arrivals();
  /** Entries up to here come from this node's own disk. */
  private readonly replayThrough: LogIndex;
  private readonly loadedThrough: LogIndex;
  private ticks = 0;
  private settingsProposed = false;

  constructor(private readonly options: GroupRunnerOptions) {
    const { recovered, clients, clock } = options;
    const { log } = recovered;
    const core = new RaftCore(raftConfig(options), log);
    this.replayThrough = log.beforeIndex + log.entries.length;
    this.loadedThrough = Math.min(log.hardState.commit, this.replayThrough);
    this.driver = new GroupDriver({
      core,
      logStore: options.logStore,
      transport: options.transport,
      clock,
      listener: this,
      configuration: log.snapshot?.configuration ?? emptyConfiguration,
      onFatal: options.onFatal,
    });
    this.snapshotter = new Snapshotter({
      group: options.group,
      driver: this.driver,
      logStore: options.logStore,
      snapshotStore: options.snapshotStore,
      transport: options.transport,
      clock,
      openView: () => clients.machine.openSnapshot(),
      stateBytes: () => clients.machine.keyspace.usedBytes,
      thresholdBytes: options.snapshotThresholdBytes,
      onError: options.onError,
    });
    const randomU32 = () => options.random(2 ** 32);
    this.pulse = new Pulse(clients, () => options.logClock.now(), randomU32);
    this.touches = new Touches({
      group: clients,
      randomU32,
      sendToLeader: (payload) => {
        const { leader } = this.driver.core;
        if (leader !== null) options.transport.sendApplication(leader, options.group, payload);
      },
    });
    clients.snapshots = this.snapshotter;
    clients.onTouch = this.touches.note;
    clients.replaceMachine(recovered.machine);
    options.logClock.replayed(recovered.machine.nowMs);
    clients.attach(this.driver);
    this.updateLoading();
    // Some may have been there before the log was read.
    this.peerUp();
    this.driver.schedule();
  }

  tick(): void {
    this.driver.tick();
    this.pulse.tick();
    this.options.clients.tick();
    this.writeFirstSettings();
    this.ticks++;
    if (this.ticks % intakeTicks === 0) this.takeIn();
    this.touches.tick();
  }

  step(from: NodeId, messages: readonly Message[]): void {
    this.driver.step(this.options.intake.believed(this.driver.core.configuration, from, messages));
  }

  /** Bytes of the layer above Raft. */
  application(from: NodeId, kind: number, reader: ByteReader): void {
    if (kind === ApplicationKind.touches) this.touches.received(reader);
    else if (kind === ApplicationKind.forward)
      this.options.clients.forwarded.received(from, reader);
    else if (kind === ApplicationKind.forwardReply)
      this.options.clients.forwarder.onReply(from, reader);
    else throw new TgError('PROTOCOL', `an application message of kind ${kind}`);
  }

  peerUp(): void {
    if (!this.options.standsByLeader()) this.driver.act((core) => core.campaignSoon());
  }

  peerDown(peer: NodeId): void {
    this.options.clients.peerDown(peer);
    this.driver.act((core) => {
      core.unreachable(peer);
      // An early election would break a lease that the old leader still counts on.
      if (!this.options.standsByLeader()) core.peerConnectionLost(peer);
    });
  }

  /** A snapshot of the leader comes in: to disk and into a machine built aside. */
  async receiveSnapshot(
    from: NodeId,
    term: Term,
    meta: SnapshotMeta,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const writer = await this.options.snapshotStore.stage(meta);
    const restorer = new StateMachineRestorer();
    try {
      for await (const chunk of chunks) {
        restorer.chunk(chunk);
        await writer.write(chunk);
      }
      const machine = finishRestore(restorer, meta);
      await writer.commit();
      await this.driver.install(from, term, meta, () => {
        this.arrivals.clear();
        this.options.clients.replaceMachine(machine);
      });
    } catch (error) {
      // What came in may be refused and asked for again; a disk that fails ends the service.
      const diskFailed = error instanceof TgError && error.code === 'STORAGE_FAILED';
      if (diskFailed) this.driver.fail(error);
      else await writer.abort();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.snapshotter.stop(), this.driver.stop()]);
  }

  // DriverListener

  logWrite(write: LogWrite): void {
    this.arrivals.came(write, this.options.clock.monotonicMs());
  }

  committedThrough(index: LogIndex): void {
    this.options.clients.committedThrough(index);
  }

  applyEntry(entry: Entry): number {
    const work = this.options.clients.applyEntry(entry);
    this.hearTime(entry);
    this.snapshotter.applied(entry.index, entry.data.length + limits.entryOverheadBytes);
    return work;
  }

  private hearTime(entry: Entry): void {
    const { clients, logClock } = this.options;
    const { nowMs, keyspace } = clients.machine;
    const cameMs = this.arrivals.take(entry.index);
    if (entry.index <= this.replayThrough) logClock.replayed(nowMs, undefined, cameMs);
    else if (clients.settingsKnown !== 'current') {
      // What was committed before this node came; pulses keep it young while there are deadlines.
      logClock.replayed(nowMs, keyspace.nextDueMs() === 0 ? undefined : 2 * staleMs, cameMs);
    } else if (entry.kind === 'command') {
      if (clients.isLeader) logClock.led(nowMs, cameMs);
      else logClock.observed(nowMs, cameMs);
    }
  }

  readReady(read: ReadReady): void {
    this.options.clients.readReady(read);
  }

  roleChanged(change: RoleChange): void {
    this.options.clients.roleChanged(change);
    this.options.onRole(change);
  }

  appliedThrough(index: LogIndex): void {
    this.options.clients.appliedThrough(index);
    this.updateLoading();
  }

  sendSnapshot(to: NodeId): void {
    this.snapshotter.send(to);
  }

  configurationApplied(configuration: Configuration, index: LogIndex): void {
    this.options.onConfiguration(configuration, index);
  }

  private writeFirstSettings(): void {
    const { clients } = this.options;
    const { core } = this.driver;
    if (this.settingsProposed || core.role !== 'leader' || !core.readyToServe) return;
    if (clients.machine.settingsInitialised) return;
    this.settingsProposed = true;
    void clients.changeSettings(this.options.firstSettings()).then((refusal) => {
      if (refusal !== null) this.settingsProposed = false;
    });
  }

  private updateLoading(): void {
    const { clients } = this.options;
    if (!clients.loading || this.driver.core.lastApplied < this.loadedThrough) return;
    clients.loading = false;
    clients.changed();
  }

  private takeIn(): void {
    const { core } = this.driver;
    if (core.role !== 'leader') return;
    const change = this.options.intake.look(core, this.ticks);
    if (change !== null) this.driver.act(() => core.changeConfiguration(change));
  }
}

const emptyConfiguration: Configuration = { voters: [], outgoing: [], learners: [], members: [] };

function raftConfig(options: GroupRunnerOptions) {
  const { id, incarnation, group, electionTicks, heartbeatTicks, random } = options;
  return {
    id,
    incarnation,
    group,
    leases: options.standsByLeader(),
    electionTicks,
    heartbeatTicks,
    random,
    appendBytesMax: limits.appendBytesMax,
    inflightBytesMax: limits.inflightBytesMax,
    inflightAppendsMax: limits.inflightAppendsMax,
    uncommittedBytesMax: limits.uncommittedBytesMax,
    committedBytesMax: limits.committedBytesMax,
    logWindowBytesMax: limits.logWindowBytesMax,
    logWritesMax: limits.logWritesMax,
    readTokensMax: limits.readTokensMax,
  };
}
