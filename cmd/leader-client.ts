/**
 * Asks the leader of a cluster, whichever node it is told of: follows MOVED, and tries again for a
 * bounded time while there is no leader or the answer says that trying again may help. Only for
 * commands that may be carried out twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostPort } from '../src/config.js';
import { formatHostPort, readHostPort } from '../src/host-port.js';
import { ask } from './resp-client.js';

export interface LeaderQuestion {
  readonly addresses: readonly HostPort[];
  /** Empty: none is sent. */
  readonly password: string;
  readonly command: readonly string[];
  /** After this no new try is made. */
  readonly withinMs: number;
}

/** A node may wait for a change to be committed, or for a transfer. */
const answerMs = 12_000;
const pauseMs = 200;
const transient = /^(MOVED|CLUSTERDOWN|TRYAGAIN|LOADING|UNCERTAIN)\b/;

/** The reply, an error reply too; the error of the last try when no node answers. */
export async function askLeader(question: LeaderQuestion): Promise<unknown> {
  const { addresses, password, command, withinMs } = question;
  const deadline = performance.now() + withinMs;
  let address = addresses[0]!;
  for (let tries = 1; ; tries++) {
    const commands = [command];
    const answer = await ask({ address, password, commands, timeoutMs: answerMs }).then(
      ([reply]) => reply,
      (error: Error) => new Unreachable(address, error),
    );
    if (!(answer instanceof Error) || !mayHelp(answer)) return answer;
    if (performance.now() > deadline) return answer;
    const leader = movedTo(answer);
    address = leader ?? addresses[tries % addresses.length]!;
    if (leader === null) await sleep(pauseMs);
  }
}

export class Unreachable extends Error {
  constructor(address: HostPort, cause: Error) {
    super(`no answer from ${formatHostPort(address)}: ${cause.message}`, { cause });
  }
}

function mayHelp(error: Error): boolean {
  return error instanceof Unreachable || transient.test(error.message);
}

function movedTo(error: Error): HostPort | null {
  const [, address] = /^MOVED \d+ (\S+)$/.exec(error.message) ?? [];
  return address === undefined ? null : readHostPort(address);
}
