/** CLIENT KILL, PAUSE, UNPAUSE, REPLY, UNBLOCK: what one client does to others of its node. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { clientAddress, localAddress } from '../client-address.js';
import type { Connection } from '../connection.js';
import { type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';

const admin = {
  acl: ['admin', 'slow', 'dangerous', 'connection'],
  flags: ['admin', 'noscript', 'loading', 'stale'],
} as const;
const syntaxError = 'ERR syntax error';

/** Sub-commands of CLIENT. */
export function clientControlCommands(context: ServerContext): LocalSpec[] {
  return [
    local(
      'kill',
      -3,
      {
        ...admin,
        since: '2.4.0',
        complexity: 'O(N) with N client connections',
        summary: 'Closes connections.',
        syntax:
          '<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | ' +
          '[USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | ' +
          '[MAXAGE maxage]> [ID client-id ...]>',
      },
      (connection, args, reply) => kill(context, connection, args, reply),
    ),
    local(
      'pause',
      -3,
      {
        ...admin,
        since: '3.0.0',
        summary: 'Lets the commands of all clients of this node wait.',
        syntax: 'timeout [WRITE | ALL]',
      },
      (_connection, args, reply) => pause(context, args, reply),
    ),
    local(
      'unpause',
      2,
      { ...admin, since: '6.2.0', summary: 'Ends CLIENT PAUSE.' },
      (_connection, _args, reply) => {
        context.pause.end();
        reply.ok();
      },
    ),
    local(
      'reply',
      3,
      {
        acl: ['slow', 'connection'],
        // It would take replies out of the middle of a transaction.
        flags: ['noscript', 'loading', 'stale', 'no_multi'],
        since: '3.2.0',
        summary: 'Whether this connection gets replies.',
        syntax: '<ON | OFF | SKIP>',
      },
      setReplies,
    ),
    local(
      'unblock',
      -3,
      {
        ...admin,
        since: '5.0.0',
        summary: 'Ends the wait of a blocked client.',
        syntax: 'client-id [TIMEOUT | ERROR]',
      },
      (_connection, args, reply) => unblock(context, args, reply),
    ),
  ];
}

export type ClientType = 'normal' | 'master' | 'replica' | 'pubsub';

/** In any case; null: there is no such type. */
export function clientType(text: string): ClientType | null {
  const type = text.toLowerCase();
  if (type === 'slave') return 'replica';
  return type === 'normal' || type === 'master' || type === 'replica' || type === 'pubsub'
    ? type
    : null;
}

/** Nodes talk to each other through another port. */
export function isOfType({ subscriptions }: Connection, type: ClientType): boolean {
  return type === (subscriptions.any ? 'pubsub' : 'normal');
}

type Matches = (connection: Connection) => boolean;

function kill(context: ServerContext, own: Connection, args: Args, reply: ReplySink): void {
  if (args.count === 3) {
    const address = args.text(2);
    const found = [...context.connections.values()].find((c) => clientAddress(c) === address);
    if (found === undefined) return reply.error('ERR No such client');
    reply.ok();
    return end(found, own);
  }
  const filters = killFilters(context, args);
  if (typeof filters === 'string') return reply.error(filters);
  const doomed = [...context.connections.values()].filter(
    (connection) =>
      !(filters.skipMe && connection === own) && filters.all.every((f) => f(connection)),
  );
  reply.integer(doomed.length);
  for (const connection of doomed) end(connection, own);
}

/** The one that asks still gets its reply. */
function end(connection: Connection, own: Connection): void {
  if (connection === own) connection.finish();
  else connection.close();
}

interface KillFilters {
  skipMe: boolean;
  readonly all: Matches[];
}

/** The filters, or an error text. */
function killFilters(context: ServerContext, args: Args): KillFilters | string {
  const filters: KillFilters = { skipMe: true, all: [] };
  for (let at = 2; at < args.count; at += 2) {
    if (at + 1 >= args.count) return syntaxError;
    if (args.is(at, 'SKIPME')) {
      if (!args.is(at + 1, 'YES') && !args.is(at + 1, 'NO')) return syntaxError;
      filters.skipMe = args.is(at + 1, 'YES');
      continue;
    }
    const filter = killFilter(context, args, at);
    if (typeof filter === 'string') return filter;
    filters.all.push(filter);
  }
  return filters;
}

function killFilter(context: ServerContext, args: Args, at: number): Matches | string {
  const value = args.text(at + 1);
  if (args.is(at, 'ID')) {
    if (!/^\d{1,15}$/.test(value) || Number(value) < 1) {
      return 'ERR client-id should be greater than 0';
    }
    return ({ id }) => id === Number(value);
  }
  if (args.is(at, 'TYPE')) {
    const type = clientType(value);
    return type === null
      ? `ERR Unknown client type '${value}'`
      : (connection) => isOfType(connection, type);
  }
  if (args.is(at, 'ADDR')) return (connection) => clientAddress(connection) === value;
  if (args.is(at, 'LADDR')) return (connection) => localAddress(connection) === value;
  if (args.is(at, 'USER')) {
    const user = context.acl().find(value);
    if (user === null) return `ERR No such user '${value}'`;
    return ({ session }) => session.user === user;
  }
  if (args.is(at, 'MAXAGE')) {
    if (!/^-?\d{1,15}$/.test(value)) return 'ERR maxage is not an integer or out of range';
    if (Number(value) <= 0) return 'ERR maxage should be greater than 0';
    return ({ openedAtMs }) => Date.now() - openedAtMs >= Number(value) * 1000;
  }
  return syntaxError;
}

function pause({ pause: paused }: ServerContext, args: Args, reply: ReplySink): void {
  if (args.count > 4) return reply.error(syntaxError);
  const onlyWrites = args.count === 4 && args.is(3, 'WRITE');
  if (args.count === 4 && !onlyWrites && !args.is(3, 'ALL')) {
    return reply.error('ERR CLIENT PAUSE mode must be WRITE or ALL');
  }
  const timeout = args.text(2);
  if (!/^-?\d{1,15}$/.test(timeout)) {
    return reply.error('ERR timeout is not an integer or out of range');
  }
  if (timeout.startsWith('-')) return reply.error('ERR timeout is negative');
  paused.begin(Number(timeout), !onlyWrites);
  reply.ok();
}

/** Nothing is pending here, so every reply that is still to come belongs to a later command. */
function setReplies(connection: Connection, args: Args, reply: ReplySink): void {
  if (args.is(2, 'ON')) {
    connection.setReplies(true);
    connection.reply.ok();
  } else if (args.is(2, 'OFF')) connection.setReplies(false);
  else if (args.is(2, 'SKIP')) connection.skipNext();
  else reply.error(syntaxError);
}

function unblock({ connections }: ServerContext, args: Args, reply: ReplySink): void {
  if (args.count > 4) return reply.error(syntaxError);
  const byError = args.count === 4 && args.is(3, 'ERROR');
  if (args.count === 4 && !byError && !args.is(3, 'TIMEOUT')) {
    return reply.error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
  }
  if (!/^-?\d{1,18}$/.test(args.text(2))) {
    return reply.error('ERR value is not an integer or out of range');
  }
  const blocked = connections.get(Number(args.text(2)))?.session.blocked ?? null;
  if (blocked !== null) blocked.unblocked = byError ? 'error' : 'timeout';
  reply.integer(blocked === null ? 0 : 1);
}
