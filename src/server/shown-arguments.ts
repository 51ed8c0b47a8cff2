/** Commands as the slow log and MONITOR show them: without passwords, cut where they are long. */
import type { Args } from '../resp/args.js';
import { fullName, type SpecBase } from '../statemachine/command-spec.js';
import { execSpec } from '../statemachine/keyspace-commands.js';

const hidden = '(redacted)';
/** Redis: SLOWLOG_ENTRY_MAX_ARGC and SLOWLOG_ENTRY_MAX_STRING. */
const logArgumentsMax = 32;
const logBytesMax = 128;

/** Whether argument `at` may hold a secret. */
function isSecret(name: string, args: Args, at: number): boolean {
  switch (name) {
    case 'auth':
      return true;
    case 'hello':
      return (at >= 3 && args.is(at - 1, 'AUTH')) || (at >= 4 && args.is(at - 2, 'AUTH'));
    case 'config|set':
      return at >= 3 && args.is(at - 1, 'REQUIREPASS');
    case 'acl|setuser':
      return at >= 2;
    default:
      return false;
  }
}

/** Argument `at` as latin1; at most `bytesMax` bytes of it, with a note on the rest. */
function shown(spec: SpecBase, args: Args, at: number, bytesMax: number): string {
  // The log of the cluster does not keep names.
  if (at === 0 && args.length(0) === 0) return spec.container ?? spec.name;
  if (at > 0 && isSecret(fullName(spec), args, at)) return hidden;
  const more = args.length(at) - bytesMax;
  if (more <= 0) return args.text(at);
  const kept = args.view(at).subarray(0, bytesMax);
  return `${Buffer.from(kept).toString('latin1')}... (${more} more bytes)`;
}

/** Redis: slowlogCreateEntry. */
export function slowLogArguments(spec: SpecBase, args: Args): string[] {
  if (spec === execSpec) return ['EXEC'];
  const count = Math.min(args.count, logArgumentsMax);
  const texts: string[] = [];
  for (let at = 0; at < count; at++) {
    const isNote = at === logArgumentsMax - 1 && args.count > logArgumentsMax;
    const more = args.count - logArgumentsMax + 1;
    texts.push(isNote ? `... (${more} more arguments)` : shown(spec, args, at, logBytesMax));
  }
  return texts;
}

/** All arguments, in full. */
export function monitorArguments(spec: SpecBase, args: Args): string[] {
  const texts: string[] = [];
  for (let at = 0; at < args.count; at++) {
    texts.push(shown(spec, args, at, Number.POSITIVE_INFINITY));
  }
  return texts;
}
