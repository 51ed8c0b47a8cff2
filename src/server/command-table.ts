/**
 * The one table of all commands: those of the keyspace and those a node answers by itself.
 * Looked up straight from the bytes of a request.
 */
import { assert } from '../errors.js';
import type { Args } from '../resp/args.js';
import type { KeyspaceSpec } from '../statemachine/command-spec.js';
import type { SessionReadSpec } from './group.js';
import type { LocalSpec } from './local-spec.js';

export type AnySpec = KeyspaceSpec | SessionReadSpec | LocalSpec;

export class CommandTable {
  private readonly byHash = new Map<number, AnySpec[]>();
  private readonly byName = new Map<string, AnySpec>();

  constructor(specs: readonly AnySpec[]) {
    for (const spec of specs) this.add(spec);
  }

  get all(): readonly AnySpec[] {
    return [...this.byName.values()];
  }

  /** The command that argument 0 names, in any case. */
  find(args: Args): AnySpec | null {
    const { bytes } = args;
    const start = args.start(0);
    const end = args.end(0);
    let hash = 0;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 33) + (bytes[at]! | 32)) | 0;
    const candidates = this.byHash.get(hash);
    if (candidates === undefined) return null;
    for (const spec of candidates) {
      if (isNamed(spec.name, bytes, start, end)) return spec;
    }
    return null;
  }

  named(name: string): AnySpec | null {
    return this.byName.get(name.toLowerCase()) ?? null;
  }

  private add(spec: AnySpec): void {
    assert(!this.byName.has(spec.name), `two commands named ${spec.name}`);
    this.byName.set(spec.name, spec);
    let hash = 0;
    for (let at = 0; at < spec.name.length; at++) {
      hash = (Math.imul(hash, 33) + (spec.name.charCodeAt(at) | 32)) | 0;
    }
    const there = this.byHash.get(hash);
    if (there === undefined) this.byHash.set(hash, [spec]);
    else there.push(spec);
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
