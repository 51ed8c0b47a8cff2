/**
 * Node processes of a cluster on this machine: start, signal, watch. A pid file holds the process
 * id together with the start time of the process, so that a recycled id is never signalled.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ClusterFile, type NodePlace, nodeArguments } from './cluster-file.js';

export type ProcessState = 'running' | 'paused' | 'down';

interface PidFile {
  readonly pid: number;
  readonly startedAt: string;
}

/** Start time (in the system's own unit) and state of a process; null when there is none. */
function lookAt(pid: number): { startedAt: string; state: string } | null {
  return process.platform === 'linux' ? lookInProc(pid) : lookWithPs(pid);
}

function lookInProc(pid: number): { startedAt: string; state: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything; state is the 3rd field and start time the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, startedAt: fields[19]! };
  } catch {
    return null;
  }
}

function lookWithPs(pid: number): { startedAt: string; state: string } | null {
  const { stdout } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
  });
  const [, state, startedAt] = /^\s*(\S+)\s+(.+?)\s*$/.exec(stdout ?? '') ?? [];
  return state === undefined || startedAt === undefined ? null : { state, startedAt };
}

function readPidFile(place: NodePlace): PidFile | null {
  try {
    const parsed: unknown = JSON.parse(readFileSync(place.pidFile, 'utf8'));
    const { pid, startedAt } = parsed as Partial<PidFile>;
    if (typeof pid !== 'number' || typeof startedAt !== 'string') return null;
    return { pid, startedAt };
  } catch {
    return null;
  }
}

/** The process of the node, if it is the one that was started; null otherwise. */
export function pidOf(place: NodePlace): number | null {
  const file = readPidFile(place);
  return file !== null && isAlive(file) ? file.pid : null;
}

function isAlive({ pid, startedAt }: PidFile): boolean {
  const seen = lookAt(pid);
  return seen !== null && seen.startedAt === startedAt && !/^[ZX]/.test(seen.state);
}

export function processState(place: NodePlace): ProcessState {
  const pid = pidOf(place);
  if (pid === null) return 'down';
  return lookAt(pid)?.state.startsWith('T') ? 'paused' : 'running';
}

/** False: there was no such process (any more). */
export function signalNode(place: NodePlace, signal: NodeJS.Signals): boolean {
  const pid = pidOf(place);
  if (pid === null) return false;
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

export function forgetNode(place: NodePlace): void {
  rmSync(place.pidFile, { force: true });
}

/** False: still there after `timeoutMs`. */
export async function waitForEnd(place: NodePlace, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (pidOf(place) !== null) {
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

/** This program; tests put another one in its place. */
export const ownScript = fileURLToPath(new URL('./tgcache-node.js', import.meta.url));

/**
 * Starts the node in a session of its own, so that neither Ctrl-C nor the end of this process
 * reaches it. Its output is added to `node.log`.
 */
export function spawnNode(
  place: NodePlace,
  places: readonly NodePlace[],
  cluster: ClusterFile,
  script: string = ownScript,
): ChildProcess {
  mkdirSync(path.dirname(place.logFile), { recursive: true });
  const log = openSync(place.logFile, 'a');
  const child = spawn(process.execPath, [script, ...nodeArguments(place, places, cluster)], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  child.on('error', () => {});
  const seen = child.pid === undefined ? null : lookAt(child.pid);
  if (child.pid !== undefined && seen !== null) {
    writeFileSync(place.pidFile, JSON.stringify({ pid: child.pid, startedAt: seen.startedAt }));
  }
  return child;
}

/** The last line of what the node wrote, for the report of its end. */
export function lastLogLine(place: NodePlace): string {
  try {
    const lines = readFileSync(place.logFile, 'utf8').trimEnd().split('\n');
    return lines[lines.length - 1] ?? '';
  } catch {
    return '';
  }
}
