/** The command table as ACL rules name it: full names, categories, and what belongs to what. */

import type { Args } from '../../resp/args.js';
import {
  type AclCategory,
  fullName,
  type KeyUse,
  type SpecBase,
} from '../../statemachine/command-spec.js';
import { type AnySpec, subcommandsOf } from '../command-table.js';

/** Redis: ACLCommandCategories, in the order in which ACL CAT gives them. */
export const aclCategories: readonly AclCategory[] = [
  ...([
    'keyspace',
    'read',
    'write',
    'set',
    'sortedset',
    'list',
    'hash',
    'string',
    'bitmap',
  ] as const),
  ...(['hyperloglog', 'geo', 'stream', 'pubsub', 'admin', 'fast', 'slow', 'blocking'] as const),
  ...(['dangerous', 'connection', 'transaction', 'scripting'] as const),
];

export class AclCommands {
  private readonly byName = new Map<string, AnySpec>();
  private readonly parts = new Map<SpecBase, AnySpec>();

  constructor(specs: readonly AnySpec[]) {
    for (const spec of specs) {
      for (const each of [spec, ...subcommandsOf(spec)]) this.byName.set(fullName(each), each);
      if (spec.kind !== 'local' || spec.oneCommand !== true) continue;
      for (const part of spec.subcommands!.values()) this.parts.set(part, spec);
    }
  }

  /** What rules on it name: DEBUG for all that DEBUG does. */
  ruled(spec: SpecBase): SpecBase {
    return this.parts.get(spec) ?? spec;
  }

  /** "config|set" in any case. */
  find(name: string): AnySpec | null {
    return this.byName.get(name.toLowerCase()) ?? null;
  }

  /** Commands and sub-commands. */
  get all(): Iterable<AnySpec> {
    return this.byName.values();
  }
}

/** The category that "@read" names in any case, or null. */
export function categoryOf(text: string): AclCategory | null {
  const name = text.slice(1).toLowerCase();
  return aclCategories.find((category) => category === name) ?? null;
}

/** What a command does with its keys as far as nothing else is said (command-spec.ts). */
export function usesOf(spec: SpecBase): readonly KeyUse[] {
  const byFlags: KeyUse = spec.flags.includes('readonly') ? 'RO access' : 'RW access update';
  return spec.keys.uses ?? [byFlags];
}

/** What this call does with its nth key, from 0 on. */
export function useOfKey(spec: SpecBase, args: Args, nth: number): KeyUse {
  const uses = usesOf(spec);
  return spec.keys.useOf?.(args) ?? uses[Math.min(nth, uses.length - 1)]!;
}
