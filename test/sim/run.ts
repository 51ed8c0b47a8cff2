/**
 * Runs seeds: `node dist/test/sim/run.js --seeds 1-1000`, `--seed 7 [--without 3,5]`,
 * `--minutes 10 [--from 1]`. Exits 1 with one line that reproduces the first failure.
 */
import { parseArgs } from 'node:util';
import { SimFailure } from './failure.js';
import { profileOf } from './profile.js';
import { shrink } from './shrink.js';
import { type Report, simulate } from './simulation.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    without: { type: 'string' },
    minutes: { type: 'string' },
    from: { type: 'string', default: '1' },
    all: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const totals: Record<string, number> = { seeds: 0 };

function count(report: Report): void {
  totals.seeds!++;
  for (const [name, value] of Object.entries(report)) {
    if (typeof value === 'number' && name !== 'seed') totals[name] = (totals[name] ?? 0) + value;
  }
}

async function one(seed: number, without: ReadonlySet<number>): Promise<void> {
  try {
    count(await simulate(seed, { without }));
  } catch (error) {
    const needed = values.seed !== undefined ? without : await shrink(seed);
    const left = needed.size > 0 ? ` --without ${[...needed].join(',')}` : '';
    console.log(`FAILED: node dist/test/sim/run.js --seed ${seed}${left}`);
    console.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    if (error instanceof Error && error.cause instanceof Error) console.log(error.cause.stack);
    if (values.seed !== undefined) explain(seed, without, error);
    process.exitCode = 1;
  }
}

function explain(seed: number, left: ReadonlySet<number>, error: unknown): void {
  if (error instanceof SimFailure) console.log(error.details);
  const { faults, ...profile } = profileOf(seed);
  console.log(JSON.stringify(profile));
  for (const fault of faults) if (!left.has(fault.number)) console.log(JSON.stringify(fault));
}

function* seedsAsked(): Generator<number> {
  if (values.seed !== undefined) return yield Number(values.seed);
  if (values.minutes !== undefined) {
    const end = performance.now() + Number(values.minutes) * 60_000;
    for (let seed = Number(values.from); performance.now() < end; seed++) yield seed;
    return;
  }
  const [from, to] = (values.seeds ?? '1-100').split('-').map(Number);
  for (let seed = from!; seed <= to!; seed++) yield seed;
}

const without = new Set((values.without ?? '').split(',').filter(Boolean).map(Number));
process.on('unhandledRejection', (error) => {
  throw error;
});
for (const seed of seedsAsked()) {
  await one(seed, without);
  if (process.exitCode === 1 && !values.all) break;
}
if (values.json) console.log(JSON.stringify(totals));
else
  console.log(
    Object.entries(totals)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  );
