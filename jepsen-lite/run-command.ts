/** `jepsen-lite run`: what is asked of a run, and its exit code. */
import { writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { nemeses, workloadNames } from './catalog.js';
import { above0 } from './check-command.js';
import { figuresAsJson } from './figures.js';
import type { Network } from './rig.js';
import { exitCodeOf, Run } from './run.js';

interface Options {
  readonly nodes: readonly number[];
  readonly minutes: number;
  readonly workload: readonly string[];
  readonly nemesis: readonly string[];
  readonly network: readonly Network[];
  readonly seed: number;
  readonly patient?: true;
  readonly dir?: string;
  readonly json?: string;
}

const networks: readonly Network[] = ['relays', 'namespaces'];
const nemesisNames = nemeses.map(({ name }) => name);
const seedMax = 2 ** 31;

export function addRunCommand(program: Command): void {
  program
    .command('run')
    .description('hurt a real cluster and judge what its clients saw; exit code 0, 1 or 2 as check')
    .option('--nodes <N,..>', 'nodes of the clusters, in turn', sizes, [3])
    .option('--minutes <M>', 'no phase begins after this time', above0, 5)
    .option('--workload <NAME,..|all>', workloadNames.join(' '), among(workloadNames), [
      ...workloadNames,
    ])
    .option('--nemesis <NAME,..|all>', nemesisNames.join(' '), among(nemesisNames), nemesisNames)
    .option('--network <NAME,..>', 'relays, namespaces, or both in turn', among(networks), networks)
    .option('--seed <N>', 'order and choices of the nemeses', above0, 1 + (Date.now() % seedMax))
    .option('--patient', 'tell how long things took and do not judge it')
    .option('--dir <OUT>', 'keep all histories there')
    .option('--json <FILE>', 'write the figures of each nemesis there')
    .action(async (options: Options) => {
      process.exitCode = await runWith(options);
    });
}

async function runWith(options: Options): Promise<number> {
  const { nodes, minutes, workload, nemesis, network, seed, dir = null } = options;
  endOnSignals();
  const chosen = nemeses.filter(({ name }) => nemesis.includes(name));
  const say = (line: string) => console.log(line);
  const what = { nodes, minutes, workloads: workload, nemeses: chosen, networks: network };
  const run = new Run({ ...what, seed, judgesTimes: options.patient !== true, dir, say });
  const report = await run.execute();
  if (options.json !== undefined) writeFileSync(options.json, figuresAsJson(report));
  return exitCodeOf(report);
}

/** So that the end of this process is orderly, and takes its nodes and disks along. */
export function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(2));
}

function sizes(text: string): number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => value === 3 || value === 5)) return values;
  throw new InvalidArgumentError('It must be 3, 5, or both.');
}

function among<T extends string>(known: readonly T[]): (text: string) => readonly T[] {
  return (text) => {
    if (text === 'all') return known;
    const names = text.split(',');
    const unknown = names.find((name) => !known.includes(name as T));
    if (unknown === undefined) return known.filter((name) => names.includes(name));
    throw new InvalidArgumentError(`'${unknown}' is none of ${known.join(', ')}.`);
  };
}
