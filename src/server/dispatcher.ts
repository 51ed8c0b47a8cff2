/**
 * Takes one command of a connection through the gates and to whoever carries it out. Returns a
 * stall when it cannot go on now; the same command is then dispatched again later. Replies keep
 * their order: what is answered here while commands are pending is deferred behind them.
 */
import type { Clock } from '../ports.js';
import type { Args } from '../resp/args.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import { type AnySpec, arityFits, type CommandTable } from './command-table.js';
import type { Connection, Stall } from './connection.js';
import { slotOf } from './crc16.js';
import type { Group, Refusal } from './group.js';
import type { LocalSpec } from './local-spec.js';
import type { ServerStats } from './stats.js';

export interface DispatcherOptions {
  readonly table: CommandTable;
  readonly group: Group;
  readonly clock: Clock;
  readonly stats: ServerStats;
  readonly passwordRequired: () => boolean;
  /** How long a command waits for a leader or for room before it is refused. */
  readonly waitMs: () => number;
  /** A connection waits: try again when something changed or its time is over. */
  readonly park: (connection: Connection) => void;
  readonly queryBytesMax: () => number;
}

/** Commands that MULTI does not queue. */
const notQueued = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);

export class Dispatcher {
  constructor(private readonly options: DispatcherOptions) {}

  dispatch(connection: Connection, args: Args): Stall | null {
    const found = this.resolve(args);
    if (typeof found === 'string') return this.refuse(connection, found);
    const spec = found;
    const { session } = connection;
    if (!session.authenticated && this.needsAuth(spec)) {
      return this.refuse(connection, 'NOAUTH Authentication required.');
    }
    if (session.queued !== null && !notQueued.has(spec.name)) {
      return this.enqueue(connection, spec, args);
    }
    this.options.stats.commands++;
    connection.lastCommand = spec.name;
    return this.carryOut(connection, spec, args);
  }

  /** The command, or the sub-command, or the error text. */
  private resolve(args: Args): AnySpec | string {
    const spec = this.options.table.find(args);
    if (spec === null) return unknownCommand(args);
    if (!arityFits(spec.arity, args.count)) return wrongArity(spec.name);
    if (spec.kind !== 'local' || spec.subcommands === undefined) return spec;
    // COMMAND stands alone too.
    if (args.count === 1) return spec;
    const sub = spec.subcommands.get(args.text(1).toLowerCase());
    if (sub === undefined) return unknownSubcommand(spec.name, args);
    return arityFits(sub.arity, args.count) ? sub : wrongArity(`${spec.name}|${sub.name}`);
  }

  /** A keyspace command that the server made itself: EXEC. */
  carryOut(connection: Connection, spec: AnySpec, args: Args): Stall | null {
    const { group } = this.options;
    switch (spec.kind) {
      case 'local':
        return this.runLocal(connection, spec, args);
      case 'write': {
        const error = spec.check(args);
        if (error !== null) return this.refuse(connection, error);
        return this.settle(connection, spec, args, group.write(connection, spec, args));
      }
      default:
        return this.settle(connection, spec, args, group.read(connection, spec, args));
    }
  }

  /** Answers with an error; inside MULTI the transaction will not run (Redis: flagTransaction). */
  refuse(connection: Connection, error: string): null {
    if (connection.session.queued !== null) connection.session.dirty = true;
    this.options.stats.errors++;
    connection.speak().error(error);
    this.said(connection);
    return null;
  }

  private settle(
    connection: Connection,
    spec: SpecBase,
    args: Args,
    refusal: Refusal | null,
  ): Stall | null {
    if (refusal === null) {
      connection.parkedUntilMs = 0;
      // A read that ran at once has its reply already.
      if (connection.pending === 0) connection.answered();
      return null;
    }
    if (this.mayWait(connection, refusal)) return 'wait';
    connection.parkedUntilMs = 0;
    return this.refuse(connection, this.refusalText(refusal, spec, args));
  }

  private mayWait(connection: Connection, refusal: Refusal): boolean {
    if (refusal !== 'no-leader' && refusal !== 'overloaded') return false;
    const now = this.options.clock.monotonicMs();
    if (connection.parkedUntilMs === 0) connection.parkedUntilMs = now + this.options.waitMs();
    if (now >= connection.parkedUntilMs) return false;
    this.options.park(connection);
    return true;
  }

  /** The texts of CONTRACT.md: all of them promise that the command did not and will not happen. */
  private refusalText(refusal: Refusal, spec: SpecBase, args: Args): string {
    switch (refusal) {
      case 'not-leader': {
        const leader = this.options.group.leader();
        if (leader === null) return 'CLUSTERDOWN the leader is not known';
        return `MOVED ${slotOfCommand(spec, args)} ${leader.host}:${leader.port}`;
      }
      case 'no-leader':
        return 'CLUSTERDOWN no leader is known; the command was not carried out';
      case 'overloaded':
        return 'TRYAGAIN the node is overloaded or lags behind; the command was not carried out';
      case 'loading':
        return 'LOADING tgcache is loading the dataset in memory';
      case 'out-of-memory':
        return "OOM command not allowed when used memory > 'maxmemory'.";
      case 'too-large':
        return "OOM command is larger than 'maxmemory'.";
    }
  }

  private runLocal(connection: Connection, spec: LocalSpec, args: Args): Stall | null {
    if (spec.dispatch !== undefined) return spec.dispatch(connection, args);
    if (connection.pending > 0 && spec.anytime !== true) return 'drain';
    const done = spec.run(connection, args, connection.speak());
    this.said(connection);
    if (done === undefined) return null;
    done
      .catch((error: unknown) => {
        connection.reply.error(`ERR ${error instanceof Error ? error.message : String(error)}`);
      })
      .finally(() => connection.done());
    return 'busy';
  }

  private enqueue(connection: Connection, spec: AnySpec, args: Args): Stall | null {
    const { session } = connection;
    if (spec.flags.includes('no_multi')) {
      return this.refuse(connection, 'ERR Command not allowed inside a transaction');
    }
    if (spec.kind !== 'local') {
      const refusal = this.options.group.writeRefusal(spec, args);
      const final = refusal !== null && refusal !== 'no-leader' && refusal !== 'overloaded';
      if (final) {
        return this.refuse(connection, this.refusalText(refusal, spec, args));
      }
    }
    const bytes = args.end(args.count - 1) - args.start(0);
    if (session.queuedBytes + bytes > this.options.queryBytesMax()) {
      return this.refuse(
        connection,
        'ERR the transaction is larger than client-query-buffer-limit',
      );
    }
    session.queuedBytes += bytes;
    session.queued!.push({ spec, args: args.clone() });
    connection.speak().simple('QUEUED');
    this.said(connection);
    return null;
  }

  private said(connection: Connection): void {
    connection.said((bytes) => this.options.group.defer(connection, bytes));
  }

  private needsAuth(spec: SpecBase): boolean {
    return this.options.passwordRequired() && !spec.flags.includes('no_auth');
  }
}

function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

/** Redis: names the first arguments, up to 128 bytes of them. */
function unknownCommand(args: Args): string {
  let shown = '';
  for (let index = 1; index < args.count && shown.length < 128; index++) {
    shown += `'${args.text(index).slice(0, 128 - shown.length)}' `;
  }
  const name = args.text(0).slice(0, 128);
  return `ERR unknown command '${name}', with args beginning with: ${shown}`;
}

function unknownSubcommand(name: string, args: Args): string {
  const given = args.text(1).slice(0, 128);
  return `ERR unknown subcommand '${given}'. Try ${name.toUpperCase()} HELP.`;
}

function slotOfCommand(spec: SpecBase, args: Args): number {
  const { first } = spec.keys;
  if (first === 0 || first >= args.count) return 0;
  return slotOf(args.bytes, args.start(first), args.end(first));
}
