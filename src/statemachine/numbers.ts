/**
 * Numbers as Redis reads and prints them: 64-bit integers in strict form (string2ll), and the
 * decimal fractions of INCRBYFLOAT. Integers are plain numbers while they are exact, else BigInt.
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

/** A decimal fraction: digits * 10^-scale. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/** Redis prints at most so many digits behind the point. */
const printedScale = 17;
/** Beyond it a long double overflows. */
const exponentMax = 4932;

/** Null: no valid float. 'infinite': inf, which no sum may become. */
export function parseDecimal(text: string): Decimal | 'infinite' | null {
  if (/^[+-]?inf(inity)?$/i.test(text)) return 'infinite';
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,6}))?$/i.exec(text);
  if (parts === null) return null;
  const [, sign, whole = '', fraction = '', exponentText = '0'] = parts;
  if (whole === '' && fraction === '') return null;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > exponentMax || whole.length + fraction.length > exponentMax) return null;
  const digits = BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  const scale = fraction.length - exponent;
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  const at = (d: Decimal) => d.digits * 10n ** BigInt(scale - d.scale);
  return { digits: at(a) + at(b), scale };
}

/** As Redis' "%.17Lf" without trailing zeros. */
export function formatDecimal(decimal: Decimal): string {
  const { digits, scale } = rounded(decimal);
  const negative = digits < 0n;
  const text = String(negative ? -digits : digits).padStart(scale + 1, '0');
  const whole = text.slice(0, text.length - scale);
  const fraction = text.slice(text.length - scale).replace(/0+$/, '');
  const body = fraction === '' ? whole : `${whole}.${fraction}`;
  return negative && body !== '0' ? `-${body}` : body;
}

/** To the printed scale, half to even. */
function rounded(decimal: Decimal): Decimal {
  if (decimal.scale <= printedScale) return decimal;
  const divisor = 10n ** BigInt(decimal.scale - printedScale);
  let quotient = decimal.digits / divisor;
  const rest = decimal.digits % divisor;
  const twice = (rest < 0n ? -rest : rest) * 2n;
  if (twice > divisor || (twice === divisor && quotient % 2n !== 0n)) {
    quotient += decimal.digits < 0n ? -1n : 1n;
  }
  return { digits: quotient, scale: printedScale };
}
