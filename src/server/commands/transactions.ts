/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH. Commands gather in the session; EXEC becomes one command
 * in one log entry, and watched versions are compared when it is applied.
 */
import { assert } from '../../errors.js';
import { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ReadContext } from '../../statemachine/command-spec.js';
import { allKeys, used } from '../../statemachine/commands/spec-helpers.js';
import { execSpec } from '../../statemachine/keyspace-commands.js';
import { watchVersion } from '../../statemachine/transaction.js';
import { Connection } from '../connection.js';
import type { Origin, SessionReadSpec } from '../group.js';
import { type LocalSpec, local, type Outcome } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import type { QueuedCommand } from '../session.js';

const noArgs = new Args();
const shared = {
  group: 'transactions',
  acl: ['fast', 'transaction'],
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
} as const;

export function transactionCommands(context: ServerContext): (LocalSpec | SessionReadSpec)[] {
  return [
    local(
      'multi',
      1,
      { ...shared, anytime: true, since: '1.2.0', summary: 'Starts a transaction.' },
      multi,
    ),
    local(
      'discard',
      1,
      // Waits for pending commands: a WATCH among them would be noted after the end.
      { ...shared, since: '2.0.0', summary: 'Discards a transaction.' },
      discard,
    ),
    local(
      'unwatch',
      1,
      { ...shared, since: '2.2.0', summary: 'Forgets about watched keys of a transaction.' },
      (connection, _args, reply) => {
        // Inside MULTI it runs at EXEC, which ends all watches by itself and needs them until then.
        if (connection.session.queued === null) connection.session.unwatch();
        reply.ok();
      },
    ),
    watchSpec(context),
    local(
      'exec',
      1,
      {
        ...shared,
        acl: ['slow', 'transaction'],
        anytime: true,
        delegates: true,
        since: '1.2.0',
        summary: 'Executes all commands in a transaction.',
      },
      (connection, _args, reply) => exec(context, connection, reply),
    ),
  ];
}

function multi(connection: Connection, _args: Args, reply: ReplySink): void {
  const { session } = connection;
  if (session.queued !== null) return reply.error('ERR MULTI calls can not be nested');
  session.queued = [];
  reply.ok();
}

function discard(connection: Connection, _args: Args, reply: ReplySink): void {
  const { session } = connection;
  if (session.queued === null) return reply.error('ERR DISCARD without MULTI');
  session.endTransaction();
  reply.ok();
}

/**
 * Reads the versions of keys through the group, so that it sees earlier writes of the connection.
 * begin() notes the keys in the session; those left over at EXEC could not be watched.
 */
function watchSpec(context: ServerContext): SessionReadSpec {
  return {
    kind: 'session-read',
    name: 'watch',
    arity: -2,
    ...shared,
    keys: used(allKeys, 'RO'),
    since: '2.2.0',
    summary: 'Monitors changes to keys to determine the execution of a transaction.',
    complexity: 'O(1) for every key.',
    syntax: 'key [key ...]',
    begin(origin: Origin, args: Args): string | null {
      if (!(origin instanceof Connection)) return 'ERR WATCH needs a client';
      return origin.session.askWatch(args, context.live.queryBytesMax);
    },
    run: noteVersions,
  };
}

function noteVersions(origin: Origin, context: ReadContext, args: Args, reply: ReplySink): void {
  assert(origin instanceof Connection, 'begin() lets only clients watch');
  for (let index = 1; index < args.count; index++) {
    origin.session.watch(new Uint8Array(args.view(index)), watchVersion(context, args, index));
  }
  reply.ok();
}

function exec(context: ServerContext, connection: Connection, reply: ReplySink): Outcome {
  const { session } = connection;
  if (session.queued === null) {
    context.usage.failed(execSpec);
    return reply.error('ERR EXEC without MULTI');
  }
  if (session.dirty) {
    // A pending WATCH would be noted after the end.
    if (session.watchMissing && connection.pending > 0) return 'drain';
    const text = 'EXECABORT Transaction discarded because of previous errors.';
    return abort(context, connection, reply, text);
  }
  if (session.execution === null) {
    if (connection.pending > 0 && mustDrain(connection, session.queued)) return 'drain';
    if (session.watchMissing) {
      const text = 'EXECABORT Transaction discarded because a key could not be watched.';
      return abort(context, connection, reply, text);
    }
    if (session.watchCount > 0 && session.queued.some(({ spec }) => spec.name === 'select')) {
      session.endTransaction();
      return reply.error(cannotUnselect);
    }
    if (session.watchCount === 0 && session.queued.every(({ spec }) => spec.kind === 'local')) {
      context.monitors.tell(connection, execSpec, noArgs);
      return runHere(context, connection, session.queued, reply);
    }
    session.building();
    session.execution = build(context, connection, session.queued);
    session.executionVersion = context.acl().version;
  }
  const refusal = changedRights(context, connection, session.queued);
  if (refusal !== null) return abort(context, connection, reply, refusal);
  const stall = context.carryOut(connection, execSpec, session.execution);
  if (stall !== null) return stall;
  session.endTransaction();
}

/** Nothing of it is carried out; to MONITOR it is an EXEC all the same. */
function abort(
  context: ServerContext,
  connection: Connection,
  reply: ReplySink,
  error: string,
): void {
  connection.session.executionRefused();
  connection.session.endTransaction();
  context.monitors.tell(connection, execSpec, noArgs);
  context.usage.failed(execSpec);
  reply.error(error);
}

/** EXEC has waited, and users have changed meanwhile: none of it was done, and all is refused. */
function changedRights(
  context: ServerContext,
  connection: Connection,
  queued: readonly QueuedCommand[],
): string | null {
  const { session } = connection;
  const acl = context.acl();
  if (session.executionVersion === acl.version) return null;
  session.executionVersion = acl.version;
  for (const { spec, args } of queued) {
    const refusal = spec.kind === 'local' ? null : acl.execRefusal(connection, spec, args);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** What runs at this node runs before it is known whether the watched keys are as they were. */
const cannotUnselect =
  'EXECABORT Transaction discarded because of SELECT, which a change of a watched key cannot undo.';

/** A WATCH may be among the pending commands, or a local command may depend on them. */
function mustDrain(connection: Connection, queued: readonly QueuedCommand[]): boolean {
  if (connection.session.watchMissing) return true;
  return queued.some(({ spec }) => spec.kind === 'local' && spec.anytime !== true);
}

/** A transaction without any command of the keyspace needs no log and no leader. */
function runHere(
  context: ServerContext,
  connection: Connection,
  queued: readonly QueuedCommand[],
  reply: ReplySink,
): void {
  // In one piece: a message to this very client may not fall into it.
  const replies = connection.capture((sink) => {
    sink.array(queued.length);
    for (const { spec, args } of queued) {
      const refusal = context.acl().execRefusal(connection, spec, args);
      if (refusal !== null) sink.error(refusal);
      else if (spec.kind === 'local') runLocal(context, connection, spec, args, sink);
    }
  });
  reply.raw(replies);
  connection.session.endTransaction();
}

/**
 * Local commands run now; their replies travel with the transaction, and so do refusals: what was
 * allowed when it was queued may be forbidden since, or another user may have come with AUTH.
 */
function build(
  context: ServerContext,
  connection: Connection,
  queued: readonly QueuedCommand[],
): Args {
  const { transaction } = connection.session;
  for (const { spec, args } of queued) {
    const refusal = context.acl().execRefusal(connection, spec, args);
    if (refusal !== null) {
      transaction.queueLiteral(connection.capture((sink) => sink.error(refusal)));
    } else if (spec.kind === 'local') {
      transaction.queueLiteral(
        connection.capture((sink) => runLocal(context, connection, spec, args, sink)),
      );
    } else if (spec.kind !== 'session-read') transaction.queue(spec, args, connection.database);
  }
  return transaction.build();
}

function runLocal(
  { usage }: ServerContext,
  connection: Connection,
  spec: LocalSpec,
  args: Args,
  reply: ReplySink,
): void {
  const begun = usage.begin(spec, args);
  void spec.run(connection, args, reply);
  usage.end(connection, spec, args, begun);
}
