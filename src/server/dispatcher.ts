/**
 * Takes one command of a connection through the gates and to whoever carries it out. Returns a
 * stall when it cannot go on now; the same command is then dispatched again later. Replies keep
 * their order: what is answered here while commands are pending is deferred behind them.
 */
import type { Clock } from '../ports.js';
import type { Args } from '../resp/args.js';
import type { Acl } from './acl/acl.js';
import type { ClientPause } from './client-pause.js';
import type { AnySpec, CommandTable } from './command-table.js';
import type { Connection, Stall } from './connection.js';
import { hasLongKey, keyTooLong, refusalText, resolve, unknownCommand } from './gates.js';
import type { Group, Refusal } from './group.js';
import type { LiveSettings } from './live-settings.js';
import type { LocalSpec, Outcome } from './local-spec.js';
import { beforeMoving } from './maintenance.js';
import type { Monitors } from './monitors.js';
import type { UsageMeter } from './usage.js';

export interface DispatcherOptions {
  readonly table: CommandTable;
  readonly group: Group;
  readonly clock: Clock;
  readonly live: LiveSettings;
  readonly acl: Acl;
  readonly usage: UsageMeter;
  readonly monitors: Monitors;
  readonly pause: ClientPause;
  /** A connection waits: try again when something changed or its time is over. */
  readonly park: (connection: Connection) => void;
}

/** Commands that MULTI does not queue. */
const notQueued: ReadonlySet<string> = new Set([
  'exec',
  'discard',
  'multi',
  'watch',
  'quit',
  'reset',
]);
/**
 * EXEC waits for a leader and for room by itself, and commands without keys say at EXEC who leads.
 */
function refusesQueueing(refusal: Refusal, spec: AnySpec): boolean {
  if (refusal === 'not-leader') return spec.keys.first > 0;
  return refusal !== 'no-leader' && refusal !== 'overloaded';
}

/** All that a listening RESP2 client may send: it could not tell other replies from messages. */
const fromSubscriber: ReadonlySet<string> = new Set([
  ...['subscribe', 'unsubscribe', 'psubscribe', 'punsubscribe', 'ssubscribe', 'sunsubscribe'],
  ...['ping', 'quit', 'reset'],
]);

function notFromSubscriber(name: string): string {
  return (
    `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET ` +
    'are allowed in this context'
  );
}

/** What a queued command costs beside its bytes, about. */
const queuedOverheadBytes = 200;

export class Dispatcher {
  constructor(private readonly options: DispatcherOptions) {}

  dispatch(connection: Connection, args: Args): Stall | null {
    if (connection.skips !== null && connection.endSkip() === 'drain') return 'drain';
    const { skips } = connection;
    const stall = this.route(connection, args);
    if (skips === 'next' && (stall === null || stall === 'busy')) connection.skips = 'this';
    // CLIENT CACHING is about the next command, or about the next transaction as a whole.
    const { cachingAsked, session, lastSpec } = connection;
    const asksNow = lastSpec?.name === 'caching';
    if (cachingAsked && stall === null && session.queued === null && !asksNow) {
      connection.cachingAsked = false;
    }
    return stall;
  }

  private route(connection: Connection, args: Args): Stall | null {
    const named = this.options.table.find(args);
    if (named === null) return this.refuse(connection, unknownCommand(args));
    const spec = resolve(named, args);
    if (typeof spec === 'string') return this.refuse(connection, spec, named);
    if (!connection.isAuthenticated && !spec.flags.includes('no_auth')) {
      return this.refuse(connection, 'NOAUTH Authentication required.', spec);
    }
    if (hasLongKey(spec, args)) return this.refuse(connection, keyTooLong, spec);
    if (!connection.session.user.unrestricted) {
      const refusal = this.options.acl.refusal(connection, spec, args);
      if (refusal !== null) return this.refuse(connection, refusal, spec);
    }
    if (
      connection.protocol === 2 &&
      connection.subscriptions.any &&
      !fromSubscriber.has(spec.name)
    ) {
      return this.refuse(connection, notFromSubscriber(spec.name), spec);
    }
    const { maintenance } = connection.session;
    const moving = maintenance === null ? null : beforeMoving(maintenance, spec);
    if (moving !== null) return this.refuse(connection, moving, spec);
    if (this.options.pause.holds(spec, connection.session)) {
      this.options.park(connection);
      return 'wait';
    }
    if (connection.session.queued !== null && !notQueued.has(spec.name)) {
      return this.enqueue(connection, spec, args);
    }
    connection.lastSpec = spec;
    return this.carryOut(connection, spec, args);
  }

  /** Also for the command that the server makes itself: EXEC. */
  carryOut(connection: Connection, spec: AnySpec, args: Args): Stall | null {
    const { group } = this.options;
    if (spec.kind === 'local') return this.runLocal(connection, spec, args);
    if (spec.kind === 'write') {
      const error = spec.check(args);
      if (error !== null) return this.fail(connection, error, spec);
      connection.handing();
      return this.settle(connection, spec, args, group.write(connection, spec, args));
    }
    if (spec.kind === 'session-read') {
      const error = spec.begin?.(connection, args) ?? null;
      if (error !== null) return this.fail(connection, error, spec);
    }
    connection.handing();
    return this.settle(connection, spec, args, group.read(connection, spec, args));
  }

  private settle(
    connection: Connection,
    spec: AnySpec,
    args: Args,
    refusal: Refusal | null,
  ): Stall | null {
    if (refusal === null) {
      connection.parkedUntilMs = 0;
      if (this.options.monitors.any) this.options.monitors.tell(connection, spec, args);
      return null;
    }
    connection.notHanded();
    if (refusal === 'after-pending') return 'drain';
    if (this.mayWait(connection, refusal)) return 'wait';
    connection.parkedUntilMs = 0;
    connection.session.executionRefused();
    this.options.usage.rejected(spec);
    return this.say(connection, refusalText(refusal, this.options.group, spec, args));
  }

  private mayWait(connection: Connection, refusal: Refusal): boolean {
    if (refusal !== 'no-leader' && refusal !== 'overloaded') return false;
    const { clock, live, park } = this.options;
    const now = clock.monotonicMs();
    if (connection.parkedUntilMs === 0) connection.parkedUntilMs = now + live.waitMs;
    if (now >= connection.parkedUntilMs) return false;
    park(connection);
    return true;
  }

  private runLocal(connection: Connection, spec: LocalSpec, args: Args): Stall | null {
    if (connection.pending > 0 && spec.anytime !== true) return 'drain';
    const outcome = this.metered(connection, spec, args);
    connection.said();
    if (outcome === undefined) return null;
    if (typeof outcome === 'string') return outcome;
    outcome
      .catch((error: unknown) => {
        connection.reply.error(`ERR ${error instanceof Error ? error.message : String(error)}`);
      })
      .finally(() => connection.done());
    return 'busy';
  }

  private metered(connection: Connection, spec: LocalSpec, args: Args): Outcome {
    const { usage, monitors } = this.options;
    if (spec.delegates === true) return spec.run(connection, args, connection.speak());
    const begun = usage.begin(spec, args);
    const outcome = spec.run(connection, args, connection.speak());
    usage.end(connection, spec, args, begun);
    if (monitors.any) monitors.tell(connection, spec, args);
    return outcome;
  }

  private enqueue(connection: Connection, spec: AnySpec, args: Args): Stall | null {
    const { session } = connection;
    const { group, live } = this.options;
    if (spec.flags.includes('no_multi')) {
      return this.refuse(connection, 'ERR Command not allowed inside a transaction', spec);
    }
    if (spec.kind !== 'local') {
      const refusal = group.writeRefusal(spec, args, connection);
      if (refusal !== null && refusesQueueing(refusal, spec)) {
        return this.refuse(connection, refusalText(refusal, group, spec, args), spec);
      }
    }
    const bytes = args.end(args.count - 1) - args.start(0) + queuedOverheadBytes;
    if (session.queuedBytes + bytes > live.queryBytesMax) {
      const text = 'ERR the transaction exceeds client-query-buffer-limit';
      return this.refuse(connection, text, spec);
    }
    session.queuedBytes += bytes;
    session.queued!.push({ spec, args: args.clone() });
    connection.speak().simple('QUEUED');
    connection.said();
    return null;
  }

  /** Refused before it could be queued: inside MULTI, EXEC will abort (Redis: flagTransaction). */
  private refuse(connection: Connection, error: string, spec?: AnySpec): null {
    if (spec !== undefined) this.options.usage.rejected(spec);
    if (connection.session.queued !== null) connection.session.dirty = true;
    return this.say(connection, error);
  }

  private fail(connection: Connection, error: string, spec: AnySpec): null {
    this.options.usage.failed(spec);
    return this.say(connection, error);
  }

  private say(connection: Connection, error: string): null {
    connection.speak().error(error);
    connection.said();
    return null;
  }
}
