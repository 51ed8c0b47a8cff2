/**
 * The hash of a key, and linear hashing. The hash is part of the replicated state
 * (its top bits choose the groups of the thrash duel), so it never changes. Keys that collide on
 * purpose make chains longer and nothing else.
 */

function finish(mixed: number): number {
  let hash = mixed;
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}

/** Signed 32 bits, each bit of which depends on all bytes. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = Math.imul(end - start, 0x9e3779b1);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash = Math.imul(hash ^ mixWord(word), 0x85ebca77) ^ (hash >>> 15);
  }
  let tail = 0;
  for (; at < end; at++) tail = (tail << 8) | bytes[at]!;
  return finish(hash ^ mixWord(tail));
}

/** As if the key were another one in each database; that of internal number 0 is hashBytes(). */
export function hashKey(bytes: Uint8Array, start: number, end: number, internal: number): number {
  const hash = hashBytes(bytes, start, end);
  return internal === 0 ? hash : hash ^ Math.imul(internal, 0x9e3779b1);
}

function mixWord(word: number): number {
  const mixed = Math.imul(word, 0xc2b2ae3d);
  return mixed ^ (mixed >>> 15);
}

/** A second hash of 32 bits from the first, for tables that should not fill in step with it. */
export function rehash(hash: number): number {
  return finish(Math.imul(hash, 0x9e3779b1) ^ 0x5bd1e995);
}

/** Linear hashing: the bucket of `hash` while there are `count` >= 1 of them. */
export function linearBucket(hash: number, count: number): number {
  const mask = count === 1 ? 0 : (1 << (32 - Math.clz32(count - 1))) - 1;
  const bucket = hash & mask;
  return bucket < count ? bucket : bucket & (mask >>> 1);
}

/** The bucket that is split when bucket `count` >= 1 is added. */
export function linearParent(count: number): number {
  return count ^ (1 << (31 - Math.clz32(count)));
}
