/** CLIENT MAINT_NOTIFICATIONS: whether the client is told when it should go to another node. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { Connection } from '../connection.js';
import { type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';

/** A node has one address for clients, which is given whatever kind is asked for. */
const endpointTypes: ReadonlySet<string> = new Set([
  ...['internal-ip', 'internal-fqdn', 'external-ip', 'external-fqdn', 'none'],
]);

export function maintenanceCommands(context: ServerContext): LocalSpec[] {
  return [
    local(
      'maint_notifications',
      -3,
      {
        since: '7.2.4',
        summary: 'Whether the connection is told when it should move to another node.',
        syntax: '<ON [moving-endpoint-type type] | OFF>',
      },
      (connection, args, reply) => maintNotifications(context, connection, args, reply),
    ),
  ];
}

function maintNotifications(
  { maintenance }: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): void {
  if (args.is(2, 'OFF') && args.count === 3) {
    maintenance.turnOff(connection);
    return reply.ok();
  }
  const given = args.count === 5 && args.is(3, 'MOVING-ENDPOINT-TYPE');
  if (!args.is(2, 'ON') || !(given || args.count === 3)) return reply.error('ERR syntax error');
  if (connection.protocol !== 3) {
    return reply.error('ERR CLIENT MAINT_NOTIFICATIONS needs RESP3: send HELLO 3 first');
  }
  const type = given ? args.text(4).toLowerCase() : 'external-ip';
  if (!endpointTypes.has(type)) return reply.error(`ERR unknown moving-endpoint-type '${type}'`);
  maintenance.turnOn(connection, type === 'none' ? 'none' : 'address');
  reply.ok();
}
