/** Inline commands: words parted by blanks, with quotes as Redis' sdssplitargs reads them. */

const escapes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

/** Null: quotes are not balanced. */
export function splitInline(line: Buffer): Buffer[] | null {
  const words: Buffer[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isBlank(line[at]!)) at++;
    if (at >= line.length) return words;
    const word: number[] = [];
    const next = readWord(line, at, word);
    if (next < 0) return null;
    words.push(Buffer.from(word));
    at = next;
  }
}

/** Returns the place behind the word, or -1. */
function readWord(line: Buffer, from: number, word: number[]): number {
  let at = from;
  while (at < line.length && !isBlank(line[at]!)) {
    const char = line[at]!;
    if (char === 34) at = readDouble(line, at + 1, word);
    else if (char === 39) at = readSingle(line, at + 1, word);
    else {
      word.push(char);
      at++;
      continue;
    }
    // A closing quote must end the word.
    if (at < 0 || (at < line.length && !isBlank(line[at]!))) return -1;
  }
  return at;
}

function readDouble(line: Buffer, from: number, word: number[]): number {
  for (let at = from; at < line.length; at++) {
    const char = line[at]!;
    if (char === 34) return at + 1;
    if (char !== 92 || at + 1 >= line.length) {
      word.push(char);
      continue;
    }
    const hex = /^\\x([0-9a-fA-F]{2})/.exec(line.toString('latin1', at, at + 4));
    if (hex !== null) {
      word.push(Number.parseInt(hex[1]!, 16));
      at += 3;
    } else {
      at++;
      word.push(escapes[String.fromCharCode(line[at]!)] ?? line[at]!);
    }
  }
  return -1;
}

function readSingle(line: Buffer, from: number, word: number[]): number {
  for (let at = from; at < line.length; at++) {
    const char = line[at]!;
    if (char === 39) return at + 1;
    if (char === 92 && line[at + 1] === 39) at++;
    word.push(line[at]!);
  }
  return -1;
}

function isBlank(char: number): boolean {
  return char === 32 || (char >= 9 && char <= 13) || char === 0;
}
