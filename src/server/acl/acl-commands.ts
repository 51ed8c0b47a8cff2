/** The command table as ACL rules name it: full names, categories, and what belongs to what. */
import type { AclCategory, KeyUse, SpecBase } from '../../statemachine/command-spec.js';
import type { AnySpec } from '../command-table.js';

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
  private readonly fullNames = new Map<SpecBase, string>();
  private readonly byName = new Map<string, AnySpec>();

  constructor(specs: readonly AnySpec[]) {
    for (const spec of specs) {
      this.add(spec.name, spec);
      for (const sub of subcommandsOf(spec)) this.add(`${spec.name}|${sub.name}`, sub);
    }
  }

  /** "config|set" in any case. */
  find(fullName: string): AnySpec | null {
    return this.byName.get(fullName.toLowerCase()) ?? null;
  }

  fullName(spec: SpecBase): string {
    return this.fullNames.get(spec) ?? spec.name;
  }

  /** Commands and sub-commands. */
  get all(): Iterable<AnySpec> {
    return this.byName.values();
  }

  private add(fullName: string, spec: AnySpec): void {
    this.byName.set(fullName, spec);
    this.fullNames.set(spec, fullName);
  }
}

export function subcommandsOf(spec: AnySpec): readonly AnySpec[] {
  return spec.kind === 'local' && spec.subcommands !== undefined
    ? [...spec.subcommands.values()]
    : [];
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
