/** All commands of the keyspace, and the way from an opcode of the log to its command. */
import { assert, TgError } from '../errors.js';
import type { KeyspaceSpec, ReadSpec } from './command-spec.js';
import { bitFieldCommands } from './commands/bitfield.js';
import { bitCommands } from './commands/bits.js';
import { conditionalCommands } from './commands/conditional.js';
import { counterCommands } from './commands/counters.js';
import { databaseCommands } from './commands/databases.js';
import { dumpCommands } from './commands/dump.js';
import { expiryCommands } from './commands/expiry.js';
import { incrExCommands } from './commands/increx.js';
import { keyCommands } from './commands/keys.js';
import { lcsCommands } from './commands/lcs.js';
import { objectCommands } from './commands/object.js';
import { scanCommands } from './commands/scan.js';
import { setCommands } from './commands/set.js';
import { stringCommands } from './commands/strings.js';
import { makeExecSpec } from './transaction.js';

/** What clients may send. */
export const keyspaceSpecs: readonly KeyspaceSpec[] = [
  ...setCommands,
  ...stringCommands,
  ...counterCommands,
  ...incrExCommands,
  ...conditionalCommands,
  ...bitCommands,
  ...bitFieldCommands,
  ...lcsCommands,
  ...keyCommands,
  ...databaseCommands,
  ...dumpCommands,
  ...expiryCommands,
  ...scanCommands,
];

/** Sub-commands that read the keyspace; the server knows which command they belong to. */
export const keyspaceSubcommands: readonly ReadSpec[] = objectCommands;

/** EXEC as the log knows it; the server makes it of MULTI ... EXEC. */
export const execSpec = makeExecSpec(specByOpcode);

const byOpcode = indexByOpcode([...keyspaceSpecs, ...keyspaceSubcommands, execSpec]);

function indexByOpcode(specs: readonly KeyspaceSpec[]): readonly (KeyspaceSpec | undefined)[] {
  const index: (KeyspaceSpec | undefined)[] = [];
  for (const spec of specs) {
    assert(index[spec.opcode] === undefined, `opcode ${spec.opcode} is used twice`);
    index[spec.opcode] = spec;
  }
  return index;
}

export function findSpec(opcode: number): KeyspaceSpec | undefined {
  return byOpcode[opcode];
}

/** An entry with a command this version does not know stops the node (requirement 33). */
export function specByOpcode(opcode: number): KeyspaceSpec {
  const spec = findSpec(opcode);
  if (spec === undefined) {
    throw new TgError('UNKNOWN_FORMAT', `the log holds a command (${opcode}) of a newer version`);
  }
  return spec;
}
