/**
 * `npm run soak -- --minutes N`: everything there is, for as long as asked, on clusters of three
 * and five nodes; prints what was covered. Exit codes as those of `run`.
 */
import { Command } from 'commander';
import { nemeses, workloadNames } from './catalog.js';
import { above0 } from './check-command.js';
import { exitCodeOf, Run } from './run.js';
import { endOnSignals } from './run-command.js';

const program = new Command('soak')
  .option('--minutes <N>', 'how long', above0, 60)
  .option('--seed <N>', 'order and choices of the nemeses', above0, 1)
  .option('--dir <OUT>', 'keep all histories there')
  .parse();
const {
  minutes,
  seed,
  dir = null,
} = program.opts<{
  minutes: number;
  seed: number;
  dir?: string;
}>();

endOnSignals();
const say = (line: string) => console.log(line);
const networks = ['relays', 'namespaces'] as const;
const all = { nodes: [3, 5], workloads: workloadNames, nemeses, networks, judgesTimes: true };
process.exitCode = exitCodeOf(await new Run({ ...all, minutes, seed, dir, say }).execute());
