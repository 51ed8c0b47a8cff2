/**
 * `jepsen-lite run`: exit code 0 when nothing was found, 1 on a violation or a control that was
 * judged fine, 2 when the checker could not decide.
 */
import { parseArgs } from 'node:util';
import { nemeses, workloadNames } from './catalog.js';
import { Run } from './run.js';

const defaultMinutes = 5;

export const runHelp = `run [--nodes 3|5|3,5] [--minutes M] [--workload NAME,..|all]
    [--nemesis NAME,..|all] [--seed N] [--dir OUT]
  workloads: ${workloadNames.join(' ')}
  nemeses: ${nemeses.map(({ name }) => name).join(' ')}`;

/** @throws Error that says what is wrong with the arguments. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string', default: '3' },
      minutes: { type: 'string', default: String(defaultMinutes) },
      workload: { type: 'string', default: 'all' },
      nemesis: { type: 'string', default: 'all' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      dir: { type: 'string' },
    },
  });
  const known = nemeses.map(({ name }) => name);
  const names = named('nemesis', values.nemesis, known);
  const run = new Run({
    nodes: values.nodes.split(',').map((text) => number('nodes', text, 1)),
    minutes: number('minutes', values.minutes, 0),
    workloads: named('workload', values.workload, workloadNames),
    nemeses: nemeses.filter(({ name }) => names.includes(name)),
    seed: number('seed', values.seed, 0),
    dir: values.dir ?? null,
    say: (line) => console.log(line),
  });
  const { phases, deafControls } = await run.execute();
  if (deafControls > 0 || phases.some(({ isFine }) => !isFine)) return 1;
  return phases.some(({ undecided }) => undecided) ? 2 : 0;
}

function number(name: string, text: string, min: number): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= min) return value;
  throw new Error(`--${name}: '${text}' is not a number from ${min}`);
}

function named(option: string, text: string, known: readonly string[]): readonly string[] {
  if (text === 'all') return known;
  const names = text.split(',');
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new Error(`--${option}: '${unknown}' is none of ${known.join(', ')}`);
}
