/**
 * The checks a command passes before it is carried out, in order: known, arity, authentication.
 * Each gives an error text as Redis words it. Whether the node may serve the command (loading,
 * leader, memory, load) is the group's to say.
 */
import type { Args } from '../resp/args.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import { KEY_BYTES_MAX } from '../statemachine/record-table.js';
import { type AnySpec, arityFits } from './command-table.js';
import { slotOf } from './crc16.js';
import type { Group, Refusal } from './group.js';
import { keyPositions } from './key-arguments.js';

/** Redis shows so much of what it does not know. */
const shownMax = 128;

export function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

/** Redis: addReplySubcommandSyntaxError */
export function wrongSubcommand(name: string, args: Args): string {
  const shown = args.printed(1).slice(0, shownMax);
  return (
    `ERR unknown subcommand or wrong number of arguments for '${shown}'. ` +
    `Try ${name.toUpperCase()} HELP.`
  );
}

/** Redis: names the first arguments, up to 128 bytes of them. */
export function unknownCommand(args: Args): string {
  let shown = '';
  for (let index = 1; index < args.count && shown.length < shownMax; index++) {
    shown += `'${args.printed(index).slice(0, shownMax - shown.length)}' `;
  }
  const name = args.printed(0).slice(0, shownMax);
  return `ERR unknown command '${name}', with args beginning with: ${shown}`;
}

/** The sub-command that argument 1 names, or an error text; a command without any stays itself. */
export function resolve(spec: AnySpec, args: Args): AnySpec | string {
  if (!arityFits(spec.arity, args.count)) return wrongArity(spec.name);
  if (spec.kind !== 'local' || spec.subcommands === undefined || args.count < 2) return spec;
  const given = args.text(1);
  const found = spec.subcommands.get(given.toLowerCase());
  if (found === undefined && spec.oneCommand === true) return spec;
  if (found === undefined) {
    const shown = args.printed(1).slice(0, shownMax);
    return `ERR unknown subcommand '${shown}'. Try ${spec.name.toUpperCase()} HELP.`;
  }
  return arityFits(found.arity, args.count) ? found : wrongArity(`${spec.name}|${found.name}`);
}

export const keyTooLong = `ERR a key is longer than ${KEY_BYTES_MAX} bytes`;

export function hasLongKey(spec: Pick<SpecBase, 'keys'>, args: Args): boolean {
  if (args.end(args.count - 1) - args.start(0) <= KEY_BYTES_MAX) return false;
  return keyPositions(spec, args).some((index) => args.length(index) > KEY_BYTES_MAX);
}

/** CONTRACT.md: all of these promise that the command did not and will not happen. */
export function refusalText(
  refusal: Refusal,
  group: Group,
  spec: Pick<SpecBase, 'keys'> & Partial<Pick<SpecBase, 'name'>>,
  args: Args,
): string {
  switch (refusal) {
    case 'not-leader': {
      const leader = group.leader();
      if (leader === null) return noLeader;
      return `MOVED ${slotOfCommand(spec, args)} ${leader.host}:${leader.port}`;
    }
    case 'no-leader':
      return noLeader;
    case 'overloaded':
    case 'after-pending':
      return 'TRYAGAIN the node is overloaded or lags behind; the command was not carried out';
    case 'loading':
      return 'LOADING tgcache is loading the dataset in memory';
    case 'out-of-memory':
      return outOfMemory(spec, "OOM command not allowed when used memory > 'maxmemory'.");
    case 'too-large':
      return outOfMemory(spec, "OOM command is larger than 'maxmemory'.");
  }
}

function outOfMemory({ name }: Partial<Pick<SpecBase, 'name'>>, text: string): string {
  return name === 'exec' ? `EXECABORT Transaction discarded because of: ${text}` : text;
}

export const noLeader = 'CLUSTERDOWN Hash slot not served: no leader is known';

/** Slot of the first key; commands without keys use slot 0. */
function slotOfCommand(spec: Pick<SpecBase, 'keys'>, args: Args): number {
  const { first } = spec.keys;
  if (first === 0 || first >= args.count) return 0;
  return slotOf(args.bytes, args.start(first), args.end(first));
}
