/**
 * Which commands a selector allows. The rules are kept in the order in which they were given, as
 * Redis does, so that a user is described by rules that make the same user.
 */
import { fullName, type SpecBase } from '../../statemachine/command-spec.js';
import { type AnySpec, subcommandsOf } from '../command-table.js';
import { type AclCommands, categoryOf } from './acl-commands.js';
import { type AclFault, hasSpaces } from './acl-fault.js';

export class CommandRules {
  private readonly allowed = new Set<SpecBase>();
  /** A command that is not allowed as such may be with these first arguments: "+select|0". */
  private readonly firstArguments = new Map<SpecBase, Set<string>>();
  /** After "+@all" also commands of later versions are allowed. */
  private startsWithAll = false;
  /** What followed +@all or -@all. */
  private rules: string[] = [];

  constructor(private readonly commands: AclCommands) {}

  get allowsAll(): boolean {
    return this.startsWithAll && this.rules.length === 0;
  }

  allows(called: SpecBase, firstArgument: () => string | null): boolean {
    const spec = this.commands.ruled(called);
    if (this.allowsAll || this.allowed.has(spec)) return true;
    const accepted = this.firstArguments.get(spec);
    if (accepted === undefined) return false;
    const given = firstArgument();
    return given !== null && accepted.has(given.toLowerCase());
  }

  /** Rules such as "+get", "-config|set", "+@read". */
  change(rule: string): AclFault | null {
    const allow = rule[0] === '+';
    const named = rule.slice(1);
    if (named.startsWith('@')) return this.changeCategory(named, allow);
    const spec = this.commands.find(named);
    if (allow && named.includes('|')) return this.allowPart(named, spec);
    if (spec === null) return 'unknown-command';
    this.set(spec, allow);
    this.note(fullName(spec), allow);
    return null;
  }

  describe(): string {
    return [this.startsWithAll ? '+@all' : '-@all', ...this.rules].join(' ');
  }

  private changeCategory(named: string, allow: boolean): AclFault | null {
    if (named.toLowerCase() === '@all') {
      this.changeAll(allow);
      return null;
    }
    const category = categoryOf(named);
    if (category === null) return 'unknown-command';
    this.note(named, allow);
    for (const spec of this.commands.all) {
      if (spec.acl.includes(category)) this.set(spec, allow);
    }
    return null;
  }

  changeAll(allow: boolean): void {
    this.startsWithAll = allow;
    this.rules = [];
    this.firstArguments.clear();
    this.allowed.clear();
    if (allow) for (const spec of this.commands.all) this.allowed.add(spec);
  }

  /** "+config|set", or "+select|0" where the command has no sub-commands. */
  private allowPart(named: string, found: AnySpec | null): AclFault | null {
    const at = named.lastIndexOf('|');
    const parent = this.commands.find(named.slice(0, at));
    const part = named.slice(at + 1);
    if (parent === null) return 'unknown-command';
    if (named.slice(0, at).includes('|')) return 'argument-of-subcommand';
    if (part === '' || hasSpaces(part)) return 'syntax';
    if (subcommandsOf(parent).length > 0) {
      if (found === null) return 'unknown-command';
      this.set(found, true);
    } else {
      const accepted = this.firstArguments.get(parent) ?? new Set();
      this.firstArguments.set(parent, accepted.add(part.toLowerCase()));
    }
    this.note(named, true);
    return null;
  }

  /** Sub-commands follow their command. */
  private set(spec: AnySpec, allow: boolean): void {
    if (allow) this.allowed.add(spec);
    else this.allowed.delete(spec);
    this.firstArguments.delete(spec);
    for (const sub of subcommandsOf(spec)) this.set(sub, allow);
  }

  /** Redis: ACLUpdateCommandRules. A rule takes the place of those on the same and on its parts. */
  private note(name: string, allow: boolean): void {
    const lower = name.toLowerCase();
    this.rules = this.rules.filter((rule) => {
      const other = rule.slice(1);
      return other !== lower && !other.startsWith(`${lower}|`);
    });
    this.rules.push(`${allow ? '+' : '-'}${lower}`);
  }
}
