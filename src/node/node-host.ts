/**
 * One node: opens the data directory, brings the state machine back, joins or forms the cluster,
 * serves clients. Nothing here ends the process: a fault
 * that makes it unsafe to go on resolves `failed`, and cmd/ decides.
 */
import { ApplicationKind } from '../codec/application.js';
import { ByteReader } from '../codec/byte-cursor.js';
import { formatHostPort, type NodeConfig } from '../config.js';
import { TgError } from '../errors.js';
import type { Clock, LogStore, PeerHello, SnapshotStore, TransportHandler } from '../ports.js';
import type { RoleChange } from '../raft/effects.js';
import type { Configuration, Entry, GroupId } from '../raft/types.js';
import { StateMachine } from '../statemachine/state-machine.js';
import { DataDirectory } from '../storage/data-directory.js';
import type { ReadConsistency } from './admission.js';
import { Broadcast } from './broadcast.js';
import { ClusterView } from './cluster-view.js';
import { clusterIdOf, Formation, type FormationVerdict } from './formation.js';
import type { GroupDriver } from './group-driver.js';
import { GroupRunner } from './group-runner.js';
import { LeaseGuard } from './lease-guard.js';
import { LogClock } from './log-clock.js';
import {
  type ClientServer,
  type NodeAdapters,
  type NodeHooks,
  realAdapters,
} from './node-adapters.js';
import { Readmission } from './readmission.js';
import { type Recovered, recover } from './recovery.js';
import { ReplicatedGroup } from './replicated-group.js';

/** The only group so far; every key and message carries it. */
const theGroup: GroupId = 1;
const tickMs = 10;
/** How long clients get for what is in flight when the node stops. */
const drainMs = 2000;
/** How long a leader that stops tries to hand over. */
const handOverMs = 1500;

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
  private readonly readmission: Readmission;
  private readonly lease: LeaseGuard;
  private runner: GroupRunner | null = null;
  private logStore: LogStore | null = null;
  private snapshotStore: SnapshotStore | null = null;
  private configuration: Configuration | null = null;
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
    const expected = new Set(initialCluster.map((member) => member.id));
    this.readmission = new Readmission(id, () => directory.identity.clusterId, expected);
    this.lease = new LeaseGuard(
      () => clock.monotonicMs(),
      tickMs,
      settings.number('election-timeout-ms'),
    );
    this.view = new ClusterView(config);
    this.clients = new ReplicatedGroup(new StateMachine(), {
      clock,
      logClock: this.logClock,
      randomU32: () => random(2 ** 32),
      view: this.view,
      settings,
      readConsistency: () => settings.get('read-consistency') as ReadConsistency,
      sendApplication: (to, payload) => this.transport.sendApplication(to, theGroup, payload),
      leaseValid: () => this.runner !== null && this.lease.valid(this.runner.driver.core),
    });
    this.broadcast = new Broadcast({
      peers: () => this.knownPeers().flatMap((peer) => (peer.id === id ? [] : [peer.id])),
      send: (to, payload) => this.transport.sendApplication(to, theGroup, payload),
    });
    this.server = adapters.server(this.clients, this.broadcast);
  }

  /** Null until this node is part of a cluster. */
  get driver(): GroupDriver | null {
    return this.runner?.driver ?? null;
  }

  /** Since the start of this process. */
  get snapshotsTaken(): number {
    return this.runner?.snapshotter.snapshotsTaken ?? 0;
  }

  async start(): Promise<void> {
    const { directory, transport, server, config } = this;
    this.logStore = directory.logStore(theGroup);
    this.snapshotStore = await directory.snapshotStore(theGroup);
    // Clients hear LOADING rather than find nobody.
    await server.start();
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
    transport.setPeers(this.knownPeers());
    this.stopTicking = this.clock.every(tickMs, () => this.tick());
    this.hooks.logger.info(
      {
        client: formatHostPort(config.clientAdvertise),
        peer: formatHostPort(config.peerAdvertise),
      },
      hasMembership ? 'started with the log of this directory' : 'started with an empty directory',
    );
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    await this.handOver();
    await this.server.stop(drainMs);
    this.stopTicking();
    await this.runner?.stop();
    await this.transport.stop();
    await this.directory.close();
  }

  // TransportHandler

  hello(): PeerHello {
    const { config, directory } = this;
    return {
      nodeId: config.id,
      clusterId: directory.identity.clusterId,
      incarnation: directory.identity.incarnation,
      peerAddress: formatHostPort(config.peerAdvertise),
      configuration: this.configuration,
      clientAddress: formatHostPort(config.clientAdvertise),
      httpAddress: config.httpAdvertise === null ? null : formatHostPort(config.httpAdvertise),
      zone: config.zone,
      location: config.location,
    };
  }

  admit(peer: PeerHello): string | null {
    const { clusterId } = this.directory.identity;
    if (peer.nodeId === this.config.id) return `node id ${peer.nodeId} is taken`;
    if (clusterId !== null && peer.clusterId !== null && clusterId !== peer.clusterId) {
      return `this is cluster ${clusterId}, not ${peer.clusterId}`;
    }
    return null;
  }

  onPeerUp(peer: PeerHello): void {
    this.view.peerUp(peer);
    this.readmission.peerUp(peer);
    if (this.runner === null) this.form(this.formation.hear(peer));
    this.clients.changed();
  }

  onPeerDown(peer: string): void {
    this.view.peerDown(peer);
    this.readmission.peerDown(peer);
    this.runner?.peerDown(peer);
  }

  onMessages(from: string, messages: Parameters<TransportHandler['onMessages']>[1]): void {
    this.runner?.step(from, messages);
  }

  onApplication(from: string, _group: GroupId, payload: Uint8Array): void {
    const reader = new ByteReader(payload);
    const kind = reader.u8();
    if (kind === ApplicationKind.publish) this.server.deliver(this.broadcast.decode(reader));
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
  }

  private form(verdict: FormationVerdict): void {
    if (verdict.kind === 'wait') {
      this.hooks.logger.info({ missing: verdict.missing }, 'waiting for the other first members');
      return;
    }
    if (this.forming) return;
    this.forming = true;
    const joined =
      verdict.kind === 'bootstrap'
        ? this.bootstrap(verdict.configuration, verdict.clusterId)
        : this.adopt(verdict.clusterId);
    joined.catch((error: unknown) => this.fail(asFault(error)));
  }

  /** Writes the first configuration, the same on every first member, as the first entry. */
  private async bootstrap(configuration: Configuration, clusterId: string): Promise<void> {
    const entry: Entry = {
      term: 1,
      index: 1,
      kind: 'config',
      data: new Uint8Array(0),
      configuration,
    };
    await this.logStore!.write({
      seq: 0,
      hardState: { term: 1, votedFor: null, commit: 1 },
      truncateFrom: null,
      entries: [entry],
      sync: true,
      afterwards: [],
    });
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
      readmission: this.readmission,
      electionTicks: Math.ceil(settings.number('election-timeout-ms') / tickMs),
      heartbeatTicks: Math.max(1, Math.round(settings.number('heartbeat-interval-ms') / tickMs)),
      random: this.random,
      leasesInUse: () => settings.get('read-consistency') === 'lease',
      snapshotThresholdBytes: () => settings.number('snapshot-threshold-bytes'),
      firstSettings: () => clusterSettings(config),
      onConfiguration: (configuration) => this.configured(configuration),
      onRole: (change) => this.roleChanged(change),
      onError: (what, error) => {
        if (error instanceof TgError) this.fail(error);
        else this.hooks.logger.warn({ error: String(error) }, what);
      },
      onFatal: (error) => this.fail(error),
    });
    this.configured(this.runner.driver.core.configuration);
  }

  private configured(configuration: Configuration): void {
    this.configuration = configuration;
    this.view.configuration = configuration;
    this.transport.setPeers(this.knownPeers());
    this.transport.refreshHello();
  }

  /** Members by the log; the operator's list too, so that a lost member finds its way back. */
  private knownPeers(): { id: string; peerAddress: string }[] {
    const known = new Map(this.config.initialCluster.map((m) => [m.id, m.peerAddress]));
    for (const member of this.configuration?.members ?? []) {
      known.set(member.id, member.peerAddress);
    }
    return [...known].map(([id, peerAddress]) => ({ id, peerAddress }));
  }

  private roleChanged(change: RoleChange): void {
    this.hooks.logger.info({ ...change }, `is ${change.role}`);
  }

  /** SIGTERM: another node leads before this one goes (requirement 59). */
  private async handOver(): Promise<void> {
    const core = this.runner?.driver.core;
    if (core === undefined || core.role !== 'leader') return;
    const heir = core
      .status()
      .peers.filter((peer) => peer.recentlyActive && core.configuration.voters.includes(peer.id))
      .sort((a, b) => b.matchIndex - a.matchIndex)[0];
    if (heir === undefined) return;
    this.runner!.driver.act(() => core.transferLeadership(heir.id));
    const deadline = this.clock.monotonicMs() + handOverMs;
    while (core.role === 'leader' && this.clock.monotonicMs() < deadline) {
      await new Promise<void>((resolve) => {
        this.clock.after(10, resolve);
      });
    }
  }

  private fail(error: TgError): void {
    this.stopTicking();
    this.resolveFailed(error);
  }
}

function asFault(error: unknown): TgError {
  if (error instanceof TgError) return error;
  return new TgError('STORAGE_FAILED', `the cluster could not be formed: ${String(error)}`, {
    cause: error,
  });
}

/** What the first leader of a new cluster writes into the log. */
function clusterSettings({ settings }: NodeConfig): (readonly [string, string])[] {
  return settings
    .list()
    .filter((name) => settings.isClusterWide(name))
    .map((name) => [name, settings.get(name)] as const);
}
