/**
 * A process that applies a log: a payload in base64 on each line of its input. Prints first what
 * its clock and its chance say, then a digest of the state at each index, one a line.
 */
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { CommandMachine } from './command-machine.js';

export function digestOf(machine: CommandMachine): string {
  return createHash('sha1').update(machine.state()).digest('hex');
}

/** What a state machine that looked around would see differently in each process. */
function surroundings(): string {
  const now = new Date(Date.now());
  return `${Date.now()} ${now.getTimezoneOffset()} ${Math.random()} ${(0.5).toLocaleString()}`;
}

async function replay(): Promise<void> {
  console.log(surroundings());
  const machine = new CommandMachine();
  for await (const line of createInterface(process.stdin)) {
    machine.replay(new Uint8Array(Buffer.from(line, 'base64')));
    console.log(digestOf(machine));
  }
}

if (process.argv[2] === 'replay') await replay();
