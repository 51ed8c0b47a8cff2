/**
 * Reads the syntax line of a command, as redis.io prints it, into the nested arguments of COMMAND
 * DOCS: "[NX | XX] [EX seconds] key [key ...]".
 */
import type { ReplySink } from '../resp/reply-sink.js';

export interface SyntaxArgument {
  readonly name: string;
  readonly type: 'string' | 'key' | 'pure-token' | 'oneof' | 'block' | 'pattern' | 'integer';
  readonly token: string | null;
  readonly optional: boolean;
  readonly multiple: boolean;
  readonly parts: readonly SyntaxArgument[];
}

export function syntaxArguments(syntax: string): SyntaxArgument[] {
  const words = syntax.match(/\.\.\.|[[\]<>|]|[^\s[\]<>|]+/g) ?? [];
  return new SyntaxReader(words).sequence([]);
}

class SyntaxReader {
  private at = 0;
  constructor(private readonly words: readonly string[]) {}

  sequence(ends: readonly string[]): SyntaxArgument[] {
    const found: SyntaxArgument[] = [];
    while (this.at < this.words.length && !ends.includes(this.words[this.at]!)) {
      const next = this.one();
      const last = found[found.length - 1];
      // "key [key ...]": the second only says that the first repeats.
      if (next.multiple && last !== undefined && next.name.startsWith(last.name)) {
        found[found.length - 1] = { ...last, multiple: true };
      } else found.push(next);
    }
    return found;
  }

  private one(): SyntaxArgument {
    const word = this.words[this.at++]!;
    if (word === '[') return this.group(']', true);
    if (word === '<') return this.group('>', false);
    if (word !== word.toUpperCase() || !/[A-Z]/.test(word)) return value(word, null);
    const next = this.words[this.at];
    const takesValue = next !== undefined && /[a-z]/.test(next) && next === next.toLowerCase();
    if (!takesValue) return { ...value(word.toLowerCase(), word), type: 'pure-token' };
    this.at++;
    return value(next, word);
  }

  private group(end: string, optional: boolean): SyntaxArgument {
    const choices: SyntaxArgument[][] = [];
    let multiple = false;
    for (;;) {
      const parts = this.sequence(['|', end]).filter((part) => {
        if (part.name === '...') multiple = true;
        return part.name !== '...';
      });
      choices.push(parts);
      if (this.words[this.at++] !== '|') break;
    }
    return { ...joined(choices), optional, multiple };
  }
}

function value(name: string, token: string | null): SyntaxArgument {
  const type = name === 'key' || name.endsWith('key') ? 'key' : 'string';
  return { name, type, token, optional: false, multiple: false, parts: [] };
}

function joined(choices: readonly SyntaxArgument[][]): SyntaxArgument {
  const blocks = choices.map(blockOf);
  if (blocks.length === 1) return blocks[0]!;
  const name = blocks.map((block) => block.name).join('-');
  return { ...value(name, null), type: 'oneof', parts: blocks };
}

function blockOf(parts: readonly SyntaxArgument[]): SyntaxArgument {
  if (parts.length === 1) return parts[0]!;
  return { ...value(parts.map((part) => part.name).join('-'), null), type: 'block', parts };
}

export function writeArguments(parts: readonly SyntaxArgument[], reply: ReplySink): void {
  reply.array(parts.length);
  for (const part of parts) {
    const flags = [...(part.optional ? ['optional'] : []), ...(part.multiple ? ['multiple'] : [])];
    const hasParts = part.parts.length > 0;
    reply.map(2 + Number(part.token !== null) + Number(flags.length > 0) + Number(hasParts));
    reply.text('name');
    reply.text(part.name);
    reply.text('type');
    reply.text(part.type);
    if (part.token !== null) {
      reply.text('token');
      reply.text(part.token);
    }
    if (flags.length > 0) {
      reply.text('flags');
      reply.array(flags.length);
      for (const flag of flags) reply.simple(flag);
    }
    if (!hasParts) continue;
    reply.text('arguments');
    writeArguments(part.parts, reply);
  }
}
