/** MONITOR: streams every command that clients send to this node. */
import { type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';

export function monitorCommands({ monitors }: ServerContext): LocalSpec[] {
  const described = {
    group: 'server',
    acl: ['admin', 'slow', 'dangerous'],
    // Inside a transaction its replies would stand between those of the others.
    flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi'],
    since: '1.0.0',
    summary: 'Listens for all requests received by the server in real-time.',
  } as const;
  return [
    local('monitor', 1, described, (connection, _args, reply) => {
      reply.ok();
      monitors.add(connection);
    }),
  ];
}
