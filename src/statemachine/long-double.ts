/**
 * The numbers of INCRBYFLOAT: Redis computes in x87 long doubles (a mantissa of 64 bits, rounded
 * to even), reads them with strtold and prints them with "%.17Lf". Done here in integers, so that
 * every replica, on whatever machine, gets the same digits as Redis.
 */
import { latin1Text } from './batch-format.js';

/** mantissa * 2^exponent. */
export interface LongDouble {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const mantissaBits = 64;
/** Exponent of the last bit of the smallest number; below the bits of the largest. */
const exponentMin = -16_445;
const bitsMax = 16_384;
/** Redis: MAX_LONG_DOUBLE_CHARS; longer text is no number. */
const charsMax = 5 * 1024;
/** Exponents beyond leave the range whatever digits stand before them. */
const writtenExponentMax = 100_000;
/** Redis prints so many digits behind the point, without trailing zeros. */
const printedDigits = 17;

export const longDoubleMax: LongDouble = {
  mantissa: 2n ** BigInt(mantissaBits) - 1n,
  exponent: bitsMax - mantissaBits,
};

/** Null: no valid float, or one out of range. 'infinite': inf, which no sum may become. */
export function parseLongDouble(bytes: Uint8Array): LongDouble | 'infinite' | null {
  if (bytes.length >= charsMax) return null;
  const text = latin1Text(bytes).toLowerCase();
  if (/^[+-]?inf(inity)?$/.test(text)) return 'infinite';
  const parsed = parseDecimal(text) ?? parseHexadecimal(text);
  return parsed === 'infinite' ? null : parsed;
}

function parseDecimal(text: string): LongDouble | 'infinite' | null {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/.exec(text);
  if (parts === null) return null;
  const [, sign, whole = '', fraction = '', written = '0'] = parts;
  if (whole === '' && fraction === '') return null;
  const digits = BigInt(`${sign}${whole}${fraction}`.replace('+', ''));
  if (digits === 0n) return { mantissa: 0n, exponent: 0 };
  if (Math.abs(Number(written)) > writtenExponentMax) return null;
  const exponent = Number(written) - fraction.length;
  const power = 10n ** BigInt(Math.abs(exponent));
  return exponent >= 0 ? round(digits * power, 1n, 0) : round(digits, power, 0);
}

/** C: 0x1.8p3 is 12. */
function parseHexadecimal(text: string): LongDouble | 'infinite' | null {
  const parts = /^([+-]?)0x([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/.exec(text);
  if (parts === null) return null;
  const [, sign, whole = '', fraction = '', written = '0'] = parts;
  if (whole === '' && fraction === '') return null;
  const digits = BigInt(`0x${whole}${fraction}`);
  if (digits === 0n) return { mantissa: 0n, exponent: 0 };
  if (Math.abs(Number(written)) > writtenExponentMax) return null;
  return round(sign === '-' ? -digits : digits, 1n, Number(written) - 4 * fraction.length);
}

/** 'infinite' when the sum is too large. */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | 'infinite' {
  const exponent = Math.min(a.exponent, b.exponent);
  const at = (one: LongDouble) => one.mantissa << BigInt(one.exponent - exponent);
  const sum = at(a) + at(b);
  // What both are multiples of cannot be lost, so a sum never vanishes.
  return sum === 0n ? { mantissa: 0n, exponent: 0 } : round(sum, 1n, exponent)!;
}

export function negateLongDouble({ mantissa, exponent }: LongDouble): LongDouble {
  return { mantissa: -mantissa, exponent };
}

/** Below, at or above zero as `a` is below, equal to or above `b`. */
export function compareLongDoubles(a: LongDouble, b: LongDouble): number {
  const exponent = Math.min(a.exponent, b.exponent);
  const at = (one: LongDouble) => one.mantissa << BigInt(one.exponent - exponent);
  return at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : 0;
}

/** The nearest long double of n / d * 2^exponent; null when it is too small, as strtold says. */
function round(n: bigint, d: bigint, exponent: number): LongDouble | 'infinite' | null {
  const size = n < 0n ? -n : n;
  let last = bitLength(size) - bitLength(d) - mantissaBits + exponent;
  // The quotient of numbers of these lengths has this many bits or one more.
  if (scaled(size, d, exponent - last).quotient >> BigInt(mantissaBits) > 0n) last++;
  last = Math.max(last, exponentMin);
  const mantissa = scaledToEven(size, d, exponent - last);
  if (mantissa === 0n) return null;
  if (bitLength(mantissa) + last > bitsMax) return 'infinite';
  return { mantissa: n < 0n ? -mantissa : mantissa, exponent: last };
}

/** n / d * 2^shift as quotient, remainder and divisor. */
function scaled(n: bigint, d: bigint, shift: number) {
  const numerator = shift > 0 ? n << BigInt(shift) : n;
  const divisor = shift < 0 ? d << BigInt(-shift) : d;
  return { quotient: numerator / divisor, rest: numerator % divisor, divisor };
}

function scaledToEven(n: bigint, d: bigint, shift: number): bigint {
  const { quotient, rest, divisor } = scaled(n, d, shift);
  const twice = rest * 2n;
  const up = twice > divisor || (twice === divisor && quotient % 2n !== 0n);
  return up ? quotient + 1n : quotient;
}

function bitLength(value: bigint): number {
  const text = value.toString(16);
  return text.length * 4 - Math.clz32(Number.parseInt(text[0]!, 16)) + 28;
}

/** As Redis' "%.17Lf" without trailing zeros. */
export function formatLongDouble({ mantissa, exponent }: LongDouble): string {
  const size = mantissa < 0n ? -mantissa : mantissa;
  const digits = scaledToEven(size * 10n ** BigInt(printedDigits), 1n, exponent);
  const text = String(digits).padStart(printedDigits + 1, '0');
  const fraction = text.slice(-printedDigits).replace(/0+$/, '');
  const body = text.slice(0, -printedDigits) + (fraction === '' ? '' : `.${fraction}`);
  return mantissa < 0n && body !== '0' ? `-${body}` : body;
}
