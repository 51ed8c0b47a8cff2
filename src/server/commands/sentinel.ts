/** The Sentinel commands that clients use to find a master, answered by every node. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { ClusterNode } from '../group.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { clusterNodeId } from './cluster.js';

const masterName = 'tgcache';
const shared = {
  group: 'server',
  since: '2.8.4',
  acl: ['slow', 'dangerous'],
  flags: ['loading', 'stale'],
} as const;
type Run = (context: ServerContext, reply: ReplySink) => void;

export function sentinelCommands(context: ServerContext): LocalSpec[] {
  const ofMaster = (name: string, summary: string, run: Run) =>
    local(name, 3, { ...shared, summary, syntax: 'master-name' }, (_connection, args, reply) => {
      if (isOurMaster(args)) run(context, reply);
      else if (name === 'get-master-addr-by-name') reply.nilArray();
      else reply.error('ERR No such master with that name');
    });
  return [
    container('sentinel', { ...shared, summary: 'A container for Sentinel commands.' }, [
      ofMaster('get-master-addr-by-name', 'Returns the address of the leader.', masterAddress),
      ofMaster('master', 'Describes the leader.', master),
      ofMaster('replicas', 'Describes the followers.', replicas),
      ofMaster('slaves', 'Describes the followers.', replicas),
      ofMaster('sentinels', 'Describes the other nodes.', sentinels),
      local('masters', 2, { ...shared, summary: 'Describes the leader.' }, (_c, _a, reply) => {
        reply.array(context.group.leader() === null ? 0 : 1);
        if (context.group.leader() !== null) master(context, reply);
      }),
    ]),
  ];
}

function isOurMaster(args: Args): boolean {
  return args.text(2) === masterName;
}

function masterAddress(context: ServerContext, reply: ReplySink): void {
  const leader = context.group.leader();
  if (leader === null) return reply.nilArray();
  reply.array(2);
  reply.text(leader.host);
  reply.text(String(leader.port));
}

function describe(reply: ReplySink, fields: readonly (readonly [string, string])[]): void {
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.text(name);
    reply.text(value);
  }
}

function master(context: ServerContext, reply: ReplySink): void {
  const leader = context.group.leader();
  if (leader === null) return reply.error('ERR No such master with that name');
  const others = context.group.nodes().length - 1;
  describe(reply, [
    ['name', masterName],
    ['ip', leader.host],
    ['port', String(leader.port)],
    ['runid', clusterNodeId(leader.id)],
    ['flags', 'master'],
    ['num-slaves', String(others)],
    ['num-other-sentinels', String(others)],
    ['quorum', String(Math.floor(context.group.nodes().length / 2) + 1)],
  ]);
}

function others(context: ServerContext, except: (node: ClusterNode) => boolean): ClusterNode[] {
  return context.group.nodes().filter((node) => !except(node) && node.port !== 0);
}

function replicas(context: ServerContext, reply: ReplySink): void {
  const leader = context.group.leader();
  const nodes = others(context, (node) => node.role === 'leader');
  reply.array(nodes.length);
  for (const node of nodes) {
    describe(reply, [
      ['name', `${node.host}:${node.port}`],
      ['ip', node.host],
      ['port', String(node.port)],
      ['runid', clusterNodeId(node.id)],
      ['flags', node.connected || node.self ? 'slave' : 'slave,s_down,disconnected'],
      ['master-link-status', leader === null ? 'err' : 'ok'],
      ['master-host', leader?.host ?? '?'],
      ['master-port', String(leader?.port ?? 0)],
      ['slave-priority', '100'],
      ['slave-repl-offset', String(node.offset)],
    ]);
  }
}

function sentinels(context: ServerContext, reply: ReplySink): void {
  const nodes = others(context, (node) => node.self);
  reply.array(nodes.length);
  for (const node of nodes) {
    describe(reply, [
      ['name', `${node.host}:${node.port}`],
      ['ip', node.host],
      ['port', String(node.port)],
      ['runid', clusterNodeId(node.id)],
      ['flags', 'sentinel'],
    ]);
  }
}
