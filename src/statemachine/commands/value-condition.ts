/** IFEQ, IFNE, IFDEQ, IFDNE: a write that depends on the present value of its key. */
import type { Args } from '../../resp/args.js';
import { equalBytes } from '../byte-ranges.js';
import type { ReadContext } from '../command-spec.js';
import { ABSENT } from '../keyspace-view.js';
import { xxh3Hex } from '../xxh3.js';

const words = ['IFEQ', 'IFNE', 'IFDEQ', 'IFDNE'] as const;
export type ConditionWord = (typeof words)[number];

export interface ValueCondition {
  readonly word: ConditionWord;
  /** The argument that holds the value or digest. */
  readonly value: number;
}

export function conditionAt(args: Args, index: number): ConditionWord | null {
  return words.find((word) => args.is(index, word)) ?? null;
}

/** A key that does not exist equals nothing. An error text where the digest is none. */
export function valueConditionHolds(
  context: ReadContext,
  args: Args,
  { word, value }: ValueCondition,
  slot: number,
): boolean | string {
  const wantsEqual = word === 'IFEQ' || word === 'IFDEQ';
  if (slot === ABSENT) return !wantsEqual;
  const byDigest = word === 'IFDEQ' || word === 'IFDNE';
  if (!byDigest) return valueIs(context, slot, args, value) === wantsEqual;
  const digest = args.text(value).toLowerCase();
  if (!/^[0-9a-f]{16}$/.test(digest)) return 'ERR must be exactly 16 hexadecimal characters';
  return (digestOfValue(context, slot) === digest) === wantsEqual;
}

/** The value of the slot is argument `index`. */
export function valueIs(
  { keyspace }: ReadContext,
  slot: number,
  args: Args,
  index: number,
): boolean {
  const length = args.length(index);
  if (keyspace.valueLength(slot) !== length) return false;
  const value = keyspace.valueBuffer(slot);
  return equalBytes(value, keyspace.valueStart(slot), args.bytes, args.start(index), length);
}

/** As DIGEST gives it. */
export function digestOfValue({ keyspace }: ReadContext, slot: number): string {
  const start = keyspace.valueStart(slot);
  return xxh3Hex(keyspace.valueBuffer(slot).subarray(start, start + keyspace.valueLength(slot)));
}
