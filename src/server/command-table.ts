/**
 * The one table of all commands: those of the keyspace and those a node answers by itself.
 * Looked up straight from the bytes of a request, in an open-addressed hash table.
 */
import { assert } from '../errors.js';
import type { Args } from '../resp/args.js';
import type { KeyspaceSpec } from '../statemachine/command-spec.js';
import type { SessionReadSpec } from './group.js';
import type { LocalSpec } from './local-spec.js';

export type AnySpec = KeyspaceSpec | SessionReadSpec | LocalSpec;

/** Those that Redis names as commands too. */
export function subcommandsOf(spec: AnySpec): readonly AnySpec[] {
  if (spec.kind !== 'local' || spec.subcommands === undefined || spec.oneCommand === true) {
    return [];
  }
  return [...spec.subcommands.values()];
}

export class CommandTable {
  private readonly places: (AnySpec | null)[];
  private readonly byName = new Map<string, AnySpec>();

  constructor(specs: readonly AnySpec[]) {
    let places = 64;
    while (places < specs.length * 4) places *= 2;
    this.places = new Array<AnySpec | null>(places).fill(null);
    for (const spec of specs) this.add(spec);
  }

  /** In the order of their names. */
  get all(): readonly AnySpec[] {
    return [...this.byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The command that argument 0 names, in any case. */
  find(args: Args): AnySpec | null {
    const { bytes } = args;
    const { places } = this;
    const start = args.start(0);
    const end = args.end(0);
    let hash = 0;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 33) + (bytes[at]! | 32)) | 0;
    const mask = places.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const spec = places[place]!;
      if (spec === null || isNamed(spec.name, bytes, start, end)) return spec;
    }
  }

  /** By name in any case; "client|id" names a sub-command. */
  named(name: string): AnySpec | null {
    const [first, second, third] = name.toLowerCase().split('|');
    const spec = third === undefined ? (this.byName.get(first!) ?? null) : null;
    if (second === undefined || spec === null) return spec;
    return spec.kind === 'local' ? (spec.subcommands?.get(second) ?? null) : null;
  }

  private add(spec: AnySpec): void {
    assert(!this.byName.has(spec.name), `two commands named ${spec.name}`);
    this.byName.set(spec.name, spec);
    let hash = 0;
    for (let at = 0; at < spec.name.length; at++) {
      hash = (Math.imul(hash, 33) + (spec.name.charCodeAt(at) | 32)) | 0;
    }
    const mask = this.places.length - 1;
    let place = hash & mask;
    while (this.places[place] !== null) place = (place + 1) & mask;
    this.places[place] = spec;
  }
}

function isNamed(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== name.length) return false;
  for (let at = 0; at < name.length; at++) {
    const byte = bytes[start + at]!;
    const lower = byte >= 65 && byte <= 90 ? byte + 32 : byte;
    if (lower !== name.charCodeAt(at)) return false;
  }
  return true;
}

/** Redis' arity rule: the name counts; -n means n or more. */
export function arityFits(arity: number, count: number): boolean {
  return arity >= 0 ? count === arity : count >= -arity;
}
