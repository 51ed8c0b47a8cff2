/** INFO: sections in Redis' order, then our own. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { clients, cpu, type Fields, memory, persistence, server } from './info-node.js';
import {
  commandstats,
  errorstats,
  keyspace,
  latencystats,
  replication,
  stats,
} from './info-traffic.js';

interface Section {
  readonly title: string;
  /** Shown by a plain INFO. */
  readonly byDefault: boolean;
  readonly fields: (context: ServerContext) => Fields;
}

function section(title: string, fields: Section['fields'], byDefault = true): Section {
  return { title, byDefault, fields };
}

const sections: readonly Section[] = [
  section('Server', server),
  section('Clients', clients),
  section('Memory', memory),
  section('Persistence', persistence),
  section('Stats', stats),
  section('Replication', replication),
  section('CPU', cpu),
  section('Modules', () => []),
  section('Commandstats', commandstats, false),
  section('Errorstats', errorstats),
  section('Latencystats', latencystats, false),
  section('Cluster', () => [['cluster_enabled', 1]]),
  section('Keyspace', keyspace),
  section('Raft', (context) => context.group.raftInfo()),
];

export function infoCommands(context: ServerContext): LocalSpec[] {
  const described = {
    group: 'server',
    acl: ['slow', 'dangerous'],
    flags: ['loading', 'stale'],
    summary: 'Returns information and statistics about the server.',
    syntax: '[section [section ...]]',
  } as const;
  return [local('info', -1, described, (_connection, args, reply) => info(context, args, reply))];
}

/** `all` and `everything` differ in Redis by what modules add. */
function isWanted({ title, byDefault }: Section, wanted: ReadonlySet<string>): boolean {
  if (wanted.has('all') || wanted.has('everything') || wanted.has(title.toLowerCase())) return true;
  return byDefault && (wanted.size === 0 || wanted.has('default'));
}

function info(context: ServerContext, args: Args, reply: ReplySink): void {
  const wanted = new Set<string>();
  for (let index = 1; index < args.count; index++) wanted.add(args.text(index).toLowerCase());
  const shown: string[] = [];
  for (const each of sections) {
    if (!isWanted(each, wanted)) continue;
    const lines = [...each.fields(context)].map(([field, value]) => `${field}:${value}\r\n`);
    shown.push(`# ${each.title}\r\n${lines.join('')}`);
  }
  reply.verbatim('txt', shown.join('\r\n'));
}
