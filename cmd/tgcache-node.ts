#!/usr/bin/env node
/** Arguments to commands, signals to an orderly end, faults to exit codes. No other logic. */
import { Command, CommanderError } from 'commander';
import { TgError } from '../src/errors.js';
import { addClusterCommands } from './cluster-commands.js';
import { addStartCommand } from './start.js';

/** CONTRACT.md: 2 for what the operator must change, 3 for what makes it unsafe to go on. */
function exitCodeOf(error: TgError): number {
  const configuration = ['BAD_CONFIG', 'DIRECTORY_LOCKED', 'WRONG_DIRECTORY'];
  return configuration.includes(error.code) ? 2 : 3;
}

const program = new Command('tgcache-node')
  .description('A linearizable, replicated cache with TTL and bounded memory (Redis protocol)')
  .version('0.1.0')
  .showHelpAfterError('(--help shows the options)')
  .exitOverride();
addStartCommand(program);
addClusterCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof TgError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = exitCodeOf(error);
  } else if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    process.stderr.write(`${error.message}: the port is in use\n`);
    process.exitCode = 2;
  } else {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
  // Nothing may keep a process alive that could not do what it was asked to.
  process.exit();
}
