/** Commands that a node answers by itself, without the log. */
import type { Args } from '../resp/args.js';
import type { ReplySink } from '../resp/reply-sink.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import type { Connection, Stall } from './connection.js';

export interface LocalSpec extends SpecBase {
  readonly kind: 'local';
  /**
   * True: the reply depends on nothing that pending commands could change, so it may be made at
   * once and given in its turn. Otherwise the command waits until the connection has no pending ones.
   */
  readonly anytime?: boolean;
  /** Sub-commands by lower-case name; `run` is used when there are none. */
  readonly subcommands?: ReadonlyMap<string, LocalSpec>;
  /** Resolves when the reply was written; only for commands that are not `anytime`. */
  run(connection: Connection, args: Args, reply: ReplySink): void | Promise<void>;
  /** In place of run: EXEC, which becomes another command. */
  readonly dispatch?: (connection: Connection, args: Args) => Stall | null;
}

type Described = Partial<Omit<SpecBase, 'name' | 'arity'>> & Pick<LocalSpec, 'anytime'>;

/** Fills in what most local commands share. */
export function local(
  name: string,
  arity: number,
  described: Described & { readonly summary: string },
  run: LocalSpec['run'],
): LocalSpec {
  return {
    kind: 'local',
    name,
    arity,
    flags: ['loading', 'stale', 'fast'],
    acl: ['fast', 'connection'],
    keys: { first: 0, last: 0, step: 0 },
    group: 'connection',
    since: '1.0.0',
    complexity: 'O(1)',
    syntax: '',
    ...described,
    run,
  };
}

/** A command made of sub-commands, e.g. CLIENT. */
export function container(
  name: string,
  described: Described & { readonly summary: string },
  subcommands: readonly LocalSpec[],
): LocalSpec {
  const own = local(name, -2, described, () => {});
  const help = helpOf(name, subcommands);
  const all = [...subcommands, help];
  return { ...own, subcommands: new Map(all.map((spec) => [spec.name, spec])) };
}

function helpOf(name: string, subcommands: readonly LocalSpec[]): LocalSpec {
  const upper = name.toUpperCase();
  const lines = [`${upper} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const spec of subcommands) {
    lines.push(`${spec.name.toUpperCase()} ${spec.syntax}`.trim(), `    ${spec.summary}`);
  }
  lines.push('HELP', '    Print this help.');
  return local('help', 2, { summary: 'Returns helpful text.' }, (_connection, _args, reply) => {
    reply.array(lines.length);
    for (const line of lines) reply.simple(line);
  });
}
