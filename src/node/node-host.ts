/**
 * One node: opens the data directory, brings the state machine back, joins or forms the cluster,
 * serves clients. Nothing here ends the process: a fault that makes it unsafe to go on resolves
 * `failed`, and cmd/ decides.
 */
import { ApplicationKind } from '../codec/application.js';
import { ByteReader } from '../codec/byte-cursor.js';
import { formatHostPort, type NodeConfig } from '../config.js';
import { storageFault, TgError } from '../errors.js';
import type { Clock, LogStore, PeerHello, SnapshotStore, TransportHandler } from '../ports.js';
import type { RoleChange } from '../raft/effects.js';
import type { RaftCore } from '../raft/raft.js';
import type { Configuration, GroupId } from '../raft/types.js';
import { StateMachine } from '../statemachine/state-machine.js';
import { DataDirectory } from '../storage/data-directory.js';
import type { ReadConsistency } from './admission.js';
import { Broadcast } from './broadcast.js';
import { ClusterView } from './cluster-view.js';
import { Exclusion } from './exclusion.js';
import { clusterIdOf, Formation, type FormationVerdict, firstWrite } from './formation.js';
import type { GroupDriver } from './group-driver.js';
import { GroupRunner } from './group-runner.js';
import { handOver } from './hand-over.js';
import { Intake } from './intake.js';
import { LeaseGuard } from './lease-guard.js';
import { LeasePromise } from './lease-promise.js';
import { LogClock } from './log-clock.js';
import { MemberChanges } from './member-changes.js';
import { Neighbourhood } from './neighbourhood.js';
import {
  type ClientServer,
  type NodeAdapters,
  type NodeHooks,
  realAdapters,
} from './node-adapters.js';
import { type Recovered, recover } from './recovery.js';
import { ReplicatedGroup } from './replicated-group.js';
import { tickMs } from './touches.js';
import { until } from './until.js';

/** Every key and message carries it. */
const theGroup: GroupId = 1;
/** How long a leader that stops tries to hand over, with one heir after the other. */
const handOverMs = 1500;
/** How long clients get for what is in flight when the node stops. */
const drainMs = 2000;

export interface RunningNode {
  /** Hands leadership over, answers what is in flight, closes everything. */
  stop(): Promise<void>;
  /** Resolves when the node can no longer serve safely. */
  readonly failed: Promise<TgError>;
}

export async function startNode(config: NodeConfig, hooks: NodeHooks): Promise<RunningNode> {
  const { id, dataDir, settings } = config;
  const durability = settings.get('durability') === 'os' ? 'os' : 'fsync';
  const directory = await DataDirectory.open(dataDir, { nodeId: id, durability });
  const host = new NodeHost(config, hooks, realAdapters(config, hooks, directory));
  try {
    await host.start();
  } catch (error) {
    await host.stop();
    throw error;
  }
  return host;
}

export class NodeHost implements RunningNode, TransportHandler {
  readonly failed: Promise<TgError>;
  private resolveFailed: (error: TgError) => void = () => {};
  private readonly clock: Clock;
  private readonly logClock: LogClock;
  private readonly directory: NodeAdapters['directory'];
  private readonly transport: NodeAdapters['transport'];
  private readonly server: ClientServer;
  private readonly random: (bound: number) => number;
  private readonly clients: ReplicatedGroup;
  private readonly view: ClusterView;
  private readonly broadcast: Broadcast;
  private readonly formation: Formation;
  private readonly intake: Intake;
  private readonly exclusion: Exclusion;
  private readonly neighbourhood: Neighbourhood;
  private readonly lease: LeaseGuard;
  private leasePromise: LeasePromise | null = null;
  private runner: GroupRunner | null = null;
  private logStore: LogStore | null = null;
  private snapshotStore: SnapshotStore | null = null;
  private forming = false;
  private stopTicking: () => void = () => {};
  private stopped = false;

  constructor(
    private readonly config: NodeConfig,
    private readonly hooks: NodeHooks,
    adapters: NodeAdapters,
  ) {
    const { clock, random, directory } = adapters;
    const { id, settings, initialCluster } = config;
    this.clock = clock;
    this.random = random;
    this.directory = directory;
    this.transport = adapters.transport;
    this.logClock = new LogClock(clock);
    this.failed = new Promise((resolve) => {
      this.resolveFailed = resolve;
    });
    const { incarnation } = directory.identity;
    this.formation = new Formation({ id, incarnation }, initialCluster);
    const electionTicks = electionTicksOf(config);
    const clusterId = () => directory.identity.clusterId;
    this.intake = new Intake({ self: id, clusterId, electionTicks });
    this.lease = new LeaseGuard({
      monotonicMs: () => clock.monotonicMs(),
      tickMs,
      electionTimeoutMs: settings.number('election-timeout-ms'),
      promisedMs: (peer) => this.intake.promisedMs(peer),
    });
    this.view = new ClusterView(config);
    this.exclusion = new Exclusion({ id, incarnation }, 2 * electionTicks, () =>
      this.view.connectedPeers(),
    );
    this.neighbourhood = this.makeNeighbourhood();
    this.clients = new ReplicatedGroup(new StateMachine(), {
      clock,
      logClock: this.logClock,
      randomU32: () => random(2 ** 32),
      view: this.view,
      settings,
      readConsistency: settings.watch('read-consistency') as () => ReadConsistency,
      sendApplication: (to, payload) => this.transport.sendApplication(to, theGroup, payload),
      leaseValid: () => this.runner !== null && this.lease.valid(this.runner.driver.core),
    });
    this.broadcast = new Broadcast({
      peers: () => this.neighbourhood.peers().flatMap((peer) => (peer.id === id ? [] : [peer.id])),
      send: (to, payload) => this.transport.sendApplication(to, theGroup, payload),
    });
    const membership = new MemberChanges({
      driver: () => this.driver,
      intake: this.intake,
      view: this.view,
      clients: this.clients.holds,
      clock,
    });
    this.server = adapters.server({ clients: this.clients, broadcast: this.broadcast, membership });
  }

  /** Null until this node is part of a cluster. */
  get driver(): GroupDriver | null {
    return this.runner?.driver ?? null;
  }

  private makeNeighbourhood(): Neighbourhood {
    const { config, directory, clock, hooks, view } = this;
    return new Neighbourhood({
      config,
      identity: () => directory.identity,
      core: () => this.core,
      isAlive: (id) => this.core?.role === 'leader' && view.reachable(this.core).has(id),
      leaseMs: () => this.leasePromise?.ms ?? 0,
      introduce: (address) => this.transport.introduce(address),
      clock,
      logger: hooks.logger,
      onPeers: (peers) => this.transport.setPeers(peers),
    });
  }

  async start(): Promise<void> {
    const { directory, transport, server, config } = this;
    this.logStore = directory.logStore(theGroup);
    this.snapshotStore = await directory.snapshotStore(theGroup);
    // Clients hear LOADING rather than find nobody.
    await server.start();
    await this.bindToLeader();
    const recovered = await recover(this.logStore, this.snapshotStore);
    const hasMembership =
      recovered.log.snapshot !== null || recovered.log.configurations.length > 0;
    if (hasMembership) await this.nameCluster(recovered);
    await transport.start(this);
    if (hasMembership || directory.identity.clusterId !== null) this.run(recovered);
    else {
      this.clients.loading = false;
      // A cluster of one has nobody to wait for.
      this.form(this.formation.verdict());
    }
    this.neighbourhood.start(hasMembership);
    this.stopTicking = this.clock.every(tickMs, () => this.tick());
    this.hooks.logger.info(
      {
        client: formatHostPort(config.clientAdvertise),
        peer: formatHostPort(config.peerAdvertise),
      },
      hasMembership ? 'started with the log of this directory' : 'started with an empty directory',
    );
  }

  /** Before the first vote: what the process before this one promised still holds. */
  private async bindToLeader(): Promise<void> {
    const { directory, clock, config } = this;
    const { settings } = config;
    this.leasePromise = new LeasePromise({
      clock,
      electionTimeoutMs: settings.number('election-timeout-ms'),
      wanted: () => settings.get('read-consistency') === 'lease',
      storedMs: await directory.leasePromiseMs(),
      save: (promisedMs) => directory.promiseLease(promisedMs),
    });
    const { startDelayMs } = this.leasePromise;
    if (startDelayMs > 0) await new Promise<void>((done) => clock.after(startDelayMs, done));
    await this.leasePromise.renew();
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.neighbourhood.stop();
    const { clock, intake, driver } = this;
    if (driver !== null) {
      const reachable = (id: string) => intake.isReachable(driver.core.configuration, id);
      const { holds: clients } = this.clients;
      await handOver({ driver, clients, clock, reachable, withinMs: handOverMs });
    }
    await this.server.stop(drainMs);
    await until(this.clock, drainMs, () => this.clients.forwarded.isIdle);
    this.stopTicking();
    await this.runner?.stop();
    await this.transport.stop();
    await this.directory.close();
  }

  // TransportHandler

  hello(): PeerHello {
    return this.neighbourhood.hello();
  }

  admit(peer: PeerHello): string | null {
    return this.neighbourhood.refusal(peer);
  }

  onPeerUp(peer: PeerHello): void {
    this.view.peerUp(peer);
    this.intake.peerUp(peer);
    this.broadcast.peerUp(peer.nodeId);
    if (this.runner === null) this.form(this.formation.hear(peer));
    else this.runner.peerUp();
    this.clients.changed();
  }

  onPeerDown(peer: string): void {
    this.view.peerDown(peer);
    this.intake.peerDown(peer);
    this.runner?.peerDown(peer);
  }

  onMessages(from: string, messages: Parameters<TransportHandler['onMessages']>[1]): void {
    this.runner?.step(from, messages);
  }

  onApplication(from: string, _group: GroupId, payload: Uint8Array): void {
    const reader = new ByteReader(payload);
    const kind = reader.u8();
    if (kind === ApplicationKind.publish) this.server.deliver(this.broadcast.decode(reader));
    else if (kind === ApplicationKind.clusterClients) this.broadcast.heardClients(reader);
    else this.runner?.application(from, kind, reader);
  }

  async onSnapshot(
    ...[from, , term, meta, chunks]: Parameters<TransportHandler['onSnapshot']>
  ): Promise<void> {
    if (this.runner === null) throw new Error('this node is not part of the cluster yet');
    await this.runner.receiveSnapshot(from, term, meta, chunks);
  }

  private tick(): void {
    this.lease.ticked();
    this.runner?.tick();
    this.renewLeasePromise();
    if (this.core === null || !this.exclusion.tick(this.core)) return;
    this.fail(new TgError('REMOVED', 'this node was removed from the cluster'));
  }

  private form(verdict: FormationVerdict): void {
    if (verdict.kind === 'wait') {
      const { missing } = verdict;
      const what = missing.length > 0 ? 'for the other first members' : 'to be added to a cluster';
      this.hooks.logger.info({ missing }, `waiting ${what}`);
      return;
    }
    if (this.forming) return;
    this.forming = true;
    const joined =
      verdict.kind === 'bootstrap'
        ? this.bootstrap(verdict.configuration, verdict.clusterId)
        : this.adopt(verdict.clusterId);
    joined.catch((error: unknown) => this.fail(storageFault(error, 'the cluster did not form')));
  }

  /** Writes the first configuration, the same on every first member, as the first entry. */
  private async bootstrap(configuration: Configuration, clusterId: string): Promise<void> {
    await this.logStore!.write(firstWrite(configuration));
    await this.adopt(clusterId);
    this.hooks.logger.info({ clusterId, voters: configuration.voters }, 'formed a new cluster');
  }

  private async adopt(clusterId: string): Promise<void> {
    await this.directory.setClusterId(clusterId);
    const recovered = await recover(this.logStore!, this.snapshotStore!);
    if (this.stopped) return;
    this.run(recovered);
    this.transport.refreshHello();
  }

  /** A crash may have come between the first entry and the cluster's name. */
  private async nameCluster(recovered: Recovered): Promise<void> {
    const [first] = recovered.log.configurations;
    if (this.directory.identity.clusterId !== null || first?.configuration == null) return;
    await this.directory.setClusterId(clusterIdOf(first.configuration));
  }

  private run(recovered: Recovered): void {
    const { config, clock } = this;
    const { settings } = config;
    this.clients.loading = true;
    this.runner = new GroupRunner({
      id: config.id,
      incarnation: this.directory.identity.incarnation,
      group: theGroup,
      recovered,
      clients: this.clients,
      logStore: this.logStore!,
      snapshotStore: this.snapshotStore!,
      transport: this.transport,
      clock,
      logClock: this.logClock,
      intake: this.intake,
      electionTicks: electionTicksOf(config),
      heartbeatTicks: Math.max(1, Math.round(settings.number('heartbeat-interval-ms') / tickMs)),
      random: this.random,
      standsByLeader: () => this.leasePromise?.binds ?? false,
      snapshotThresholdBytes: () => settings.number('snapshot-threshold-bytes'),
      firstSettings: () => clusterSettings(config),
      onConfiguration: (configuration, index) => {
        if (this.neighbourhood.committed(configuration, index)) this.configured();
      },
      onRole: (change) => this.roleChanged(change),
      onError: (what, error) => {
        if (error instanceof TgError) this.fail(error);
        else this.hooks.logger.warn({ error: String(error) }, what);
      },
      onFatal: (error) => this.fail(error),
    });
    this.neighbourhood.started(this.runner.driver.core);
    this.configured();
  }

  private configured(): void {
    const { configuration } = this.neighbourhood;
    if (configuration !== null) this.view.configuration = configuration;
    this.transport.refreshHello();
    this.clients.changed();
  }

  private roleChanged(change: RoleChange): void {
    this.hooks.logger.info({ ...change }, `is ${change.role}`);
  }

  /** Says so to all when this node now honours leases (read-consistency may change at any time). */
  private renewLeasePromise(): void {
    this.leasePromise!.renew().then(
      (changed) => {
        if (changed && !this.stopped) this.transport.refreshHello();
      },
      (error: unknown) =>
        this.fail(storageFault(error, 'a promise to leaders could not be stored')),
    );
  }

  private get core(): RaftCore | null {
    return this.runner?.driver.core ?? null;
  }

  private fail(error: TgError): void {
    this.stopTicking();
    this.resolveFailed(error);
  }
}

function electionTicksOf({ settings }: NodeConfig): number {
  return Math.ceil(settings.number('election-timeout-ms') / tickMs);
}

/** What the first leader of a new cluster writes into the log. */
function clusterSettings({ settings }: NodeConfig): (readonly [string, string])[] {
  return settings
    .list()
    .filter((name) => settings.isClusterWide(name))
    .map((name) => [name, settings.get(name)] as const);
}
