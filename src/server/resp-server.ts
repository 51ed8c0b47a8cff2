/**
 * Listens for Redis clients. Owns the connections, wakes those that wait, and writes what they
 * are owed at the end of each turn.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../ports.js';
import type { Receive } from '../read-into.js';
import type { Args } from '../resp/args.js';
import { keyspaceSpecs } from '../statemachine/keyspace-commands.js';
import { Acl } from './acl/acl.js';
import { AppliedListeners } from './applied-listeners.js';
import { ClientListener } from './client-listener.js';
import { ClientPause } from './client-pause.js';
import type { ClusterClients } from './cluster-clients.js';
import { CommandTable } from './command-table.js';
import { describeClient } from './commands/client.js';
import { localCommands } from './commands/local-commands.js';
import { Connection, type ConnectionHost, type Stall } from './connection.js';
import { Dispatcher } from './dispatcher.js';
import type { Group } from './group.js';
import { KeyEvents } from './key-events.js';
import { LatencyEvents } from './latency-events.js';
import { LiveSettings } from './live-settings.js';
import { Maintenance } from './maintenance.js';
import type { Membership } from './membership.js';
import { Monitors } from './monitors.js';
import { isLocalAddress, protectedModeText } from './protected-mode.js';
import { type PublishedMessage, PubSub } from './pubsub.js';
import type { ServerContext } from './server-context.js';
import type { SettingsAccess } from './settings-access.js';
import { slowCommands } from './slow-commands.js';
import { SlowLog } from './slow-log.js';
import { ServerStats } from './stats.js';
import { announceLeaders } from './switch-master.js';
import { Tracking } from './tracking.js';
import { UsageMeter } from './usage.js';

export interface RespServerOptions {
  readonly host: string;
  /** 0: any free port; see RespServer.port. */
  readonly port: number;
  readonly nodeId: string;
  readonly group: Group;
  readonly membership: Membership;
  readonly settings: SettingsAccess;
  readonly clock: Clock;
  /** A client sent SHUTDOWN. */
  readonly onShutdown: () => void;
  readonly configFile: string | null;
  /** CONFIG REWRITE: an error text, or null. */
  readonly rewriteConfig: () => string | null;
  /** Carries a published message to the other nodes; may lose it. */
  readonly broadcast: (message: PublishedMessage) => void;
  readonly clusterClients: ClusterClients;
  /**
   * The listening socket failed, e.g. for want of file descriptors; the server goes on. Without
   * it such an error is thrown, as with any emitter.
   */
  readonly onError?: (what: string, error: unknown) => void;
}

/** How often waiting connections are looked at although nothing changed. */
const parkedLookMs = 100;

export class RespServer implements ConnectionHost {
  readonly stats = new ServerStats();
  readonly live: LiveSettings;
  readonly connections = new Map<number, Connection>();
  readonly pubsub: PubSub;
  readonly tracking: Tracking;
  private readonly maintenance: Maintenance;
  readonly acl: Acl;
  private readonly usage: UsageMeter;
  private readonly slowLog = new SlowLog(() => this.live.slowlogMax);
  private readonly latency = new LatencyEvents();
  private readonly monitors: Monitors;
  private readonly pause: ClientPause;
  private readonly listener: ClientListener;
  private readonly dispatcher: Dispatcher;
  private readonly parked = new Set<Connection>();
  private dirtyList: Connection[] = [];
  private flushScheduled = false;
  private wakeScheduled = false;
  private nextId = 1;
  private stopping = false;
  private stopLooking: () => void = () => {};
  private readonly flushNow = () => this.flush();
  private readonly wakeNow = () => this.wakeParked();

  constructor(private readonly options: RespServerOptions) {
    const { group, settings, clock } = options;
    this.live = new LiveSettings(settings);
    this.pubsub = new PubSub(options.broadcast);
    this.monitors = new Monitors(clock);
    this.pause = new ClientPause(clock, () => this.wakeSoon());
    const { slowLog, latency, live, stats } = this;
    this.usage = new UsageMeter(stats, live, slowCommands({ slowLog, latency, live, clock }));
    group.meter = this.usage;
    const listeners = new AppliedListeners(group);
    this.tracking = new Tracking({
      connections: this.connections,
      keysMax: () => this.live.trackedKeysMax,
      applyingOrigin: () => group.applyingOrigin,
      onUse: (inUse) => listeners.use(this.tracking, inUse),
    });
    this.maintenance = this.newMaintenance();
    this.hearKeyEvents(listeners);
    const context: ServerContext = {
      ...options,
      live,
      acl: () => this.acl,
      stats,
      connections: this.connections,
      usage: this.usage,
      slowLog,
      latency,
      monitors: this.monitors,
      pause: this.pause,
      pubsub: this.pubsub,
      tracking: this.tracking,
      maintenance: this.maintenance,
      table: () => table,
      port: () => this.port,
      carryOut: (connection, spec, args) => this.dispatcher.carryOut(connection, spec, args),
    };
    const table: CommandTable = new CommandTable([...keyspaceSpecs, ...localCommands(context)]);
    this.acl = new Acl({
      group,
      clock,
      live,
      connections: this.connections,
      commands: table.all,
      describeClient: (connection) => describeClient(context, connection),
    });
    const park = (connection: Connection) => this.parked.add(connection);
    const { acl, usage, monitors, pause } = this;
    const checks = { acl, usage, monitors, pause };
    this.dispatcher = new Dispatcher({ table, group, clock, live, ...checks, park });
    group.onChange(() => this.wakeSoon());
    announceLeaders(group, this.pubsub);
    this.listener = new ClientListener({
      refusal: (socket) => this.refusal(socket),
      onRefused: () => this.stats.rejectedConnections++,
      onClient: (socket) => this.connected(socket),
    });
  }

  private newMaintenance(): Maintenance {
    const { connections, tracking } = this;
    const { group, clock, clusterClients, settings } = this.options;
    const forwards = () => settings.redisValue('follower-writes') === 'forward';
    return new Maintenance({ group, clock, connections, tracking, clusterClients, forwards });
  }

  /** Notifications of what happens to keys, while notify-keyspace-events asks for them. */
  private hearKeyEvents(listeners: AppliedListeners): void {
    const { live, pubsub } = this;
    const { clock } = this.options;
    const keyEvents = new KeyEvents({ pubsub, clock, flags: () => live.keyEvents });
    live.onRefresh = () => listeners.use(keyEvents, keyEvents.wanted);
    live.onRefresh();
  }

  /** The port listened at; 0 before start(). */
  get port(): number {
    return this.listener.port;
  }

  /** Resolves when clients can connect; rejects with the error of listen(). */
  async start(): Promise<void> {
    const { host, port, clock, onError } = this.options;
    await this.listener.start(host, port);
    if (onError !== undefined) this.listener.onError((error) => onError('client port', error));
    this.stats.watchEventLoop(true);
    this.stopLooking = clock.every(parkedLookMs, () => this.lookAround());
  }

  /**
   * Lets clients move to another node (maintenance.ts). Of the others, and in the end, takes no
   * more commands, answers what is pending for at most `drainMs`, then closes.
   */
  async stop(drainMs: number): Promise<void> {
    this.stopping = true;
    const closed = this.listener.close();
    // What waited for another node to lead is told now that it does.
    this.wakeParked();
    for (const connection of this.connections.values()) {
      if (!this.maintenance.canLeave(connection)) connection.finish();
    }
    await this.maintenance.drain();
    this.stopLooking();
    this.stats.watchEventLoop(false);
    for (const connection of this.connections.values()) connection.finish();
    const cancel = this.options.clock.after(drainMs, () => this.closeAll());
    await closed;
    cancel();
  }

  dispatch(connection: Connection, args: Args): Stall | null {
    return this.dispatcher.dispatch(connection, args);
  }

  dirty(connection: Connection): void {
    if (connection.isDirty) return;
    connection.isDirty = true;
    this.dirtyList.push(connection);
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    this.options.clock.endOfTurn(this.flushNow, 'clients');
  }

  defer(connection: Connection, reply: Uint8Array): void {
    this.options.group.defer(connection, reply);
  }

  leadsOn(connection: Connection): boolean {
    return this.maintenance.leadsOn(connection);
  }

  closed(connection: Connection): void {
    this.maintenance.closed(connection);
    this.connections.delete(connection.id);
    this.parked.delete(connection);
    this.pubsub.forget(connection);
    this.monitors.forget(connection);
    this.tracking.disable(connection);
  }

  private connected(socket: Socket): Receive {
    if (this.live.keepAliveMs > 0) socket.setKeepAlive(true, this.live.keepAliveMs);
    this.stats.connections++;
    const connection = new Connection(this.nextId++, socket, this);
    this.connections.set(connection.id, connection);
    return (bytes) => connection.receive(bytes);
  }

  private refusal({ remoteAddress }: Socket): string | null {
    const full = this.stopping || this.connections.size >= this.live.maxclients;
    if (full) return 'ERR max number of clients reached';
    const isOpen = this.live.protectedMode && this.acl.defaultIsOpen;
    return isOpen && !isLocalAddress(remoteAddress) ? protectedModeText : null;
  }

  private flush(): void {
    this.flushScheduled = false;
    const due = this.dirtyList;
    this.dirtyList = [];
    for (const connection of due) connection.flush();
  }

  private wakeSoon(): void {
    if (this.wakeScheduled || this.parked.size === 0) return;
    this.wakeScheduled = true;
    this.options.clock.endOfTurn(this.wakeNow);
  }

  private wakeParked(): void {
    this.wakeScheduled = false;
    const waiting = [...this.parked];
    this.parked.clear();
    for (const connection of waiting) connection.resume();
  }

  private lookAround(): void {
    this.live.refresh();
    const { usedBytes } = this.options.group.keyspaceInfo();
    this.stats.sample(this.options.clock.monotonicMs(), usedBytes);
    this.wakeParked();
    this.maintenance.tick();
    if (this.live.idleMsMax > 0) this.closeIdle();
    const now = this.options.clock.monotonicMs();
    for (const connection of this.connections.values()) connection.checkSoftLimit(now);
  }

  private closeIdle(): void {
    const before = Date.now() - this.live.idleMsMax;
    for (const connection of [...this.connections.values()]) {
      const waits = connection.pending > 0 || connection.stall !== null || connection.listens;
      if (!waits && connection.lastActiveMs < before) connection.close();
    }
  }

  private closeAll(): void {
    for (const connection of [...this.connections.values()]) connection.close();
  }
}
