/** Commands given as words of latin1 text, one char per byte. */
import { Args } from '../../src/resp/args.js';
import type { KeyspaceSpec } from '../../src/statemachine/command-spec.js';
import { keyspaceSpecs } from '../../src/statemachine/keyspace-commands.js';

const specs = new Map(keyspaceSpecs.map((spec) => [spec.name, spec]));

/** Throws where there is no such command. */
export function specOf(name: string): KeyspaceSpec {
  const spec = specs.get(name.toLowerCase());
  if (spec === undefined) throw new Error(`no command ${name}`);
  return spec;
}

const between = '\r\n$3\r\n';

/** As the parser leaves them: the name is argument 0. */
export function argsOf(...words: string[]): Args {
  const args = new Args();
  // As in a request: something lies between them.
  args.reset(Buffer.from(words.join(between), 'latin1'));
  let at = 0;
  for (const word of words) {
    args.push(at, at + word.length);
    at += word.length + between.length;
  }
  return args;
}
