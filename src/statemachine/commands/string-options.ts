/** The options that SET, MSETEX and GETEX share (Redis: parseExtendedStringArgumentsOrReply). */
import type { Args } from '../../resp/args.js';
import { type ExpireUnit, unitAt } from './expire-time.js';
import { conditionAt, type ValueCondition } from './value-condition.js';

export interface StringOptions {
  nx: boolean;
  xx: boolean;
  get: boolean;
  keepTtl: boolean;
  persist: boolean;
  /** Null: none was given. Excludes NX and XX. */
  condition: ValueCondition | null;
  /** Null: no expire time was given; else it is argument `expireAt`. */
  unit: ExpireUnit | null;
  expireAt: number;
}

const flagsOf = {
  set: [
    ['NX', 'nx'],
    ['XX', 'xx'],
    ['GET', 'get'],
    ['KEEPTTL', 'keepTtl'],
  ],
  msetex: [
    ['NX', 'nx'],
    ['XX', 'xx'],
    ['KEEPTTL', 'keepTtl'],
  ],
  getex: [['PERSIST', 'persist']],
} as const;

/**
 * The options from argument `from` on; null: a syntax error. An expire time may be given again in
 * the same unit, and a condition of the same kind; the last one counts.
 */
export function stringOptions(
  args: Args,
  from: number,
  command: keyof typeof flagsOf,
): StringOptions | null {
  const found: StringOptions = {
    nx: false,
    xx: false,
    get: false,
    keepTtl: false,
    persist: false,
    condition: null,
    unit: null,
    expireAt: 0,
  };
  for (let at = from; at < args.count; at++) {
    const flag = flagsOf[command].find(([word]) => args.is(at, word));
    if (flag !== undefined) {
      found[flag[1]] = true;
      continue;
    }
    const word = command === 'set' ? conditionAt(args, at) : null;
    if (word !== null) {
      if ((found.condition?.word ?? word) !== word || at + 1 >= args.count) return null;
      found.condition = { word, value: ++at };
      continue;
    }
    const unit = unitAt(args, at);
    if (unit === null || (found.unit ?? unit) !== unit || at + 1 >= args.count) return null;
    found.unit = unit;
    found.expireAt = ++at;
  }
  const conditions = [found.nx, found.xx, found.condition !== null].filter(Boolean).length;
  const clash = conditions > 1 || ((found.keepTtl || found.persist) && found.unit !== null);
  return clash ? null : found;
}
