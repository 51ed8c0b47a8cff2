/**
 * Redis' glob patterns (stringmatchlen): * ? [a-z] [^a] and \ as escape, over bytes. Backtracks
 * only to the last star, so a hostile pattern costs pattern times text and never more.
 */

const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const CLOSE = 93;
const BACKSLASH = 92;
const CARET = 94;
const MINUS = 45;

export function globMatches(pattern: Uint8Array, text: Uint8Array): boolean {
  return globMatchesRange(pattern, text, 0, text.length);
}

export function globMatchesRange(
  pattern: Uint8Array,
  text: Uint8Array,
  start: number,
  end: number,
): boolean {
  // Redis does not look into the pattern of an empty text: "**" takes none, a lone star does.
  if (start === end) return pattern.length === 0 || (pattern.length === 1 && pattern[0] === STAR);
  let p = 0;
  let t = start;
  let starAt = -1;
  let starText = 0;
  for (;;) {
    if (p < pattern.length && pattern[p] === STAR) {
      starAt = ++p;
      starText = t;
      continue;
    }
    if (t === end && p >= pattern.length) return true;
    const next = t < end && p < pattern.length ? matchOne(pattern, p, text[t]!) : -1;
    if (next >= 0) {
      p = next;
      t++;
    } else if (starAt >= 0 && starText < end) {
      p = starAt;
      t = ++starText;
    } else return false;
  }
}

/** The place behind the pattern element at `p` when it takes `byte`, else -1. */
function matchOne(pattern: Uint8Array, p: number, byte: number): number {
  const element = pattern[p]!;
  if (element === QUESTION) return p + 1;
  if (element === OPEN) return matchClass(pattern, p + 1, byte);
  if (element === BACKSLASH && p + 1 < pattern.length) {
    return pattern[p + 1] === byte ? p + 2 : -1;
  }
  return element === byte ? p + 1 : -1;
}

function matchClass(pattern: Uint8Array, from: number, byte: number): number {
  let p = from;
  const negated = pattern[p] === CARET;
  if (negated) p++;
  let found = false;
  for (; p < pattern.length && pattern[p] !== CLOSE; p++) {
    if (pattern[p] === BACKSLASH && p + 1 < pattern.length) {
      if (pattern[++p] === byte) found = true;
    } else if (pattern[p + 1] === MINUS && p + 2 < pattern.length) {
      const low = Math.min(pattern[p]!, pattern[p + 2]!);
      const high = Math.max(pattern[p]!, pattern[p + 2]!);
      if (byte >= low && byte <= high) found = true;
      p += 2;
    } else if (pattern[p] === byte) found = true;
  }
  // Redis: a class that is never closed ends with the pattern.
  const behind = p < pattern.length ? p + 1 : p;
  return found !== negated ? behind : -1;
}
