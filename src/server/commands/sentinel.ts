/**
 * The SENTINEL commands that clients use to find a master. Each node answers for the only master,
 * "tgcache": the leader. The other nodes are the sentinels.
 */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ClusterNode, Group } from '../group.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import { leaderNode, redisNodeId, replicaNodes } from '../node-names.js';
import type { ServerContext } from '../server-context.js';
import { masterName } from '../switch-master.js';

const shared = {
  group: 'server',
  acl: ['admin', 'slow', 'dangerous'],
  flags: ['admin', 'loading', 'stale'],
  since: '2.8.4',
} as const;

export function sentinelCommands(context: ServerContext): LocalSpec[] {
  const { group } = context;
  /** A sub-command about the one master. */
  const about = (
    name: string,
    summary: string,
    unknown: (reply: ReplySink) => void,
    run: (reply: ReplySink) => void,
  ) =>
    local(name, 3, { ...shared, summary, syntax: 'master-name' }, (_connection, args, reply) =>
      isMaster(args) ? run(reply) : unknown(reply),
    );
  const replicas = (name: string) =>
    about(name, 'Lists the replicas of a master.', noSuchMaster, (reply) =>
      list(replicaNodes(group), 'slave', group, reply),
    );
  return [
    container('sentinel', { ...shared, summary: 'A container for Sentinel commands.' }, [
      about(
        'get-master-addr-by-name',
        'Returns the address of a master.',
        (reply) => reply.nilArray(),
        (reply) => address(group, reply),
      ),
      local(
        'masters',
        2,
        { ...shared, summary: 'Lists the monitored masters.' },
        (_connection, _args, reply) => {
          const leader = leaderNode(group);
          list(leader === null ? [] : [leader], 'master', group, reply);
        },
      ),
      about('master', 'Describes a master.', noSuchMaster, (reply) => {
        const leader = leaderNode(group);
        if (leader === null) noSuchMaster(reply);
        else describe(leader, 'master', group, reply);
      }),
      replicas('replicas'),
      replicas('slaves'),
      about('sentinels', 'Lists the other sentinels.', noSuchMaster, (reply) =>
        list(
          group.nodes().filter((node) => !node.self),
          'sentinel',
          group,
          reply,
        ),
      ),
      local('myid', 2, { ...shared, summary: 'Returns the id.' }, (_connection, _args, reply) =>
        reply.text(redisNodeId(context.nodeId)),
      ),
    ]),
  ];
}

function isMaster(args: Args): boolean {
  return args.text(2) === masterName;
}

function noSuchMaster(reply: ReplySink): void {
  reply.error('ERR No such master with that name');
}

function address(group: Group, reply: ReplySink): void {
  const leader = leaderNode(group);
  if (leader === null) return reply.nilArray();
  reply.array(2);
  reply.text(leader.host);
  reply.text(String(leader.port));
}

type Kind = 'master' | 'slave' | 'sentinel';

function list(nodes: readonly ClusterNode[], kind: Kind, group: Group, reply: ReplySink): void {
  reply.array(nodes.length);
  for (const node of nodes) describe(node, kind, group, reply);
}

function describe(node: ClusterNode, kind: Kind, group: Group, reply: ReplySink): void {
  const flags = node.self || node.connected ? kind : `${kind},s_down,disconnected`;
  const fields: [string, string][] = [
    ['name', kind === 'master' ? masterName : `${node.host}:${node.port}`],
    ['ip', node.host],
    ['port', String(node.port)],
    ['runid', redisNodeId(node.id)],
    ['flags', flags],
    ...(kind === 'master' ? masterFields(group) : []),
    ...(kind === 'slave' ? slaveFields(node, group) : []),
  ];
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.text(name);
    reply.text(value);
  }
}

function masterFields(group: Group): [string, string][] {
  const members = group.nodes().length;
  return [
    ['role-reported', 'master'],
    ['num-slaves', String(members - 1)],
    ['num-other-sentinels', String(members - 1)],
    ['quorum', String(Math.floor(members / 2) + 1)],
  ];
}

function slaveFields(node: ClusterNode, group: Group): [string, string][] {
  const leader = leaderNode(group);
  return [
    ['role-reported', 'slave'],
    ['master-link-status', node.connected ? 'ok' : 'err'],
    ['master-host', leader?.host ?? '?'],
    ['master-port', String(leader?.port ?? 0)],
    ['slave-repl-offset', String(node.offset)],
  ];
}
