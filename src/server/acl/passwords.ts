/** Passwords of users: kept and compared as SHA-256 in hex, as Redis keeps them. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** `password` is latin1: one char per byte. */
export function hashPassword(password: string): string {
  return createHash('sha256').update(password, 'latin1').digest('hex');
}

export function isPasswordHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Compares with all of them, in a time that tells nothing about where they differ. */
export function isOneOf(password: string, hashes: readonly string[]): boolean {
  const given = Buffer.from(hashPassword(password));
  let found = false;
  for (const hash of hashes) if (timingSafeEqual(given, Buffer.from(hash))) found = true;
  return found;
}

/** Redis: getRandomHexChars. So many hexadecimal digits as hold `bits`. */
export function randomPassword(bits: number): string {
  const digits = Math.ceil(bits / 4);
  return randomBytes(Math.ceil(digits / 2))
    .toString('hex')
    .slice(0, digits);
}
