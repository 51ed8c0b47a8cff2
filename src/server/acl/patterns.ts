/** Which keys and channels a selector allows. */
import type { Args } from '../../resp/args.js';
import { globMatchesRange } from '../../statemachine/glob.js';
import { type AclFault, hasSpaces } from './acl-fault.js';

interface KeyPattern {
  readonly text: string;
  readonly bytes: Uint8Array;
  read: boolean;
  write: boolean;
}

const keyPrefix = ({ read, write }: KeyPattern) => (read && write ? '~' : read ? '%R~' : '%W~');

export class KeyPatterns {
  all = false;
  private patterns: KeyPattern[] = [];

  /** allkeys, or resetkeys. */
  reset(all: boolean): void {
    this.all = all;
    this.patterns = [];
  }

  /** "~pattern" or "%RW~pattern"; Redis takes "%RW" alone for an empty pattern. */
  add(rule: string): AclFault | null {
    if (this.all) return 'after-all-keys';
    const [, rights, text] = /^(~|%(?:r|w|rw|wr)(?:~|$))(.*)$/is.exec(rule) ?? [];
    if (rights === undefined || hasSpaces(text!)) return 'syntax';
    const read = rights === '~' || /r/i.test(rights);
    const write = rights === '~' || /w/i.test(rights);
    const known = this.patterns.find((pattern) => pattern.text === text);
    if (known === undefined) {
      this.patterns.push({ text: text!, bytes: Buffer.from(text!, 'latin1'), read, write });
    } else {
      known.read ||= read;
      known.write ||= write;
    }
    return null;
  }

  /** Without a need for either right some pattern must match all the same, as in Redis. */
  allow(args: Args, index: number, read: boolean, write: boolean): boolean {
    if (this.all) return true;
    const start = args.start(index);
    const end = args.end(index);
    return this.patterns.some(
      (pattern) =>
        (pattern.read || !read) &&
        (pattern.write || !write) &&
        globMatchesRange(pattern.bytes, args.bytes, start, end),
    );
  }

  describe(): string {
    if (this.all) return '~*';
    return this.patterns.map((pattern) => keyPrefix(pattern) + pattern.text).join(' ');
  }
}

export class ChannelPatterns {
  all = false;
  private patterns: string[] = [];

  /** allchannels, or resetchannels. */
  reset(all: boolean): void {
    this.all = all;
    this.patterns = [];
  }

  add(pattern: string): AclFault | null {
    if (this.all) return 'after-all-channels';
    if (hasSpaces(pattern)) return 'syntax';
    if (!this.patterns.includes(pattern)) this.patterns.push(pattern);
    return null;
  }

  /** A pattern to listen to must be one of the rules, letter by letter. */
  allow(channel: string, isPattern: boolean): boolean {
    if (this.all) return true;
    if (isPattern) return this.patterns.includes(channel);
    const bytes = Buffer.from(channel, 'latin1');
    return this.patterns.some((pattern) =>
      globMatchesRange(Buffer.from(pattern, 'latin1'), bytes, 0, bytes.length),
    );
  }

  describe(): string {
    if (this.all) return '&*';
    return this.patterns.map((pattern) => `&${pattern}`).join(' ');
  }
}
