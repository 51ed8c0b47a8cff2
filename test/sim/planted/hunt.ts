/**
 * Tests of the tests: plants each bug and counts the seeds until a checker sees it.
 * `node dist/test/sim/planted/hunt.js [--only NAME] [--seeds 1000]` prints the table of README.md.
 */
import { parseArgs } from 'node:util';
import { bugs, hunt } from './bugs.js';

const { values } = parseArgs({
  options: { only: { type: 'string' }, seeds: { type: 'string', default: '1000' } },
});
process.on('unhandledRejection', (error) => {
  throw error;
});
console.log('| bug | caught by | after seeds |\n| --- | --- | --- |');
for (const [name, plant] of Object.entries(bugs)) {
  if (values.only !== undefined && values.only !== name) continue;
  const caught = await hunt(plant, 1, Number(values.seeds));
  if (caught === null) process.exitCode = 1;
  const found = caught === null ? 'NOT CAUGHT | ' : `${caught.checker} | ${caught.seed}`;
  console.log(`| ${name} | ${found} |`);
  if (values.only !== undefined) console.log(caught?.what);
}
