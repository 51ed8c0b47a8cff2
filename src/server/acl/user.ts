/** One user: whether it is on, its passwords, its selectors (Redis: user of acl.c). */
import type { Args } from '../../resp/args.js';
import type { AclCommands } from './acl-commands.js';
import type { AclFault } from './acl-fault.js';
import { hashPassword, isOneOf, isPasswordHash } from './passwords.js';
import { type CheckedSpec, type Denial, Selector } from './selector.js';

const severity = { command: 0, key: 1, channel: 2 } as const;

export class User {
  enabled = false;
  /** Any password will do. */
  noPassword = false;
  sanitizePayload = true;
  passwords: readonly string[] = [];
  /** The first is the one that rules outside of parentheses change. */
  selectors: readonly Selector[];
  /** Removed: its connections end, and until then it may do nothing. */
  deleted = false;
  /** May do everything: then nothing needs to be checked. Kept by the registry (acl.ts). */
  unrestricted = false;

  constructor(
    readonly name: string,
    private readonly commands: AclCommands,
  ) {
    this.selectors = [new Selector(commands)];
  }

  get root(): Selector {
    return this.selectors[0]!;
  }

  get allowsAll(): boolean {
    return !this.deleted && this.root.allowsAll;
  }

  /** Takes over what the other is; the connections of this user go on with it. */
  become(other: User): void {
    this.enabled = other.enabled;
    this.noPassword = other.noPassword;
    this.sanitizePayload = other.sanitizePayload;
    this.passwords = other.passwords;
    this.selectors = other.selectors;
  }

  /** One rule of ACL SETUSER, a selector in parentheses being one. */
  change(rule: string): AclFault | null {
    if (rule.startsWith('>') || rule.startsWith('#')) return this.addPassword(rule);
    if (rule.startsWith('<') || rule.startsWith('!')) return this.removePassword(rule);
    if (rule.length > 1 && rule.startsWith('(') && rule.endsWith(')')) return this.select(rule);
    const word = this.words.get(rule.toLowerCase());
    if (word === undefined) return this.root.change(rule);
    word();
    return null;
  }

  private readonly words: ReadonlyMap<string, () => void> = new Map([
    [
      'on',
      () => {
        this.enabled = true;
      },
    ],
    [
      'off',
      () => {
        this.enabled = false;
      },
    ],
    ['nopass', () => this.setNoPassword(true)],
    ['resetpass', () => this.setNoPassword(false)],
    [
      'sanitize-payload',
      () => {
        this.sanitizePayload = true;
      },
    ],
    [
      'skip-sanitize-payload',
      () => {
        this.sanitizePayload = false;
      },
    ],
    [
      'clearselectors',
      () => {
        this.selectors = [this.root];
      },
    ],
    ['reset', () => this.become(new User(this.name, this.commands))],
  ]);

  private setNoPassword(on: boolean): void {
    this.noPassword = on;
    this.passwords = [];
  }

  private addPassword(rule: string): AclFault | null {
    const given = rule.slice(1);
    if (rule[0] === '#' && !isPasswordHash(given)) return 'bad-hash';
    const hash = rule[0] === '#' ? given : hashPassword(given);
    if (!this.passwords.includes(hash)) this.passwords = [...this.passwords, hash];
    this.noPassword = false;
    return null;
  }

  private removePassword(rule: string): AclFault | null {
    const given = rule.slice(1);
    if (rule[0] === '!' && !isPasswordHash(given)) return 'bad-hash';
    const hash = rule[0] === '!' ? given : hashPassword(given);
    if (!this.passwords.includes(hash)) return 'no-such-password';
    this.passwords = this.passwords.filter((each) => each !== hash);
    return null;
  }

  private select(rule: string): AclFault | null {
    const selector = new Selector(this.commands);
    for (const part of rule.slice(1, -1).split(/[ \t\n\v\f\r]+/)) {
      const fault = selector.change(part);
      if (fault !== null) return fault;
    }
    this.selectors = [...this.selectors, selector];
    return null;
  }

  accepts(password: string): boolean {
    const matches = isOneOf(password, this.passwords);
    return this.enabled && (this.noPassword || matches);
  }

  /** Null: allowed. Redis tells the last key or channel that no selector took. */
  check(spec: CheckedSpec, args: Args): Denial | null {
    let worst: Denial = { reason: 'command', index: 0 };
    if (this.deleted) return worst;
    for (const selector of this.selectors) {
      const denial = selector.check(spec, args);
      if (denial === null) return null;
      const more = severity[denial.reason] - severity[worst.reason];
      if (more > 0 || (more === 0 && denial.index > worst.index)) worst = denial;
    }
    return worst;
  }

  mayHear(channel: string, isPattern: boolean): boolean {
    return !this.deleted && this.selectors.some((each) => each.channels.allow(channel, isPattern));
  }

  get flags(): string[] {
    return [
      this.enabled ? 'on' : 'off',
      ...(this.noPassword ? ['nopass'] : []),
      this.sanitizePayload ? 'sanitize-payload' : 'skip-sanitize-payload',
    ];
  }

  /** The rules that make this user from a new one. */
  get rules(): readonly string[] {
    const [root, ...others] = this.selectors.map((selector) => selector.describe());
    return [
      ...this.flags,
      ...this.passwords.map((hash) => `#${hash}`),
      ...root!.split(' '),
      ...others.map((selector) => `(${selector})`),
    ];
  }
}

/**
 * Puts selectors together that stand in several words: "(~a", "+get)". A text names the word that
 * opens a selector which is never closed (Redis: ACLMergeSelectorArguments).
 */
export function mergeSelectors(words: readonly string[]): readonly string[] | { open: string } {
  const rules: string[] = [];
  let open: string[] = [];
  for (const word of words) {
    const opens = open.length === 0 && word.startsWith('(') && !word.endsWith(')');
    if (!opens && open.length === 0) rules.push(word);
    else {
      open.push(word);
      if (opens || !word.endsWith(')')) continue;
      rules.push(open.join(' '));
      open = [];
    }
  }
  return open.length > 0 ? { open: open[0]! } : rules;
}
