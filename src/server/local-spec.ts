/** Commands that a node answers by itself, without the log. */
import type { Args } from '../resp/args.js';
import type { ReplySink } from '../resp/reply-sink.js';
import type { ReadSpec, SpecBase } from '../statemachine/command-spec.js';
import type { ChannelSpec } from './acl/selector.js';
import type { Connection, Stall } from './connection.js';
import { wrongSubcommand } from './gates.js';

/**
 * Nothing: the reply was written. A stall: run the same command again later. A promise: the
 * reply is written into `connection.reply` by the time it resolves.
 */
export type Outcome = void | Stall | Promise<void>;

/** Answered by the node, or a read of the keyspace. */
export type Subcommand = LocalSpec | ReadSpec;

export interface LocalSpec extends SpecBase {
  readonly kind: 'local';
  /**
   * True: the reply depends on nothing that pending commands could change, so it may be made at
   * once and given in its turn. Otherwise the command waits until the connection has no pending
   * ones.
   */
  readonly anytime?: boolean;
  /** Redis: which arguments are channels, for ACL. Leaving one needs no right. */
  readonly channels?: ChannelSpec;
  /** True: `run` hands it to the group as another command, which is the one that is counted. */
  readonly delegates?: boolean;
  /** Redis knows its sub-commands as arguments only: COMMAND and ACL see one command. */
  readonly oneCommand?: boolean;
  /** Sub-commands by lower-case name; `run` is for the command without any. */
  readonly subcommands?: ReadonlyMap<string, Subcommand>;
  run(connection: Connection, args: Args, reply: ReplySink): Outcome;
}

type Described = Partial<Omit<SpecBase, 'name' | 'arity' | 'summary'>> &
  Pick<LocalSpec, 'anytime' | 'channels' | 'delegates' | 'oneCommand'> & {
    readonly summary: string;
  };

/** What HELP keeps of the categories of its command. */
const helpCategories: LocalSpec['acl'] = ['slow', 'connection', 'keyspace'];
const fastConnection: LocalSpec['acl'] = ['fast', 'connection'];

/** Fills in what most local commands share. */
export function local(
  name: string,
  arity: number,
  described: Described,
  run: LocalSpec['run'],
): LocalSpec {
  return {
    kind: 'local',
    name,
    arity,
    flags: ['loading', 'stale', 'fast'],
    acl: fastConnection,
    keys: { first: 0, last: 0, step: 0 },
    group: 'connection',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '',
    ...described,
    run,
  };
}

/**
 * A command made of sub-commands, e.g. CLIENT. `alone`: what it does without one, e.g. COMMAND.
 * Its categories are those of the sub-commands that name none; what it allows itself is nothing,
 * so it is only slow (as in Redis).
 */
export function container(
  name: string,
  described: Described,
  subcommands: readonly Subcommand[],
  alone?: LocalSpec['run'],
): LocalSpec {
  const refuse: LocalSpec['run'] = (_connection, args, reply) =>
    reply.error(wrongSubcommand(name, args));
  const own = local(name, alone === undefined ? -2 : -1, described, alone ?? refuse);
  const helpAcl = own.acl.filter((category) => helpCategories.includes(category));
  const shared = { acl: helpAcl, group: own.group, since: own.since };
  // A read of the keyspace knows where it belongs and stays the object that the log names.
  const parts = subcommands.map((sub) => (sub.kind === 'read' ? sub : partOf(own, sub)));
  const help = { ...helpOf(name, shared, parts), container: name };
  const subs = new Map([...parts, help].map((spec) => [spec.name, spec]));
  const acl: LocalSpec['acl'] = alone === undefined && own.oneCommand !== true ? ['slow'] : own.acl;
  return { ...own, acl, subcommands: subs };
}

function partOf(own: LocalSpec, sub: LocalSpec): LocalSpec {
  const whole = own.oneCommand === true ? ({ unnamed: true } as const) : {};
  const named = { ...sub, ...whole, container: own.name };
  return sub.acl === fastConnection ? { ...named, acl: own.acl } : named;
}

function helpOf(
  name: string,
  shared: Partial<SpecBase>,
  subcommands: readonly Subcommand[],
): LocalSpec {
  const upper = name.toUpperCase();
  const lines = [`${upper} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const spec of subcommands) {
    lines.push(`${spec.name.toUpperCase()} ${spec.syntax}`.trim(), `    ${spec.summary}`);
  }
  lines.push('HELP', '    Prints this help.');
  const described = { ...shared, summary: 'Returns helpful text about the subcommands.' };
  return local('help', 2, described, (_connection, _args, reply) => {
    reply.array(lines.length);
    for (const line of lines) reply.simple(line);
  });
}
