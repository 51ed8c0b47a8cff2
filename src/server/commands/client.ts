/** CLIENT and its sub-commands. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { fullName } from '../../statemachine/command-spec.js';
import { clientAddress, localAddress } from '../client-address.js';
import type { Connection } from '../connection.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { clientControlCommands, clientType, isOfType } from './client-control.js';
import { badName, isPrintableName } from './connection.js';
import { maintenanceCommands } from './maintenance.js';
import { trackingCommands } from './tracking.js';

export function clientCommands(context: ServerContext): LocalSpec[] {
  const summary = 'A container for client connection commands.';
  return [
    container('client', { summary, since: '2.4.0', acl: ['slow', 'connection'] }, [
      local('id', 2, { summary: 'Returns the id of the connection.' }, (connection, _args, reply) =>
        reply.integer(connection.id),
      ),
      local('getname', 2, { summary: 'Returns the name.' }, (connection, _args, reply) => {
        if (connection.session.name === '') reply.nil();
        else reply.text(connection.session.name);
      }),
      local('setname', 3, { summary: 'Sets the name.', syntax: 'connection-name' }, setName),
      local(
        'setinfo',
        4,
        { summary: 'Sets library name or version.', syntax: '<LIB-NAME libname | LIB-VER libver>' },
        setInfo,
      ),
      local('info', 2, { summary: 'Describes this connection.' }, (connection, _args, reply) =>
        reply.verbatim('txt', `${describeClient(context, connection)}\n`),
      ),
      local(
        'list',
        -2,
        {
          acl: ['admin', 'slow', 'dangerous', 'connection'],
          summary: 'Lists open connections.',
          syntax: '[TYPE type] [ID id [id ...]]',
        },
        (_connection, args, reply) => list(context, args, reply),
      ),
      ...trackingCommands(context),
      ...maintenanceCommands(context),
      ...clientControlCommands(context),
      {
        ...onOff('no-evict', (connection, on) => {
          connection.session.noEvict = on;
        }),
        acl: ['admin', 'slow', 'dangerous', 'connection'],
      },
      onOff('no-touch', (connection, on) => {
        connection.session.noTouch = on;
      }),
    ]),
  ];
}

function setName(connection: Connection, args: Args, reply: ReplySink): void {
  const name = args.text(2);
  if (!isPrintableName(name)) return reply.error(badName);
  connection.session.name = name;
  reply.ok();
}

function setInfo(connection: Connection, args: Args, reply: ReplySink): void {
  const value = args.text(3);
  const attribute = args.text(2).toLowerCase();
  if (attribute !== 'lib-name' && attribute !== 'lib-ver') {
    return reply.error(`ERR Unrecognized option '${args.text(2)}'`);
  }
  if (!isPrintableName(value)) {
    return reply.error(`ERR ${attribute} cannot contain spaces, newlines or special characters.`);
  }
  if (attribute === 'lib-name') connection.session.libraryName = value;
  else connection.session.libraryVersion = value;
  reply.ok();
}

function onOff(name: string, set: (connection: Connection, on: boolean) => void): LocalSpec {
  const summary = `Sets ${name} mode for the connection.`;
  return local(name, 3, { summary, syntax: '<ON | OFF>' }, (connection, args, reply) => {
    if (!args.is(2, 'ON') && !args.is(2, 'OFF')) return reply.error('ERR syntax error');
    set(connection, args.is(2, 'ON'));
    reply.ok();
  });
}

function list(context: ServerContext, args: Args, reply: ReplySink): void {
  let chosen = [...context.connections.values()];
  if (args.count > 2) {
    if (args.is(2, 'ID') && args.count > 3) {
      const ids = new Set<number>();
      for (let at = 3; at < args.count; at++) {
        if (!/^\d+$/.test(args.text(at))) return reply.error('ERR Invalid client ID');
        ids.add(Number(args.text(at)));
      }
      chosen = chosen.filter((connection) => ids.has(connection.id));
    } else if (args.is(2, 'TYPE') && args.count === 4) {
      const type = clientType(args.text(3));
      if (type === null) return reply.error(`ERR Unknown client type '${args.text(3)}'`);
      chosen = chosen.filter((connection) => isOfType(connection, type));
    } else return reply.error('ERR syntax error');
  }
  reply.verbatim(
    'txt',
    chosen.map((connection) => `${describeClient(context, connection)}\n`).join(''),
  );
}

/** One line as Redis' catClientInfoString. */
export function describeClient(context: ServerContext, connection: Connection): string {
  const { socket, session, subscriptions, lastSpec } = connection;
  const now = Date.now();
  const seconds = (since: number) => Math.floor((now - since) / 1000);
  const flag = (is: boolean, letter: string) => (is ? letter : '');
  const mode = context.tracking.modeOf(connection);
  const flags =
    flag(session.monitors, 'O') +
    flag(subscriptions.any, 'P') +
    flag(session.queued !== null, 'x') +
    flag(session.blocked !== null || connection.stall === 'wait', 'b') +
    flag(mode !== null, 't') +
    flag(mode !== null && context.tracking.isRedirectBroken(connection), 'R') +
    flag(mode?.broadcast === true, 'B') +
    flag(connection.closed, 'A') +
    flag(session.readOnly, 'r') +
    flag(session.noEvict, 'e') +
    flag(session.noTouch, 'T');
  const fields: [string, string | number][] = [
    ['id', connection.id],
    ['addr', clientAddress(connection)],
    ['laddr', localAddress(connection)],
    ['fd', 0],
    ['name', session.name],
    ['age', seconds(connection.openedAtMs)],
    ['idle', seconds(connection.lastActiveMs)],
    ['flags', flags || 'N'],
    ['db', session.database],
    ['sub', subscriptions.channels.size],
    ['psub', subscriptions.patterns.size],
    ['ssub', subscriptions.shards.size],
    ['multi', session.queued === null ? -1 : session.queued.length],
    ['qbuf', connection.queryBufferBytes],
    ['qbuf-free', 0],
    ['argv-mem', 0],
    ['multi-mem', session.queuedBytes],
    ['rbs', 0],
    ['rbp', 0],
    ['obl', connection.outputBytes - socket.writableLength],
    ['oll', 0],
    ['omem', socket.writableLength],
    ['tot-mem', connection.queryBytes + session.queuedBytes + connection.outputBytes],
    ['events', socket.writableNeedDrain ? 'rw' : 'r'],
    ['cmd', lastSpec === null ? 'NULL' : fullName(lastSpec)],
    ['user', session.user.name],
    ['redir', mode?.redirect ?? -1],
    ['resp', connection.protocol],
    ['lib-name', session.libraryName],
    ['lib-ver', session.libraryVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}
