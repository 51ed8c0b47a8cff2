/**
 * 64-bit integers as Redis reads them: in strict form (string2ll). Plain numbers while they are
 * exact, else BigInt.
 */

export type Int64 = number | bigint;

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

/** Null unless the bytes are exactly one 64-bit integer: no blanks, no plus, no leading zeros. */
export function parseInt64(bytes: Uint8Array, start: number, end: number): Int64 | null {
  const negative = start < end && bytes[start] === 45;
  const first = negative ? start + 1 : start;
  const digits = end - first;
  if (digits < 1 || digits > 19) return null;
  if (bytes[first] === 48) return digits === 1 && !negative ? 0 : null;
  let value = 0;
  for (let at = first; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  if (digits <= 15) return negative ? -value : value;
  let text = negative ? '-' : '';
  for (let at = first; at < end; at++) text += String.fromCharCode(bytes[at]!);
  const exact = BigInt(text);
  return exact > int64Max || exact < int64Min ? null : narrow(exact);
}

function narrow(value: bigint): Int64 {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Null when the sum leaves the 64-bit range. */
export function addInt64(a: Int64, b: Int64): Int64 | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const exact = BigInt(a) + BigInt(b);
  return exact > int64Max || exact < int64Min ? null : narrow(exact);
}
