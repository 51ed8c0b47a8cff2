/**
 * `npm run soak -- --minutes N`: everything there is, for as long as asked: the simulator, and
 * beside it jepsen-lite on clusters of three and five nodes. Prints what was covered. Exit codes
 * as those of `run`; a seed that fails is a violation too.
 */
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { Command } from 'commander';
import { nemeses, workloadNames } from './catalog.js';
import { above0 } from './check-command.js';
import { figuresAsJson } from './figures.js';
import { exitCodeOf, Run } from './run.js';
import { endOnSignals } from './run-command.js';
import { simulate } from './simulator.js';

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly workers: number;
  readonly patient?: true;
  readonly dir?: string;
  readonly json?: string;
}

/** The nodes of jepsen-lite have deadlines: half of the machine is theirs. */
const workersUsual = Math.max(1, os.availableParallelism() >> 1);
const say = (line: string) => console.log(line);

const program = new Command('soak')
  .option('--minutes <N>', 'how long', above0, 60)
  .option('--seed <N>', 'first seed of the simulator; choices of the nemeses', above0, 1)
  .option('--workers <N>', 'processes of the simulator', above0, workersUsual)
  .option('--patient', 'tell how long things took and do not judge it')
  .option('--dir <OUT>', 'keep all histories there')
  .option('--json <FILE>', 'write the figures of each nemesis there')
  .parse();

async function soak(options: Options): Promise<0 | 1 | 2> {
  const { minutes, seed, workers, patient, dir = null, json } = options;
  const networks = ['relays', 'namespaces'] as const;
  const all = { nodes: [3, 5], workloads: workloadNames, nemeses, networks };
  const run = new Run({ ...all, minutes, seed, judgesTimes: patient !== true, dir, say });
  const simulator = simulate({ minutes, workers, firstSeed: seed, say });
  const [report, { covered, hasFailures }] = await Promise.all([run.execute(), simulator]);
  if (json !== undefined) writeFileSync(json, figuresAsJson(report));
  const counts = Object.entries(covered).map(([name, count]) => `${Math.round(count)} ${name}`);
  say(`simulator: ${counts.join(', ')}`);
  return hasFailures ? 1 : exitCodeOf(report);
}

endOnSignals();
process.exitCode = await soak(program.opts<Options>());
