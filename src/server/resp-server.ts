/**
 * Listens for Redis clients. Owns the connections, wakes those that wait, and writes what they
 * are owed at the end of each turn.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';
import type { Args } from '../resp/args.js';
import type { ParserLimits } from '../resp/request-parser.js';
import { keyspaceSpecs } from '../statemachine/keyspace-commands.js';
import { CommandTable } from './command-table.js';
import { clientCommands } from './commands/client.js';
import { clusterCommands } from './commands/cluster.js';
import { commandCommands } from './commands/command.js';
import { connectionCommands } from './commands/connection.js';
import { infoCommands } from './commands/info.js';
import { sentinelCommands } from './commands/sentinel.js';
import { serverCommands } from './commands/server.js';
import { transactionCommands } from './commands/transactions.js';
import { Connection, type ConnectionHost, type Stall } from './connection.js';
import { Dispatcher } from './dispatcher.js';
import type { Group } from './group.js';
import type { ServerContext } from './server-context.js';
import type { SettingsAccess } from './settings-access.js';
import { ServerStats } from './stats.js';

export interface RespServerOptions {
  readonly host: string;
  readonly port: number;
  readonly nodeId: string;
  readonly group: Group;
  readonly settings: SettingsAccess;
  readonly clock: Clock;
  /** A client sent SHUTDOWN. */
  readonly onShutdown: () => void;
}

/** How often waiting connections are looked at although nothing changed. */
const parkedLookMs = 100;

export class RespServer implements ConnectionHost {
  readonly stats = new ServerStats();
  readonly connections = new Map<number, Connection>();
  private readonly server: Server;
  private readonly dispatcher: Dispatcher;
  private readonly parked = new Set<Connection>();
  private dirtyList: Connection[] = [];
  private flushScheduled = false;
  private nextId = 1;
  private stopping = false;
  private stopLooking: () => void = () => {};
  private readonly flushNow = () => this.flush();

  constructor(private readonly options: RespServerOptions) {
    const { group, settings, clock } = options;
    const table: CommandTable = new CommandTable([
      ...keyspaceSpecs,
      ...this.localCommands(() => table),
    ]);
    this.dispatcher = new Dispatcher({
      table,
      group,
      clock,
      stats: this.stats,
      passwordRequired: () => this.setting('requirepass') !== '',
      waitMs: () => 2 * Number(this.setting('election-timeout-ms')) + 1000,
      park: (connection) => this.parked.add(connection),
      queryBytesMax: () => Number(settings.redisValue('client-query-buffer-limit')),
    });
    group.onChange(() => clock.endOfTurn(() => this.wakeParked()));
    this.server = createServer({ noDelay: true }, (socket) => this.accept(socket));
  }

  get port(): number {
    const address = this.server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  async start(): Promise<void> {
    const { host, port, clock } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, resolve);
    });
    this.stopLooking = clock.every(parkedLookMs, () => this.lookAround());
  }

  /** Takes no more commands, answers what is pending for a bounded time, then closes. */
  async stop(drainMs: number): Promise<void> {
    this.stopping = true;
    this.stopLooking();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
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
    this.options.clock.endOfTurn(this.flushNow);
  }

  parserLimits(connection: Connection): ParserLimits {
    return {
      bulkBytesMax: Number(this.setting('proto-max-bulk-len')),
      queryBytesMax: Number(this.setting('client-query-buffer-limit')),
      authenticated: connection.session.authenticated || this.setting('requirepass') === '',
    };
  }

  outputBytesHardMax(): number {
    const [, hard] = /normal (\d+)/.exec(this.setting('client-output-buffer-limit')) ?? [];
    return Number(hard ?? 0) || limits.connectionOutputHardMax;
  }

  closed(connection: Connection): void {
    this.connections.delete(connection.id);
    this.parked.delete(connection);
  }

  private localCommands(table: () => CommandTable) {
    const { options, stats } = this;
    const context: ServerContext = {
      ...options,
      stats,
      table,
      connections: this.connections,
      port: () => this.port,
      carryOut: (connection, spec, args) => this.dispatcher.carryOut(connection, spec, args),
    };
    return [
      ...connectionCommands(context),
      ...clientCommands(context),
      ...commandCommands(context),
      ...infoCommands(context),
      ...serverCommands(context),
      ...clusterCommands(context),
      ...sentinelCommands(context),
      ...transactionCommands(context),
    ];
  }

  private accept(socket: Socket): void {
    const most = Number(this.setting('maxclients'));
    if (this.stopping || this.connections.size >= most) {
      this.stats.rejectedConnections++;
      socket.on('error', () => {});
      socket.end('-ERR max number of clients reached\r\n');
      return;
    }
    const keepAliveMs = Number(this.setting('tcp-keepalive')) * 1000;
    if (keepAliveMs > 0) socket.setKeepAlive(true, keepAliveMs);
    this.stats.connections++;
    const id = this.nextId++;
    const connection = new Connection(id, socket, this, this.setting('requirepass') === '');
    this.connections.set(id, connection);
  }

  private flush(): void {
    this.flushScheduled = false;
    const due = this.dirtyList;
    this.dirtyList = [];
    for (const connection of due) connection.flush();
  }

  private wakeParked(): void {
    const waiting = [...this.parked];
    this.parked.clear();
    for (const connection of waiting) connection.resume();
  }

  private lookAround(): void {
    this.wakeParked();
    const idleMs = Number(this.setting('timeout')) * 1000;
    if (idleMs === 0) return;
    const now = Date.now();
    for (const connection of [...this.connections.values()]) {
      if (connection.pending === 0 && now - connection.lastActiveMs > idleMs) connection.close();
    }
  }

  private closeAll(): void {
    for (const connection of [...this.connections.values()]) connection.close();
  }

  private setting(name: string): string {
    return this.options.settings.redisValue(name) ?? '';
  }
}
