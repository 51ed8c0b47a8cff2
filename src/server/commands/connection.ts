/** Commands about the connection itself: HELLO, AUTH, PING, SELECT, RESET, QUIT ... */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { checkDatabase, outOfRange } from '../../statemachine/commands/database-argument.js';
import { noKeys } from '../../statemachine/commands/spec-helpers.js';
import { DATABASES_MAX } from '../../statemachine/databases.js';
import type { Connection } from '../connection.js';
import { refusalText } from '../gates.js';
import { type LocalSpec, local } from '../local-spec.js';
import { selfNode } from '../node-names.js';
import { redisVersion, type ServerContext } from '../server-context.js';

const noAuth = { flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth'] } as const;

export function connectionCommands(context: ServerContext): LocalSpec[] {
  return [
    local('ping', -1, { anytime: true, summary: 'Answers PONG.', syntax: '[message]' }, ping),
    local(
      'echo',
      2,
      { anytime: true, summary: 'Returns the given string.', syntax: 'message' },
      (_connection, args, reply) => reply.bulk(args.bytes, args.start(1), args.end(1)),
    ),
    local(
      'select',
      2,
      { summary: 'Changes the selected database.', syntax: 'index' },
      (connection, args, reply) => select(context, connection, args, reply),
    ),
    local(
      'quit',
      -1,
      { ...noAuth, summary: 'Closes the connection.' },
      (connection, _args, reply) => {
        reply.ok();
        connection.finish();
      },
    ),
    local(
      'reset',
      1,
      { ...noAuth, since: '6.2.0', summary: 'Resets the connection.' },
      (connection) => {
        connection.session.reset();
        context.pubsub.forget(connection);
        context.tracking.disable(connection);
        context.maintenance.turnOff(connection);
        context.acl().resetUser(connection);
        context.monitors.forget(connection);
        connection.setReplies(true);
        connection.reply.simple('RESET');
        connection.protocol = 2;
      },
    ),
    staleReads('readonly', true),
    staleReads('readwrite', false),
    local(
      'auth',
      -2,
      { ...noAuth, summary: 'Authenticates the connection.', syntax: '[username] password' },
      (connection, args, reply) => auth(context, connection, args, reply),
    ),
    local(
      'hello',
      -1,
      {
        ...noAuth,
        // It would change the protocol between two replies of one transaction.
        flags: [...noAuth.flags, 'no_multi'],
        since: '6.0.0',
        summary: 'Handshakes with the server.',
        syntax: '[protover [AUTH username password] [SETNAME clientname]]',
      },
      (connection, args, reply) => hello(context, connection, args, reply),
    ),
  ];
}

/** As many databases as the cluster agreed on, whatever this node's own setting says. */
function select(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): void {
  const error = checkDatabase(args, 1);
  if (error !== null) return reply.error(error);
  const database = Number(args.text(1));
  const count = Number(context.group.clusterSetting('databases') ?? DATABASES_MAX);
  if (database < 0 || database >= count) return reply.error(outOfRange);
  connection.session.database = database;
  reply.ok();
}

/** READONLY and READWRITE */
function staleReads(name: string, allowed: boolean): LocalSpec {
  const summary = allowed ? 'Lets reads of this connection be stale.' : 'Ends READONLY.';
  const described = { since: '3.0.0', group: 'cluster', summary } as const;
  return local(name, 1, described, (connection, _args, reply) => {
    connection.session.readOnly = allowed;
    reply.ok();
  });
}

function ping(connection: Connection, args: Args, reply: ReplySink): void {
  if (args.count > 2) reply.error("ERR wrong number of arguments for 'ping' command");
  else if (connection.protocol === 2 && connection.subscriptions.any) {
    // Redis: what a subscriber gets looks like its messages.
    reply.array(2);
    reply.text('pong');
    reply.text(args.count === 2 ? args.text(1) : '');
  } else if (args.count === 2) reply.bulk(args.bytes, args.start(1), args.end(1));
  else reply.simple('PONG');
}

const wrongPass = 'WRONGPASS invalid username-password pair or user is disabled.';

function auth(context: ServerContext, connection: Connection, args: Args, reply: ReplySink): void {
  if (args.count > 3) return reply.error('ERR syntax error');
  const acl = context.acl();
  if (args.count === 2 && acl.effective(acl.defaultUser).noPassword) {
    return reply.error(
      'ERR AUTH <password> called without any password configured for the default user. ' +
        'Are you sure your configuration is correct?',
    );
  }
  const user = args.count === 3 ? args.text(1) : 'default';
  const error = authError(context, connection, user, args.text(args.count - 1), args);
  if (error === null) reply.ok();
  else reply.error(error);
}

/** Users that are not known yet cannot be told from users that do not exist. */
function authError(
  context: ServerContext,
  connection: Connection,
  user: string,
  password: string,
  args: Args,
): string | null {
  const acl = context.acl();
  const loading = context.group.settingsKnown === 'loading' && acl.find(user) === null;
  if (loading) return refusalText('loading', context.group, { keys: noKeys }, args);
  return acl.authenticate(connection, user, password, args) ? null : wrongPass;
}

interface HelloOptions {
  protocol: 2 | 3;
  user: string | null;
  password: string;
  name: string | null;
}

/** Options, or the error text. */
function helloOptions(connection: Connection, args: Args): HelloOptions | string {
  const found: HelloOptions = {
    protocol: connection.protocol,
    user: null,
    password: '',
    name: null,
  };
  if (args.count > 1) {
    const version = args.text(1);
    if (!/^\d+$/.test(version)) return 'ERR Protocol version is not an integer or out of range';
    if (version !== '2' && version !== '3') return 'NOPROTO unsupported protocol version';
    found.protocol = version === '3' ? 3 : 2;
  }
  for (let at = 2; at < args.count; ) {
    if (args.is(at, 'AUTH') && at + 2 < args.count) {
      found.user = args.text(at + 1);
      found.password = args.text(at + 2);
      at += 3;
    } else if (args.is(at, 'SETNAME') && at + 1 < args.count) {
      found.name = args.text(at + 1);
      at += 2;
    } else return `ERR Syntax error in HELLO option '${args.text(at)}'`;
  }
  return found;
}

function hello(context: ServerContext, connection: Connection, args: Args, reply: ReplySink): void {
  const { session } = connection;
  const options = helloOptions(connection, args);
  if (typeof options === 'string') return reply.error(options);
  if (options.user !== null) {
    const { user, password } = options;
    const error = authError(context, connection, user, password, args);
    if (error !== null) return reply.error(error);
  }
  if (!connection.isAuthenticated) {
    return reply.error(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO ' +
        '<proto> AUTH <user> <pass> option can be used to authenticate the client and select ' +
        'the RESP protocol version at the same time',
    );
  }
  if (options.name !== null) {
    if (!isPrintableName(options.name)) return reply.error(badName);
    session.name = options.name;
  }
  connection.protocol = options.protocol;
  if (options.protocol === 2) context.maintenance.turnOff(connection);
  const zone = selfNode(context.group)?.zone ?? null;
  reply.map(zone === null ? 7 : 8);
  reply.text('server');
  reply.text('redis');
  reply.text('version');
  reply.text(redisVersion);
  reply.text('proto');
  reply.integer(options.protocol);
  reply.text('id');
  reply.integer(connection.id);
  reply.text('mode');
  reply.text('cluster');
  reply.text('role');
  reply.text(context.group.isLeader ? 'master' : 'replica');
  reply.text('modules');
  reply.array(0);
  if (zone === null) return;
  reply.text('availability_zone');
  reply.text(zone);
}

export const badName = 'ERR Client names cannot contain spaces, newlines or special characters.';

/** Redis: validateClientAttr. */
export function isPrintableName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}
