#!/usr/bin/env node
/** Arguments to commands, errors to one line and exit code 2. No other logic. */
import { Command, CommanderError } from 'commander';
import { addCheckCommand, InputError } from './check-command.js';
import { addRunCommand } from './run-command.js';

function report(error: unknown): void {
  // Commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`jepsen-lite: ${error instanceof InputError ? error.message : text}\n`);
  process.exitCode = 2;
}

const program = new Command('jepsen-lite')
  .description('Is what clients saw of a store linearizable?')
  .showHelpAfterError('(--help shows what is possible)')
  .exitOverride();
addCheckCommand(program);
addRunCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  report(error);
}
