/** `jepsen-lite check FILE`: reads the file, lets the clock run, writes what was found. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type Bounds, check, defaultBounds, type Report, type Verdict } from './check.js';
import { HistoryError, parseHistory } from './history.js';
import { pictureOf } from './picture.js';
import { reportJson, summaryLines } from './summary.js';

/** One line for the user, without a stack; ends with exit code 2. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

const exitCodes: Readonly<Record<Verdict, number>> = {
  linearizable: 0,
  'not linearizable': 1,
  unknown: 2,
};

interface CheckOptions {
  readonly html?: string;
  readonly json?: true;
  readonly timeLimit: number;
  readonly memoryLimit: number;
}

export function above0(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description('is a history linearizable? exit code 0: yes, 1: no, 2: undecided or bad input')
    .argument('<FILE>', 'the history, as JSONL')
    .option('--html <OUT>', 'write a page that shows the shortest failing prefix')
    .option('--json', 'print the result as JSON')
    .option('--time-limit <SECONDS>', 'give up after this time', above0, 60)
    .option('--memory-limit <MIB>', 'give up beyond this memory', above0, 512)
    .action((file: string, options: CheckOptions) => {
      process.exitCode = checkFile(file, options);
    });
}

function boundsOf({ timeLimit, memoryLimit }: CheckOptions): Bounds {
  const end = performance.now() + timeLimit * 1000;
  const bytesMax = memoryLimit * 1024 * 1024;
  return { ...defaultBounds, bytesMax, isOver: () => performance.now() > end };
}

/** `work` on a file; its failure is the user's to repair. */
function withFile<T>(file: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof HistoryError) throw new InputError(`${file}: ${error.message}`);
    if (error instanceof Error && 'code' in error) {
      throw new InputError(`cannot ${what} ${file}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

function checkFile(file: string, options: CheckOptions): number {
  const history = withFile(file, 'read', () => parseHistory(readFileSync(file, 'utf8')));
  const report = check(history, boundsOf(options));
  const { html } = options;
  if (html !== undefined) {
    withFile(html, 'write', () => writeFileSync(html, pictureOf(path.basename(file), report)));
  }
  print(report, options);
  return exitCodes[report.verdict];
}

function print(report: Report, { json, html }: CheckOptions): void {
  if (json) {
    console.log(JSON.stringify(reportJson(report)));
    return;
  }
  for (const line of summaryLines(report)) console.log(line);
  if (html !== undefined) console.log(`picture: ${html}`);
}
