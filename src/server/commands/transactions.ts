/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH. Commands gather in the session; EXEC becomes one command
 * in one log entry, and watched versions are compared when it is applied.
 */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ReadContext } from '../../statemachine/command-spec.js';
import { execSpec } from '../../statemachine/keyspace-commands.js';
import { watchVersion } from '../../statemachine/transaction.js';
import type { Connection } from '../connection.js';
import type { Origin, SessionReadSpec } from '../group.js';
import { type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';

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
      { ...shared, anytime: true, since: '2.0.0', summary: 'Discards a transaction.' },
      discard,
    ),
    local(
      'unwatch',
      1,
      { ...shared, since: '2.2.0', summary: 'Forgets watched keys.' },
      (connection, _args, reply) => {
        connection.session.transaction.clear();
        reply.ok();
      },
    ),
    watchSpec,
    execLocal(context),
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

/** Reads the versions of keys through the group, so that it sees earlier writes of the connection. */
const watchSpec: SessionReadSpec = {
  kind: 'session-read',
  name: 'watch',
  arity: -2,
  ...shared,
  keys: { first: 1, last: -1, step: 1 },
  since: '2.2.0',
  summary: 'Monitors changes to keys to determine the execution of a transaction.',
  complexity: 'O(1) for every key.',
  syntax: 'key [key ...]',
  run(origin: Origin, context: ReadContext, args: Args, reply: ReplySink): void {
    const { session } = origin as Connection;
    if (session.queued !== null) return reply.error('ERR WATCH inside MULTI is not allowed');
    for (let index = 1; index < args.count; index++) {
      session.transaction.watch(
        new Uint8Array(args.view(index)),
        watchVersion(context, args, index),
      );
    }
    reply.ok();
  },
};

function execLocal(context: ServerContext): LocalSpec {
  const summary = 'Executes all commands in a transaction.';
  const spec = local('exec', 1, { ...shared, since: '1.2.0', summary }, execErrors);
  const dispatch = (connection: Connection, args: Args) => {
    const { session } = connection;
    if (session.queued === null || session.dirty) {
      return context.carryOut(connection, { ...spec, anytime: true }, args);
    }
    session.exec ??= buildExec(connection);
    const stall = context.carryOut(connection, execSpec, session.exec);
    if (stall === null) session.endTransaction();
    return stall;
  };
  return { ...spec, dispatch };
}

function execErrors(connection: Connection, _args: Args, reply: ReplySink): void {
  const { session } = connection;
  if (session.queued === null) return reply.error('ERR EXEC without MULTI');
  session.endTransaction();
  reply.error('EXECABORT Transaction discarded because of previous errors.');
}

/** Local commands are run now; their replies travel as they are. */
function buildExec(connection: Connection): Args {
  const { queued, transaction } = connection.session;
  for (const { spec, args } of queued!) {
    if (spec.kind === 'local') {
      transaction.queueLiteral(connection.capture((sink) => void spec.run(connection, args, sink)));
    } else if (spec.kind !== 'session-read') transaction.queue(spec, args);
  }
  return transaction.build();
}
