/**
 * `node dist/test/sim/run.js --seed 7 [--without 3,5]`: runs one seed, without some of its
 * faults; explains a failure and exits 1.
 */
import { parseArgs } from 'node:util';
import { SimFailure } from './failure.js';
import { profileOf } from './profile.js';
import { simulate } from './simulation.js';

function explain(seed: number, without: ReadonlySet<number>, error: unknown): void {
  console.log(error instanceof Error ? error.stack : String(error));
  if (error instanceof Error && error.cause instanceof Error) console.log(error.cause.stack);
  if (error instanceof SimFailure) console.log(error.details);
  const { faults, ...profile } = profileOf(seed);
  console.log(JSON.stringify(profile));
  for (const fault of faults) if (!without.has(fault.number)) console.log(JSON.stringify(fault));
}

const { values } = parseArgs({
  options: { seed: { type: 'string' }, without: { type: 'string', default: '' } },
});
const seed = Number(values.seed);
if (!(seed > 0)) throw new Error('--seed needs a number above 0');
const without = new Set(values.without.split(',').filter(Boolean).map(Number));
process.on('unhandledRejection', (error) => {
  throw error;
});
try {
  console.log(JSON.stringify(await simulate(seed, { without })));
} catch (error) {
  explain(seed, without, error);
  process.exitCode = 1;
}
