/**
 * CLIENT MAINT_NOTIFICATIONS (Redis Enterprise; node-redis, redis-py, go-redis, Lettuce, Jedis):
 * clients that want to know are told where to go before this node can no longer serve them, so
 * that they move without an error. Until they have gone their commands are carried out here, by
 * the leader where needed (Origin.leadsOn), so nothing that is in flight fails.
 *
 * Two pushes. SMIGRATED comes first: clients of a cluster follow it and change their topology,
 * others ignore it. MOVING, for those that are still here, makes a client connect to the new place,
 * wait for its replies here and then go on there. It is only sent to a client that takes
 * everything along: one that is in a transaction, watches keys, listens to channels or has changed
 * what its handshake set up would lose that without knowing. Those are served here; when the node
 * stops they are closed, which they notice.
 */
import { formatHostPort } from '../host-port.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import type { Connection } from './connection.js';
import type { Group, NodeAddress } from './group.js';
import { selfNode } from './node-names.js';
import { encodedFor } from './pubsub.js';
import type { Tracking } from './tracking.js';

/** What a client that sent CLIENT MAINT_NOTIFICATIONS ON is told, and how far it has come. */
export interface MaintenanceMode {
  /** `none`: it connects again to where it was configured to. */
  readonly endpoint: 'address' | 'none';
  /** What its handshake set up, and will set up at the next node. */
  readonly setUp: string;
  stage: 'stays' | 'slots-moved' | 'moving';
  /** Monotonic ms of the last push. */
  pushedAtMs: number;
}

export interface MaintenanceOptions {
  readonly group: Group;
  readonly clock: Clock;
  readonly connections: ReadonlyMap<number, Connection>;
  readonly tracking: Tracking;
  /** follower-writes is forward: this node serves its clients whoever leads. */
  readonly forwards: () => boolean;
}

const lookMs = 10;
const allSlots = '0-16383';
/** A client that is moving would leave these behind. */
const staysBehind: ReadonlySet<string> = new Set([
  ...['watch', 'monitor', 'subscribe', 'psubscribe', 'ssubscribe'],
]);
const movingText = 'TRYAGAIN the connection is moving to another node: send it there';

/** The error for a command whose effect would be lost with the connection; null: none. */
export function movingRefusal({ stage }: MaintenanceMode, { name }: SpecBase): string | null {
  return stage === 'moving' && staysBehind.has(name) ? movingText : null;
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
    connection.session.maintenance = { endpoint, setUp, stage: 'stays', pushedAtMs: 0 };
    if (this.draining) this.leaving.add(connection);
  }

  turnOff(connection: Connection): void {
    connection.session.maintenance = null;
    this.leaving.delete(connection);
  }

  /** A command of this client needs the leader, which is another node. */
  needsLeader(connection: Connection): void {
    this.leaving.add(connection);
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
      else if (mode.stage === 'moving') this.checkTime(connection, mode);
      else if (group.isLeader) this.stay(connection, mode);
      else if (leader !== null) this.tell(connection, mode, leader);
    }
  }

  /** Whether the client can be told to leave, now or soon. */
  canLeave(connection: Connection): boolean {
    const { maintenance, monitors } = connection.session;
    const listens = monitors || connection.subscriptions.any;
    return (
      maintenance !== null &&
      !listens &&
      connection.protocol === 3 &&
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
      const now = clock.monotonicMs();
      if (group.leader() !== null) leaderSeenMs = now;
      const alone = now - leaderSeenMs >= limits.drainLeaderlessMsMax;
      if (alone || now - begun >= limits.drainMovingMsMax) return;
      await new Promise<void>((resolve) => void clock.after(lookMs, resolve));
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

  private tell(connection: Connection, mode: MaintenanceMode, to: NodeAddress): void {
    const sinceMs = this.options.clock.monotonicMs() - mode.pushedAtMs;
    // What clients split at the colon: they have no way to read an IPv6 address.
    if (mode.endpoint === 'address' && to.host.includes(':')) return;
    if (mode.stage === 'stays' && this.canLeave(connection)) {
      if (!connection.stale) this.pushSlots(connection, to);
      this.advance(mode, 'slots-moved');
    } else if (mode.stage === 'slots-moved' && sinceMs >= limits.slotsMovedMs) {
      const { queued, watchCount, watchMissing } = connection.session;
      if (queued !== null || watchCount > 0 || watchMissing || !this.canLeave(connection)) return;
      this.pushMoving(connection, mode, to);
      this.advance(mode, 'moving');
    }
  }

  private advance(mode: MaintenanceMode, stage: MaintenanceMode['stage']): void {
    mode.stage = stage;
    mode.pushedAtMs = this.options.clock.monotonicMs();
  }

  /** Leads again before the client was told to move. */
  private stay(connection: Connection, mode: MaintenanceMode): void {
    mode.stage = 'stays';
    this.leaving.delete(connection);
  }

  /** Who did not move in time is told again when it next needs the leader. */
  private checkTime(connection: Connection, mode: MaintenanceMode): void {
    const sinceMs = this.options.clock.monotonicMs() - mode.pushedAtMs;
    if (!this.draining && sinceMs >= limits.movingSeconds * 1000) this.stay(connection, mode);
  }

  private pushSlots(connection: Connection, to: NodeAddress): void {
    const from = selfNode(this.options.group);
    if (from === null || from.host.includes(':') || to.host.includes(':')) return;
    connection.push(
      encodedFor(3, (reply) => {
        reply.push(3);
        reply.text('SMIGRATED');
        reply.integer(this.nextSequence());
        reply.array(1);
        reply.array(3);
        reply.text(formatHostPort(from));
        reply.text(formatHostPort(to));
        reply.text(allSlots);
      }),
    );
  }

  private pushMoving(connection: Connection, mode: MaintenanceMode, to: NodeAddress): void {
    connection.push(
      encodedFor(3, (reply) => {
        reply.push(4);
        reply.text('MOVING');
        reply.integer(this.nextSequence());
        reply.integer(limits.movingSeconds);
        if (mode.endpoint === 'none') reply.nil();
        else reply.text(formatHostPort(to));
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
    const { user, readOnly } = connection.session;
    const tracks = this.options.tracking.modeOf(connection) !== null;
    return `${readOnly} ${tracks} ${user.name}`;
  }
}
