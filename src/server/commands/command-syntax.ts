/**
 * Reads the syntax line of a command, as redis.io prints it, into the tree of arguments that
 * COMMAND DOCS gives: "key value [NX | XX] [EX seconds | PX milliseconds] [key ...]".
 * Upper-case words are tokens; [..] is optional, <..> a choice, "..." repeats.
 */
export interface DocArgument {
  name: string;
  type: 'key' | 'string' | 'integer' | 'double' | 'pattern' | 'pure-token' | 'oneof' | 'block';
  token?: string;
  optional?: boolean;
  multiple?: boolean;
  arguments?: DocArgument[];
}

const keyNames = new Set(['key', 'newkey', 'source', 'destination']);
const integerNames = new Set(
  (
    'seconds milliseconds count cursor offset start stop end index increment decrement ' +
    'numkeys numreplicas timeout protover client-id slot'
  ).split(' '),
);
const isInteger = (name: string) => integerNames.has(name) || name.includes('-time');

export function parseSyntax(syntax: string): DocArgument[] {
  return new SyntaxReader(syntax.match(/[[\]<>|]|[^\s[\]<>|]+/g) ?? []).sequence();
}

class SyntaxReader {
  private at = 0;
  /** The last sequence ended with "...". */
  private repeats = false;

  constructor(private readonly words: readonly string[]) {}

  /** Up to the closing bracket, a bar or the end. */
  sequence(): DocArgument[] {
    const found: DocArgument[] = [];
    this.repeats = false;
    for (;;) {
      const word = this.words[this.at];
      if (word === undefined || word === ']' || word === '>' || word === '|') return found;
      this.at++;
      if (word === '[' || word === '<') this.group(word, found);
      else if (word === '...') this.repeats = true;
      else if (isToken(word)) found.push(this.tokenArgument(word));
      else found.push({ name: word, type: typeOf(word) });
    }
  }

  private group(open: string, before: DocArgument[]): void {
    const choices: DocArgument[] = [];
    let repeated = false;
    for (;;) {
      const parts = this.sequence();
      if (this.repeats) repeated = true;
      choices.push(asOne(parts));
      if (this.words[this.at++] !== '|') break;
    }
    const only = choices[0]!;
    if (repeated && choices.length === 1 && markRepeated(before, only)) return;
    const argument: DocArgument =
      choices.length === 1 ? only : { name: only.name, type: 'oneof', arguments: choices };
    if (open === '[') argument.optional = true;
    if (repeated) argument.multiple = true;
    this.repeats = false;
    before.push(argument);
  }

  private tokenArgument(token: string): DocArgument {
    const values: DocArgument[] = [];
    for (;;) {
      const word = this.words[this.at];
      if (word === undefined || /^([[\]<>|]|\.\.\.)$/.test(word) || isToken(word)) break;
      values.push({ name: word, type: typeOf(word) });
      this.at++;
    }
    const name = token.toLowerCase();
    if (values.length === 0) return { name, type: 'pure-token', token };
    if (values.length === 1) return { ...values[0]!, token };
    return { name, type: 'block', token, arguments: values };
  }
}

/** "key [key ...]", "key value [key value ...]": what came before may come many times. */
function markRepeated(before: DocArgument[], repeated: DocArgument): boolean {
  const parts = repeated.type === 'block' ? (repeated.arguments ?? []) : [repeated];
  const same = before.slice(-parts.length);
  if (same.length !== parts.length || same.some((arg, at) => arg.name !== parts[at]!.name)) {
    return false;
  }
  if (same.length === 1) same[0]!.multiple = true;
  else {
    before.splice(-same.length, same.length, {
      name: 'data',
      type: 'block',
      multiple: true,
      arguments: same,
    });
  }
  return true;
}

function asOne(parts: DocArgument[]): DocArgument {
  if (parts.length === 1) return parts[0]!;
  return { name: parts[0]?.name ?? 'options', type: 'block', arguments: parts };
}

function isToken(word: string): boolean {
  return /^[A-Z][A-Z0-9_-]*$/.test(word);
}

function typeOf(name: string): DocArgument['type'] {
  if (keyNames.has(name)) return 'key';
  if (name === 'pattern') return 'pattern';
  return isInteger(name) ? 'integer' : 'string';
}
