#!/usr/bin/env node
/** Arguments to commands, errors to one line and an exit code (0, 1, 2, 3). No other logic. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { TgError } from '../src/errors.js';
import { CommandError } from './command-error.js';
import { addStartCommand } from './start.js';

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function say(line: string): void {
  process.stderr.write(`tgcache-node: ${line}\n`);
}

/** Prints what the operator must know and returns the exit code. */
function report(error: unknown): number {
  // Commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof CommandError) {
    say(error.message);
    return error.exitCode;
  }
  if (error instanceof TgError && error.code === 'BAD_CONFIG') {
    say(error.message);
    return 2;
  }
  if (error instanceof Error && 'code' in error && 'syscall' in error) {
    const { address, port } = error as { address?: string; port?: number };
    say(error.code === 'EADDRINUSE' ? `${address}:${port} is in use` : error.message);
    return 1;
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
}

async function makeProgram(): Promise<Command> {
  const program = new Command('tgcache-node')
    .description(
      'A linearizable, replicated cache with TTL and bounded memory that speaks the Redis protocol',
    )
    .version(version())
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride();
  addStartCommand(program);
  // A node is up sooner without what only operators need.
  if (process.argv[2] !== 'start') await addOperatorCommands(program);
  return program;
}

async function addOperatorCommands(program: Command): Promise<void> {
  const { addClusterCommands } = await import('./cluster-commands.js');
  const { addMemberCommands } = await import('./member-commands.js');
  addClusterCommands(program);
  addMemberCommands(program);
}

let exitCode = 0;
try {
  await (await makeProgram()).parseAsync();
} catch (error) {
  exitCode = report(error);
}
// Nothing that is still open may keep the process: the command has done what it could.
process.exit(exitCode);
