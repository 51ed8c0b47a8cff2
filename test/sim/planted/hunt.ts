/**
 * Tests of the tests: plants each bug and counts the seeds until a checker sees it.
 * `node dist/test/sim/planted/hunt.js [--only NAME] [--seeds 1000]` prints the table of README.md.
 */
import { parseArgs } from 'node:util';
import { SimFailure } from '../failure.js';
import { simulate } from '../simulation.js';
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
  readonly seeds: number;
  readonly checker: string;
  readonly what: string;
}

/** Null: not caught by this many seeds. */
export async function hunt(plant: Plant, seedsMax: number): Promise<Caught | null> {
  const remove = plant();
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      try {
        await simulate(seed);
      } catch (error) {
        return { seeds: seed, checker: checkerOf(error), what: String(error).split('\n')[0]! };
      }
    }
    return null;
  } finally {
    remove();
  }
}

/** What is no check of the simulator is an assertion of the program itself. */
function checkerOf(error: unknown): string {
  return error instanceof SimFailure ? error.checker : 'assertion in the program';
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, seeds: { type: 'string', default: '1000' } },
  });
  console.log('| bug | caught by | after seeds |\n| --- | --- | --- |');
  for (const [name, plant] of Object.entries(bugs)) {
    if (values.only !== undefined && values.only !== name) continue;
    const caught = await hunt(plant, Number(values.seeds));
    if (caught === null) process.exitCode = 1;
    const found = caught === null ? 'NOT CAUGHT | ' : `${caught.checker} | ${caught.seeds}`;
    console.log(`| ${name} | ${found} |`);
    if (values.only !== undefined) console.log(caught?.what);
  }
}

process.on('unhandledRejection', (error) => {
  throw error;
});
await main();
