/** COMMAND: made from the one command table. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { globMatches } from '../../statemachine/glob.js';
import { type AnySpec, arityFits } from '../command-table.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { syntaxArguments, writeArguments } from '../syntax.js';

const shared = {
  group: 'server',
  since: '2.8.13',
  acl: ['slow', 'connection'],
  flags: ['loading', 'stale'],
} as const;

export function commandCommands(context: ServerContext): LocalSpec[] {
  const command = container('command', { ...shared, summary: 'Describes commands.' }, [
    local('count', 2, { ...shared, summary: 'Counts commands.' }, (_c, _a, reply) =>
      reply.integer(context.table().all.length),
    ),
    local(
      'list',
      -2,
      {
        ...shared,
        summary: 'Lists names.',
        syntax: '[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]',
      },
      (_c, args, reply) => list(context, args, reply),
    ),
    local(
      'info',
      -2,
      { ...shared, summary: 'Describes commands.', syntax: '[command-name [command-name ...]]' },
      (_c, args, reply) => forEach(context, args, reply, writeInfo),
    ),
    local(
      'docs',
      -2,
      { ...shared, summary: 'Documents commands.', syntax: '[command-name [command-name ...]]' },
      (_c, args, reply) => docs(context, args, reply),
    ),
    local(
      'getkeys',
      -3,
      { ...shared, summary: 'Extracts keys.', syntax: 'command [arg [arg ...]]' },
      (_c, args, reply) => getKeys(context, args, reply),
    ),
  ]);
  const run: LocalSpec['run'] = (_c, args, reply) => forEach(context, args, reply, writeInfo);
  return [withoutSubcommand(command, run)];
}

/** Bare COMMAND lists everything. */
function withoutSubcommand(spec: LocalSpec, run: LocalSpec['run']): LocalSpec {
  return { ...spec, arity: -1, run };
}

function forEach(
  context: ServerContext,
  args: Args,
  reply: ReplySink,
  write: (spec: AnySpec, reply: ReplySink) => void,
): void {
  const table = context.table();
  const names = namesFrom(args);
  const specs = names.length > 0 ? names.map((name) => findNamed(context, name)) : table.all;
  reply.array(specs.length);
  for (const spec of specs) {
    if (spec === null) reply.nilArray();
    else write(spec, reply);
  }
}

function namesFrom(args: Args): string[] {
  const names: string[] = [];
  for (let index = 2; index < args.count; index++) names.push(args.text(index).toLowerCase());
  return names;
}

/** "client|id" names a sub-command. */
function findNamed(context: ServerContext, name: string): AnySpec | null {
  const [first, second] = name.split('|');
  const spec = context.table().named(first!);
  if (second === undefined || spec === null) return spec;
  const sub = spec.kind === 'local' ? spec.subcommands?.get(second) : undefined;
  return sub === undefined ? null : { ...sub, name };
}

function subcommandsOf(spec: AnySpec): LocalSpec[] {
  if (spec.kind !== 'local' || spec.subcommands === undefined) return [];
  return [...spec.subcommands.values()].map((sub) => ({
    ...sub,
    name: `${spec.name}|${sub.name}`,
  }));
}

function writeInfo(spec: AnySpec, reply: ReplySink): void {
  reply.array(10);
  reply.text(spec.name);
  reply.integer(spec.arity);
  reply.set(spec.flags.length);
  for (const flag of spec.flags) reply.simple(flag);
  reply.integer(spec.keys.first);
  reply.integer(spec.keys.last);
  reply.integer(spec.keys.step);
  reply.set(spec.acl.length);
  for (const category of spec.acl) reply.simple(`@${category}`);
  reply.array(0);
  writeKeySpecs(spec, reply);
  const subcommands = subcommandsOf(spec);
  reply.array(subcommands.length);
  for (const sub of subcommands) writeInfo(sub, reply);
}

function writeKeySpecs(spec: AnySpec, reply: ReplySink): void {
  const { first, last, step } = spec.keys;
  if (first === 0) return reply.array(0);
  reply.array(1);
  reply.map(3);
  reply.text('flags');
  reply.set(1);
  reply.simple(spec.flags.includes('write') ? 'RW' : 'RO');
  reply.text('begin_search');
  reply.map(2);
  reply.text('type');
  reply.text('index');
  reply.text('spec');
  reply.map(1);
  reply.text('index');
  reply.integer(first);
  reply.text('find_keys');
  reply.map(2);
  reply.text('type');
  reply.text('range');
  reply.text('spec');
  reply.map(3);
  reply.text('lastkey');
  reply.integer(last < 0 ? last : last - first);
  reply.text('keystep');
  reply.integer(step);
  reply.text('limit');
  reply.integer(0);
}

function docs(context: ServerContext, args: Args, reply: ReplySink): void {
  const names = namesFrom(args);
  const asked = names.map((name) => findNamed(context, name)).filter((spec) => spec !== null);
  const specs = names.length > 0 ? asked : context.table().all;
  reply.map(specs.length);
  for (const spec of specs) writeDocs(spec, reply);
}

function writeDocs(spec: AnySpec, reply: ReplySink): void {
  const parts = syntaxArguments(spec.syntax);
  const subcommands = subcommandsOf(spec);
  reply.text(spec.name);
  reply.map(4 + Number(parts.length > 0) + Number(subcommands.length > 0));
  const pairs = [
    ['summary', spec.summary],
    ['since', spec.since],
    ['group', spec.group],
    ['complexity', spec.complexity],
  ] as const;
  for (const [name, value] of pairs) {
    reply.text(name);
    reply.text(value);
  }
  if (parts.length > 0) {
    reply.text('arguments');
    writeArguments(parts, reply);
  }
  if (subcommands.length === 0) return;
  reply.text('subcommands');
  reply.map(subcommands.length);
  for (const sub of subcommands) writeDocs(sub, reply);
}

function list(context: ServerContext, args: Args, reply: ReplySink): void {
  let specs = context.table().all;
  if (args.count > 2) {
    if (args.count !== 5 || !args.is(2, 'FILTERBY')) return reply.error('ERR syntax error');
    const value = args.text(4).toLowerCase();
    const pattern = Buffer.from(value, 'latin1');
    if (args.is(3, 'ACLCAT')) {
      specs = specs.filter((spec) => (spec.acl as readonly string[]).includes(value));
    } else if (args.is(3, 'PATTERN')) {
      specs = specs.filter((spec) => globMatches(pattern, Buffer.from(spec.name)));
    } else if (args.is(3, 'MODULE')) specs = [];
    else return reply.error('ERR syntax error');
  }
  reply.array(specs.length);
  for (const spec of specs) reply.text(spec.name);
}

function getKeys(context: ServerContext, args: Args, reply: ReplySink): void {
  const spec = context.table().named(args.text(2));
  if (spec === null) return reply.error('ERR Invalid command specified');
  const count = args.count - 2;
  if (!arityFits(spec.arity, count)) {
    return reply.error('ERR Invalid number of arguments specified for command');
  }
  const { first, last, step } = spec.keys;
  if (first === 0) return reply.error('ERR The command has no key arguments');
  const end = last < 0 ? count + last : last;
  const places: number[] = [];
  for (let at = first; at <= end; at += step) places.push(at + 2);
  reply.array(places.length);
  for (const at of places) reply.bulk(args.bytes, args.start(at), args.end(at));
}
