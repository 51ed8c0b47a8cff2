/**
 * CLIENT MAINT_NOTIFICATIONS (Redis Enterprise; node-redis, redis-py, go-redis, Lettuce, Jedis):
 * clients that want to know are told where to go before this node can no longer serve them, so
 * that they move without an error. Until they have gone their commands are carried out here, by
 * the leader where needed (Origin.leadsOn), so nothing that is in flight fails.
 *
 * MOVING makes a client connect to the new place, wait for its replies here and then go on there.
 * It is only sent to a client that takes everything along: one that is in a transaction, watches
 * keys, listens to channels or has changed what its handshake set up would lose that without
 * knowing. Those are served here; when the node stops they are closed, which they notice. Clients
 * of a cluster follow MOVED, without an error too.
 */
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import type { ClusterClients } from './cluster-clients.js';
import type { Connection } from './connection.js';
import type { Group, NodeAddress } from './group.js';
import { encodedFor } from './pubsub.js';
import type { Tracking } from './tracking.js';

/** What a client that sent CLIENT MAINT_NOTIFICATIONS ON is told, and how far it has come. */
export interface MaintenanceMode {
  /** `none`: it connects again to where it was configured to. */
  readonly endpoint: 'address' | 'none';
  /** What its handshake set up, and will set up at the next node. */
  readonly setUp: string;
  /** Monotonic ms. */
  readonly onSinceMs: number;
  /** A command came after those of the handshake. */
  used: boolean;
  /** Monotonic ms at which it was told to move; null: it was not. */
  toldAtMs: number | null;
}

export interface MaintenanceOptions {
  readonly group: Group;
  readonly clock: Clock;
  readonly connections: ReadonlyMap<number, Connection>;
  readonly tracking: Tracking;
  readonly clusterClients: ClusterClients;
  /** follower-writes is forward: this node serves its clients whoever leads. */
  readonly forwards: () => boolean;
}

const lookMs = 10;
/** A client that is moving would leave these behind. */
const staysBehind: ReadonlySet<string> = new Set([
  ...['watch', 'monitor', 'subscribe', 'psubscribe', 'ssubscribe'],
]);
const movingText = 'TRYAGAIN the connection is moving to another node: send it there';

/** Each command comes here; the error for one whose effect would be lost by moving; null: none. */
export function beforeMoving(mode: MaintenanceMode, { name }: SpecBase): string | null {
  const told = mode.toldAtMs !== null;
  if (!mode.used) {
    mode.used = true;
    // Who uses it first now may not have heard what it was told before.
    mode.toldAtMs = null;
  }
  return told && staysBehind.has(name) ? movingText : null;
}

export class Maintenance {
  /** Those that must leave, or whose commands are carried out by another node. */
  private readonly leaving = new Set<Connection>();
  private draining = false;
  private led = false;
  private sequence = 0;

  constructor(private readonly options: MaintenanceOptions) {
    options.group.onChange(() => this.leaderChanged());
  }

  turnOn(connection: Connection, endpoint: MaintenanceMode['endpoint']): void {
    const setUp = this.setUpOf(connection);
    const onSinceMs = this.options.clock.monotonicMs();
    connection.session.maintenance = { endpoint, setUp, onSinceMs, used: false, toldAtMs: null };
    if (this.draining) this.leaving.add(connection);
  }

  turnOff(connection: Connection): void {
    connection.session.maintenance = null;
    this.leaving.delete(connection);
  }

  /**
   * A command of this client needs the leader, which is another node: whether it is carried out
   * there.
   */
  leadsOn(connection: Connection): boolean {
    const { maintenance } = connection.session;
    if (maintenance === null || this.options.clusterClients.has(connection)) return false;
    this.leaving.add(connection);
    return true;
  }

  closed(connection: Connection): void {
    this.leaving.delete(connection);
  }

  /** Called now and then. */
  tick(): void {
    if (this.leaving.size === 0) return;
    const { group } = this.options;
    const leader = group.leader();
    for (const connection of this.leaving) {
      const mode = connection.session.maintenance;
      if (mode === null) this.leaving.delete(connection);
      else if (mode.toldAtMs !== null) this.checkTime(connection, mode, mode.toldAtMs);
      else if (group.isLeader) this.leaving.delete(connection);
      else if (leader !== null && this.canMove(connection, mode)) {
        this.tell(connection, mode, leader);
      }
    }
  }

  /** Whether the client can be told to leave, now or soon. */
  canLeave(connection: Connection): boolean {
    const { maintenance } = connection.session;
    // Clients split what they are told at the colon: they cannot read an IPv6 address.
    const isIpv6 = this.options.group.leader()?.host.includes(':') === true;
    return (
      maintenance !== null &&
      !connection.listens &&
      !(isIpv6 && maintenance.endpoint === 'address') &&
      !this.options.clusterClients.has(connection) &&
      maintenance.setUp === this.setUpOf(connection)
    );
  }

  /** The node stops: resolves when all that can leave have left, or their time is over. */
  async drain(): Promise<void> {
    const { clock, group, connections } = this.options;
    this.draining = true;
    for (const connection of connections.values()) {
      if (this.canLeave(connection)) this.leaving.add(connection);
    }
    const begun = clock.monotonicMs();
    let leaderSeenMs = begun;
    while (this.leaving.size > 0 && !group.isLeader) {
      this.tick();
      this.finishStaying();
      const now = clock.monotonicMs();
      if (group.leader() !== null) leaderSeenMs = now;
      const alone = now - leaderSeenMs >= limits.drainLeaderlessMsMax;
      if (alone || now - begun >= limits.drainMovingMsMax) return;
      await new Promise<void>((resolve) => void clock.after(lookMs, resolve));
    }
  }

  /** Those that were to leave and, by what they sent meanwhile, no longer can. */
  private finishStaying(): void {
    for (const connection of this.leaving) {
      const { maintenance } = connection.session;
      if (maintenance?.toldAtMs !== null || this.canLeave(connection)) continue;
      this.leaving.delete(connection);
      connection.finish();
    }
  }

  private leaderChanged(): void {
    const { group, connections, forwards } = this.options;
    if (group.isLeader) this.led = true;
    else if (this.led && group.leader() !== null) {
      this.led = false;
      if (forwards()) return;
      for (const connection of connections.values()) {
        // Who reads stale data can do so here.
        if (!connection.stale && this.canLeave(connection)) this.leaving.add(connection);
      }
      this.tick();
    }
  }

  private canMove(connection: Connection, { used, onSinceMs }: MaintenanceMode): boolean {
    const { queued, watchCount, watchMissing } = connection.session;
    if (queued !== null || watchCount > 0 || watchMissing) return false;
    // node-redis prepares a connection with a client of its own and takes it over when it uses it:
    // before that, who takes it over would not hear us.
    const onMs = this.options.clock.monotonicMs() - onSinceMs;
    return (used || onMs >= limits.movingUnusedMsMax) && this.canLeave(connection);
  }

  private tell(connection: Connection, mode: MaintenanceMode, to: NodeAddress): void {
    mode.toldAtMs = this.options.clock.monotonicMs();
    this.pushMoving(connection, mode, to);
  }

  /** Who did not move in time is told again when it next needs the leader. */
  private checkTime(connection: Connection, mode: MaintenanceMode, toldAtMs: number): void {
    const sinceMs = this.options.clock.monotonicMs() - toldAtMs;
    if (this.draining || sinceMs < limits.movingSeconds * 1000) return;
    mode.toldAtMs = null;
    this.leaving.delete(connection);
  }

  private pushMoving(connection: Connection, mode: MaintenanceMode, to: NodeAddress): void {
    connection.push(
      encodedFor(3, (reply) => {
        reply.push(4);
        reply.text('MOVING');
        reply.integer(this.nextSequence());
        reply.integer(limits.movingSeconds);
        if (mode.endpoint === 'none') reply.nil();
        else reply.text(`${to.host}:${to.port}`);
      }),
    );
    // Nobody tells it any more what becomes of what it has cached through this connection.
    this.options.tracking.tell(connection, null);
  }

  /** Grows, and no other node uses the same: clients take equal numbers for one event. */
  private nextSequence(): number {
    this.sequence = Math.max(this.sequence + 1, this.options.clock.wallMs());
    return this.sequence;
  }

  private setUpOf(connection: Connection): string {
    const { user, readOnly, database } = connection.session;
    const tracks = this.options.tracking.modeOf(connection) !== null;
    return `${database} ${readOnly} ${tracks} ${user.name}`;
  }
}
