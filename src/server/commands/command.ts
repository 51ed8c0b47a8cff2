/** COMMAND and its sub-commands: the table of commands, told to clients. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { fullName, type KeySpec, type SpecBase } from '../../statemachine/command-spec.js';
import { noKeys } from '../../statemachine/commands/spec-helpers.js';
import { useOfKey, usesOf } from '../acl/acl-commands.js';
import { type AnySpec, arityFits, subcommandsOf } from '../command-table.js';
import { keyPositions } from '../key-arguments.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { type DocArgument, parseSyntax } from './command-syntax.js';
import { matchesGlob } from './glob-names.js';

const shared = { group: 'server', acl: ['slow', 'connection'], since: '2.8.13' } as const;

export function commandCommands(context: ServerContext): LocalSpec[] {
  const named = { ...shared, syntax: '[command-name [command-name ...]]' };
  const subcommands = [
    local('count', 2, { ...shared, summary: 'Returns the number of commands.' }, (_c, _a, reply) =>
      reply.integer(context.table().all.length),
    ),
    local('info', -2, { ...named, summary: 'Describes commands.' }, (_c, args, reply) => {
      if (args.count === 2) return describeAll(context, reply);
      reply.array(args.count - 2);
      for (let index = 2; index < args.count; index++) {
        const spec = context.table().named(args.text(index));
        if (spec === null) reply.nil();
        else describe(spec, args.text(index).toLowerCase(), reply);
      }
    }),
    local('docs', -2, { ...named, summary: 'Documents commands.' }, (_c, args, reply) =>
      docs(context, args, reply),
    ),
    local(
      'list',
      -2,
      {
        ...shared,
        summary: 'Lists the names of commands.',
        syntax: '[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]',
      },
      (_c, args, reply) => list(context, args, reply),
    ),
    local(
      'getkeys',
      -3,
      { ...shared, summary: 'Extracts the keys of a command.', syntax: 'command [arg [arg ...]]' },
      (_c, args, reply) => getKeys(context, args, reply),
    ),
    local(
      'getkeysandflags',
      -3,
      {
        ...shared,
        since: '7.0.0',
        summary: 'Extracts the keys of a command and what it does to them.',
        syntax: 'command [arg [arg ...]]',
      },
      (_c, args, reply) => getKeysAndFlags(context, args, reply),
    ),
  ];
  const described = { ...shared, summary: 'Returns detailed information about all commands.' };
  return [
    container('command', described, subcommands, (_c, _a, reply) => describeAll(context, reply)),
  ];
}

function describeAll(context: ServerContext, reply: ReplySink): void {
  const { all } = context.table();
  reply.array(all.length);
  for (const spec of all) describe(spec, spec.name, reply);
}

/** Redis: addReplyCommandInfo */
function describe(spec: AnySpec, name: string, reply: ReplySink): void {
  const subcommands = subcommandsOf(spec);
  reply.array(10);
  reply.text(name);
  reply.integer(spec.arity);
  words(spec.flags, '', reply);
  // Redis: places that depend on other arguments are told below only.
  const { first, last, step } = spec.keys.countAt === undefined ? spec.keys : noKeys;
  reply.integer(first);
  reply.integer(last);
  reply.integer(step);
  words(spec.acl, '@', reply);
  reply.set(0);
  keySpecs(spec, reply);
  reply.array(subcommands.length);
  for (const sub of subcommands) describe(sub, fullName(sub), reply);
}

function words(list: readonly string[], prefix: string, reply: ReplySink): void {
  reply.set(list.length);
  for (const word of list) reply.simple(prefix + word);
}

/** One specification for all keys that are used in the same way. */
function keySpecs(spec: SpecBase, reply: ReplySink): void {
  const { first, useOf } = spec.keys;
  if (first === 0) return reply.set(0);
  const uses = usesOf(spec);
  reply.set(uses.length);
  for (const [at, use] of uses.entries()) {
    reply.map(3);
    reply.text('flags');
    words([...use.split(' '), ...(useOf === undefined ? [] : ['variable_flags'])], '', reply);
    keyPlaces(spec.keys, at, at === uses.length - 1, reply);
  }
}

/** Where the keys of one specification begin, and how to go on from there. */
function keyPlaces(keys: KeySpec, at: number, isLast: boolean, reply: ReplySink): void {
  const { first, last, step, countAt } = keys;
  const begin = first + at * step;
  const end = isLast ? last : begin;
  reply.text('begin_search');
  searchSpec('index', [['index', countAt ?? begin]], reply);
  reply.text('find_keys');
  if (countAt === undefined) {
    const lastKey = end < 0 ? end : end - begin;
    searchSpec(
      'range',
      [
        ['lastkey', lastKey],
        ['keystep', step],
        ['limit', 0],
      ],
      reply,
    );
  } else {
    const firstKey = first - countAt;
    searchSpec(
      'keynum',
      [
        ['keynumidx', 0],
        ['firstkey', firstKey],
        ['keystep', step],
      ],
      reply,
    );
  }
}

function searchSpec(type: string, spec: readonly [string, number][], reply: ReplySink): void {
  reply.map(2);
  reply.text('type');
  reply.text(type);
  reply.text('spec');
  reply.map(spec.length);
  for (const [name, value] of spec) {
    reply.text(name);
    reply.integer(value);
  }
}

function docs(context: ServerContext, args: Args, reply: ReplySink): void {
  const chosen: [string, AnySpec][] = [];
  if (args.count === 2) for (const spec of context.table().all) chosen.push([spec.name, spec]);
  for (let index = 2; index < args.count; index++) {
    const spec = context.table().named(args.text(index));
    if (spec !== null) chosen.push([args.text(index).toLowerCase(), spec]);
  }
  documentAll(chosen, reply);
}

function documentAll(chosen: readonly (readonly [string, AnySpec])[], reply: ReplySink): void {
  reply.map(chosen.length);
  for (const [name, spec] of chosen) {
    reply.text(name);
    document(spec, reply);
  }
}

function document(spec: AnySpec, reply: ReplySink): void {
  const subcommands = subcommandsOf(spec);
  const parsed = parseSyntax(spec.syntax);
  reply.map(4 + (parsed.length > 0 ? 1 : 0) + (subcommands.length > 0 ? 1 : 0));
  field('summary', spec.summary, reply);
  field('since', spec.since, reply);
  field('group', spec.group, reply);
  field('complexity', spec.complexity, reply);
  if (parsed.length > 0) documentArguments(parsed, reply);
  if (subcommands.length === 0) return;
  reply.text('subcommands');
  const named = subcommands.map((sub) => [`${spec.name}|${sub.name}`, sub] as const);
  documentAll(named, reply);
}

function field(name: string, value: string, reply: ReplySink): void {
  reply.text(name);
  reply.text(value);
}

function documentArguments(list: readonly DocArgument[], reply: ReplySink): void {
  reply.text('arguments');
  reply.array(list.length);
  for (const argument of list) {
    const flags = [argument.optional && 'optional', argument.multiple && 'multiple'];
    const set = flags.filter((flag) => typeof flag === 'string');
    const { name, type, token, arguments: nested } = argument;
    const plain = nested === undefined && token !== name;
    const isKey = type === 'key';
    const optional = [plain, isKey, token !== undefined, set.length > 0, nested !== undefined];
    reply.map(2 + optional.filter(Boolean).length);
    field('name', name, reply);
    field('type', type, reply);
    if (plain) field('display_text', name, reply);
    if (isKey) {
      reply.text('key_spec_index');
      reply.integer(0);
    }
    if (token !== undefined) field('token', token, reply);
    if (set.length > 0) {
      reply.text('flags');
      words(set, '', reply);
    }
    if (nested !== undefined) documentArguments(nested, reply);
  }
}

function list(context: ServerContext, args: Args, reply: ReplySink): void {
  let chosen = context.table().all.flatMap((spec) => [spec, ...subcommandsOf(spec)]);
  if (args.count > 2) {
    if (args.count !== 5 || !args.is(2, 'FILTERBY')) return reply.error('ERR syntax error');
    const wanted = args.text(4);
    if (args.is(3, 'MODULE')) chosen = [];
    else if (args.is(3, 'ACLCAT')) {
      const category = wanted.toLowerCase();
      chosen = chosen.filter((spec) => (spec.acl as readonly string[]).includes(category));
    } else if (args.is(3, 'PATTERN')) {
      chosen = chosen.filter((spec) => matchesGlob(wanted, fullName(spec)));
    } else return reply.error('ERR syntax error');
  }
  reply.array(chosen.length);
  for (const spec of chosen) reply.text(fullName(spec));
}

interface Call {
  readonly spec: AnySpec;
  readonly args: Args;
  /** Where the keys are among them. */
  readonly keys: readonly number[];
}

/** The command in the arguments from 2 on, or an error text. */
function callIn(context: ServerContext, given: Args): Call | string {
  const args = given.from(2);
  const table = context.table();
  const sub = args.count > 1 ? table.named(`${args.text(0)}|${args.text(1)}`) : null;
  const spec = sub ?? table.named(args.text(0));
  if (spec === null) return 'ERR Invalid command specified';
  if (spec.keys.first === 0) return 'ERR The command has no key arguments';
  if (!arityFits(spec.arity, args.count)) {
    return 'ERR Invalid number of arguments specified for command';
  }
  return { spec, args, keys: keyPositions(spec, args) };
}

function getKeys(context: ServerContext, given: Args, reply: ReplySink): void {
  const call = callIn(context, given);
  if (typeof call === 'string') return reply.error(call);
  const { args, keys } = call;
  reply.array(keys.length);
  for (const index of keys) reply.bulk(args.bytes, args.start(index), args.end(index));
}

function getKeysAndFlags(context: ServerContext, given: Args, reply: ReplySink): void {
  const call = callIn(context, given);
  if (typeof call === 'string') return reply.error(call);
  const { spec, args, keys } = call;
  reply.array(keys.length);
  for (const [nth, index] of keys.entries()) {
    reply.array(2);
    reply.bulk(args.bytes, args.start(index), args.end(index));
    words(useOfKey(spec, args, nth).split(' '), '', reply);
  }
}
