/** What all peers of a bench need: free ports, processes that end, waiting for a condition. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Peer {
  readonly name: string;
  /** Where the load goes, connection by connection. */
  readonly ports: readonly number[];
  /** Sent on each connection before the load, e.g. READONLY; answered with +OK. */
  readonly preamble?: string;
  readonly pids: () => readonly number[];
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Inline commands; resolves with what came when it holds so many lines, or more. */
export function ask(port: number, command: string, lines = 1): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')));
    socket.on('connect', () => socket.write(`${command}\r\n`));
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.split('\r\n').length <= lines) return;
      socket.destroy();
      resolve(text);
    });
  });
}

export async function until<T>(
  what: string,
  probe: () => Promise<T | null>,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe().catch(() => null);
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A process with a directory of its own that can be killed and started again. */
export class Runner {
  readonly dir: string;
  private child: ChildProcess | null = null;

  constructor(
    private readonly command: string,
    private readonly args: (dir: string) => readonly string[],
  ) {
    this.dir = mkdtempSync(path.join(tmpdir(), 'bench-'));
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  start(): void {
    this.child = spawn(this.command, [...this.args(this.dir)], { stdio: 'ignore', cwd: this.dir });
    this.child.on('error', () => {});
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  /** kill -9 */
  kill(): Promise<void> {
    return this.signalAndWait('SIGKILL');
  }

  /** SIGTERM: it may finish what it does. */
  end(): Promise<void> {
    return this.signalAndWait('SIGTERM');
  }

  private async signalAndWait(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
