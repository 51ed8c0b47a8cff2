/** A set of rules on commands, keys and channels (Redis: aclSelector). A user has one or more. */
import type { Args } from '../../resp/args.js';
import type { KeyUse, SpecBase } from '../../statemachine/command-spec.js';
import { keyPositions } from '../key-arguments.js';
import { type AclCommands, useOfKey } from './acl-commands.js';
import type { AclFault } from './acl-fault.js';
import { CommandRules } from './command-rules.js';
import { ChannelPatterns, KeyPatterns } from './patterns.js';

/** What was not allowed; `index` is the argument that names the key or channel. */
export interface Denial {
  readonly reason: 'command' | 'key' | 'channel';
  readonly index: number;
}

/** Which arguments of a command are channels, or patterns of channels. */
export interface ChannelSpec {
  readonly first: number;
  /** Negative counts from the end. */
  readonly last: number;
  readonly pattern: boolean;
}

/** What the check needs to know of a command. */
export type CheckedSpec = SpecBase & { readonly channels?: ChannelSpec };

const neither = { read: false, write: false };
const reading = { read: true, write: false };
const writing = { read: false, write: true };
const both = { read: true, write: true };
const rightsFor: Readonly<Record<KeyUse, { readonly read: boolean; readonly write: boolean }>> = {
  RO: neither,
  'RO access': reading,
  'RW access update': both,
  'RW access delete': both,
  'RW insert': writing,
  'RW update': writing,
  'OW insert': writing,
  'OW update': writing,
  'RM delete': writing,
};

export class Selector {
  readonly commands: CommandRules;
  readonly keys = new KeyPatterns();
  readonly channels = new ChannelPatterns();

  constructor(commands: AclCommands) {
    this.commands = new CommandRules(commands);
  }

  get allowsAll(): boolean {
    return this.commands.allowsAll && this.keys.all && this.channels.all;
  }

  change(rule: string): AclFault | null {
    const word = this.words.get(rule.toLowerCase());
    if (word !== undefined) word();
    else if (rule[0] === '~' || rule[0] === '%') return this.keys.add(rule);
    else if (rule[0] === '&') return this.channels.add(rule.slice(1));
    else if (rule[0] === '+' || rule[0] === '-') return this.commands.change(rule);
    else if (rule !== '') return 'syntax';
    return null;
  }

  private readonly words: ReadonlyMap<string, () => void> = new Map([
    ['allkeys', () => this.keys.reset(true)],
    ['~*', () => this.keys.reset(true)],
    ['resetkeys', () => this.keys.reset(false)],
    ['allchannels', () => this.channels.reset(true)],
    ['&*', () => this.channels.reset(true)],
    ['resetchannels', () => this.channels.reset(false)],
    ['allcommands', () => this.commands.changeAll(true)],
    ['nocommands', () => this.commands.changeAll(false)],
  ]);

  check(spec: CheckedSpec, args: Args): Denial | null {
    if (!spec.flags.includes('no_auth') && !this.allowsCommand(spec, args)) {
      return { reason: 'command', index: 0 };
    }
    return this.checkKeys(spec, args) ?? this.checkChannels(spec, args);
  }

  describe(): string {
    const channels = this.channels.all ? '&*' : `resetchannels ${this.channels.describe()}`;
    const parts = [this.keys.describe(), channels.trim(), this.commands.describe()];
    return parts.filter((part) => part !== '').join(' ');
  }

  private allowsCommand(spec: SpecBase, args: Args): boolean {
    return this.commands.allows(spec, () => (args.count > 1 ? args.text(1) : null));
  }

  private checkKeys(spec: SpecBase, args: Args): Denial | null {
    if (this.keys.all || spec.keys.first === 0) return null;
    for (const [nth, index] of keyPositions(spec, args).entries()) {
      const { read, write } = rightsFor[useOfKey(spec, args, nth)];
      if (!this.keys.allow(args, index, read, write)) return { reason: 'key', index };
    }
    return null;
  }

  private checkChannels({ channels }: CheckedSpec, args: Args): Denial | null {
    if (this.channels.all || channels === undefined) return null;
    const last = channels.last < 0 ? args.count + channels.last : channels.last;
    for (let index = channels.first; index <= last; index++) {
      if (!this.channels.allow(args.text(index), channels.pattern)) {
        return { reason: 'channel', index };
      }
    }
    return null;
  }
}
