/**
 * A cluster on one machine, as its directory describes it: cluster.json, one data directory and
 * one pid file per node. Nodes are processes of their own and outlive whoever started them.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { badConfig } from '../src/config.js';
import type { Endpoint } from './status.js';

export interface ClusterFile {
  readonly nodes: readonly { readonly id: string; readonly port: number }[];
  readonly config: string | null;
  readonly set: readonly string[];
}

interface PidFile {
  readonly pid: number;
  /** So that a recycled pid is not taken for the node. */
  readonly startedAt: string | null;
}

const command = fileURLToPath(new URL('./tgcache-node.js', import.meta.url));
const peerPortOffset = 10_000;

export class ClusterDir {
  constructor(readonly dir: string) {}

  get exists(): boolean {
    return existsSync(this.file);
  }

  private get file(): string {
    return path.join(this.dir, 'cluster.json');
  }

  read(): ClusterFile {
    if (!this.exists) throw badConfig(this.dir, 'holds no cluster; `cluster start` makes one');
    return JSON.parse(readFileSync(this.file, 'utf8')) as ClusterFile;
  }

  write(cluster: ClusterFile): void {
    mkdirSync(this.dir, { recursive: true });
    writeFileSync(this.file, `${JSON.stringify(cluster, null, 2)}\n`);
  }

  wipe(): void {
    for (const { id } of this.read().nodes) {
      rmSync(path.join(this.dir, id), { recursive: true, force: true });
      rmSync(this.pidFile(id), { force: true });
    }
    rmSync(this.file);
  }

  logFile(id: string): string {
    return path.join(this.dir, `${id}.log`);
  }

  endpoints(): Endpoint[] {
    return this.read().nodes.map(({ id, port }) => ({
      id,
      port,
      host: '127.0.0.1',
      alive: this.pid(id) !== null,
    }));
  }

  /** The living process of a node, or null. */
  pid(id: string): number | null {
    if (!existsSync(this.pidFile(id))) return null;
    const { pid, startedAt } = JSON.parse(readFileSync(this.pidFile(id), 'utf8')) as PidFile;
    return isAlive(pid) && startTime(pid) === startedAt ? pid : null;
  }

  startNode(id: string): void {
    const cluster = this.read();
    const node = cluster.nodes.find((each) => each.id === id);
    if (node === undefined) throw badConfig(id, 'is no node of this cluster');
    if (this.pid(id) !== null) return;
    const members = cluster.nodes.map((n) => `${n.id}=127.0.0.1:${n.port + peerPortOffset}`);
    const args = [
      command,
      'start',
      '--id',
      id,
      '--data-dir',
      path.join(this.dir, id),
      '--client-listen',
      `127.0.0.1:${node.port}`,
      '--initial-cluster',
      members.join(','),
      ...(cluster.config === null ? [] : ['--config', cluster.config]),
      ...cluster.set.flatMap((setting) => ['--set', setting]),
    ];
    const log = openSync(this.logFile(id), 'a');
    const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log] });
    child.unref();
    if (child.pid === undefined) throw new Error(`node ${id} could not be started`);
    const written: PidFile = { pid: child.pid, startedAt: startTime(child.pid) };
    writeFileSync(this.pidFile(id), JSON.stringify(written));
  }

  signal(id: string, signal: NodeJS.Signals): boolean {
    const pid = this.pid(id);
    if (pid === null) return false;
    process.kill(pid, signal);
    return true;
  }

  /** The last line a node logged: why it is gone. */
  lastWords(id: string): string {
    if (!existsSync(this.logFile(id))) return '';
    return readFileSync(this.logFile(id), 'utf8').trim().split('\n').at(-1) ?? '';
  }

  private pidFile(id: string): string {
    return path.join(this.dir, `${id}.pid`);
  }
}

/** A zombie of this very process does not count as alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return stat(pid)?.state !== 'Z';
}

function startTime(pid: number): string | null {
  return stat(pid)?.startedAt ?? null;
}

/** Linux: /proc/PID/stat; elsewhere the pid alone must do. */
function stat(pid: number): { state: string; startedAt: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, startedAt: fields[19]! };
  } catch {
    return null;
  }
}
