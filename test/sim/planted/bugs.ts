/** All planted bugs by name, and the hunt for one. */
import { simulate } from '../simulation.js';
import { checkerOf } from '../verdict.js';
import { consensusBugs } from './consensus.js';
import { operationBugs } from './operations.js';
import type { Plant } from './plant.js';
import { stateBugs } from './state.js';

export const bugs: Readonly<Record<string, Plant>> = {
  ...consensusBugs,
  ...operationBugs,
  ...stateBugs,
};

export interface Caught {
  readonly seed: number;
  readonly checker: string;
  readonly what: string;
}

/** Null: not caught by these seeds. */
export async function hunt(plant: Plant, firstSeed: number, seeds: number): Promise<Caught | null> {
  const remove = plant();
  try {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      try {
        await simulate(seed);
      } catch (error) {
        return { seed, checker: checkerOf(error), what: String(error).split('\n')[0]! };
      }
    }
    return null;
  } finally {
    remove();
  }
}
