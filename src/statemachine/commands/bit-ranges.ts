/** Bits of a value, counted from the highest bit of its first byte, and ranges of them. */
import type { Args } from '../../resp/args.js';
import { type Int64, parseInt64 } from '../numbers.js';
import { stringBytesMax } from './spec-helpers.js';

export const badBitOffset = 'ERR bit offset is not an integer or out of range';

/** The offset in argument `index`, or -1; "#3" counts in fields of `fieldBits` bits (0: no "#"). */
export function bitOffset(args: Args, index: number, fieldBits: number): number {
  const inFields = fieldBits > 0 && args.length(index) > 0 && args.bytes[args.start(index)] === 35;
  const value = parseInt64(args.bytes, args.start(index) + (inFields ? 1 : 0), args.end(index));
  if (value === null) return -1;
  // Redis multiplies in 64 bits and lets the product wrap around.
  const offset = inFields ? BigInt.asIntN(64, BigInt(value) * BigInt(fieldBits)) : value;
  return offset < 0 || offset >= stringBytesMax * 8 ? -1 : Number(offset);
}

export interface BitRange {
  readonly from: Int64;
  readonly to: Int64;
  readonly inBits: boolean;
}

/** BIT or BYTE (also where nothing is given) in argument `index`; null: something else. */
export function countsInBits(args: Args, index: number): boolean | null {
  if (args.count <= index) return false;
  if (args.count > index + 1) return null;
  return args.is(index, 'BIT') ? true : args.is(index, 'BYTE') ? false : null;
}

/** First and last bit of the range in a value of `length` bytes; null: there is none. */
export function bitsWithin(
  { from, to, inBits }: BitRange,
  length: number,
): { first: number; last: number } | null {
  const total = inBits ? length * 8 : length;
  const place = (at: Int64) => Math.max(0, at < 0 ? total + Number(at) : Number(at));
  const first = place(from);
  const last = Math.min(place(to), total - 1);
  if (first > last) return null;
  return inBits ? { first, last } : { first: first * 8, last: last * 8 + 7 };
}

const onesOf = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let left = byte; left > 0; left >>= 1) ones += left & 1;
  return ones;
});

/** How many bits of first..last are set in the value that starts at `base`. */
export function countBits(bytes: Uint8Array, base: number, first: number, last: number): number {
  const from = base + (first >>> 3);
  const to = base + (last >>> 3);
  let count = 0;
  for (let at = from; at <= to; at++) count += onesOf[bytes[at]!]!;
  const before = bytes[from]! & ~(0xff >>> (first & 7)) & 0xff;
  const behind = bytes[to]! & (0x7f >>> (last & 7));
  return count - onesOf[before]! - onesOf[behind]!;
}

/** Place of the first bit in first..last that is `bit`, or -1. */
export function findBit(
  bytes: Uint8Array,
  base: number,
  bit: number,
  first: number,
  last: number,
): number {
  const without = bit === 1 ? 0 : 0xff;
  for (let at = first >>> 3; at <= last >>> 3; at++) {
    const byte = bytes[base + at]!;
    if (byte === without) continue;
    for (let place = 0; place < 8; place++) {
      const position = at * 8 + place;
      if (position < first || ((byte >>> (7 - place)) & 1) !== bit) continue;
      return position <= last ? position : -1;
    }
  }
  return -1;
}
