/** The deterministic simulator (test/sim/) as a process of its own, beside jepsen-lite. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import os from 'node:os';
import { createInterface } from 'node:readline';
import { compiled } from './node-cluster.js';

export interface SimulatorOptions {
  readonly minutes: number;
  readonly workers: number;
  readonly firstSeed: number;
  readonly say: (line: string) => void;
}

export interface SimulatorReport {
  /** What was covered: names to counts. */
  readonly covered: Readonly<Record<string, number>>;
  /** Seeds that failed, told as they came. */
  readonly hasFailures: boolean;
}

const main = compiled('test/sim/soak.js');
/** It takes what the real nodes leave: they have deadlines. */
const priority = 10;

/** @throws Error when the simulator is not built, or ends without a word on what it did. */
export async function simulate(options: SimulatorOptions): Promise<SimulatorReport> {
  if (!existsSync(main)) throw new Error(`${main} is missing: run 'npm run build' first`);
  const { minutes, workers, firstSeed, say } = options;
  const asked = { minutes, workers, 'first-seed': firstSeed };
  const flags = Object.entries(asked).map(([name, value]) => `--${name}=${value}`);
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = spawn(process.execPath, [main, ...flags, '--json'], { stdio });
  process.once('exit', () => child.kill());
  if (child.pid !== undefined) os.setPriority(child.pid, priority);
  let covered: Record<string, number> | null = null;
  createInterface(child.stderr).on('line', (line) => say(`simulator: ${line}`));
  createInterface(child.stdout).on('line', (line) => {
    if (line.startsWith('{')) covered = JSON.parse(line) as Record<string, number>;
    else say(`simulator: ${line}`);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (covered === null) throw new Error(`the simulator ended with ${code} and told nothing`);
  return { covered, hasFailures: code !== 0 };
}
