/** Which arguments of a command are keys, by its key specification. */
import type { Args } from '../resp/args.js';
import type { SpecBase } from '../statemachine/command-spec.js';

/** Positions of the keys among `count` arguments, the name included. */
export function keyPositions({ keys }: Pick<SpecBase, 'keys'>, count: number): number[] {
  const { first, last, step } = keys;
  if (first === 0) return [];
  const end = last < 0 ? count + last : last;
  const positions: number[] = [];
  for (let index = first; index <= end && index < count; index += step) positions.push(index);
  return positions;
}

/** The keys as latin1 text. */
export function keyTexts(spec: Pick<SpecBase, 'keys'>, args: Args): string[] {
  return keyPositions(spec, args.count).map((index) => args.text(index));
}
