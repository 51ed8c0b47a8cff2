/** Which arguments of a command are keys, by its key specification. */
import type { Args } from '../resp/args.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import { parseInt64 } from '../statemachine/numbers.js';

/** Positions of the keys among the arguments, the name included. */
export function keyPositions({ keys }: Pick<SpecBase, 'keys'>, args: Args): number[] {
  const { first, last, step } = keys;
  if (first === 0) return [];
  const end = Math.min(last < 0 ? args.count + last : last, args.count - 1);
  const most = keyCount(keys.countAt, args);
  const positions: number[] = [];
  for (let index = first; index <= end && positions.length < most; index += step) {
    positions.push(index);
  }
  return positions;
}

/** As the argument says that counts the keys, if there is one. */
function keyCount(countAt: number | undefined, args: Args): number {
  if (countAt === undefined) return Number.MAX_SAFE_INTEGER;
  return Number(parseInt64(args.bytes, args.start(countAt), args.end(countAt)) ?? 0);
}

/** The keys as latin1 text. */
export function keyTexts(spec: Pick<SpecBase, 'keys'>, args: Args): string[] {
  return keyPositions(spec, args).map((index) => args.text(index));
}
