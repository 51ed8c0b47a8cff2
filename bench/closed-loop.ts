/**
 * A closed loop: each connection sends a pipeline, waits for all replies, and sends the next. Its
 * latencies are round trips of a pipeline under full load; see open-loop.ts for the others.
 *
 * The connections are shared out among threads: one thread is at its end where redis-server alone
 * is, and far below what several nodes answer. Every peer gets the same number.
 */
import { Worker } from 'node:worker_threads';
import { cpuSeconds, type LoadResult, loadResult, type Recorded } from './load-result.js';
import type { LoadTask } from './load-thread.js';
import type { Load } from './loads.js';
import type { Peer } from './peers/process.js';

export interface ClosedLoopOptions {
  readonly connections: number;
  readonly pipeline: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

const loadThreads = 2;

const program = new URL('./load-thread.js', import.meta.url);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function closedLoop(
  peer: Peer,
  { name, shape }: Load,
  options: ClosedLoopOptions,
): Promise<LoadResult> {
  const { connections, pipeline, warmUpMs, measureMs } = options;
  const count = Math.min(connections, loadThreads);
  const threads = Array.from({ length: count }, (_, number) => {
    const { ports, preamble = null } = peer;
    return new LoadThread({ ports, preamble, name, shape, pipeline, connections, number, count });
  });
  const all = <T>(ask: (thread: LoadThread) => Promise<T>) => Promise.all(threads.map(ask));
  const broken = new Promise<never>((_, reject) => {
    for (const thread of threads) thread.onError(reject);
  });
  const run = async () => {
    await all((thread) => thread.ask('run'));
    await pause(warmUpMs);
    await all((thread) => thread.ask('start'));
    const cpuBefore = cpuSeconds(peer.pids());
    await pause(measureMs);
    const cpuUsed = cpuSeconds(peer.pids()) - cpuBefore;
    return loadResult((await all((thread) => thread.ask('stop'))) as Recorded[], cpuUsed);
  };
  try {
    return await Promise.race([run(), broken]);
  } finally {
    await all((thread) => thread.end());
  }
}

/** What a thread is asked for; it answers each. */
export type LoadRequest = 'run' | 'start' | 'stop';

class LoadThread {
  private readonly worker: Worker;

  constructor(task: LoadTask) {
    this.worker = new Worker(program, { workerData: task });
  }

  onError(failed: (error: Error) => void): void {
    this.worker.on('error', failed);
  }

  ask(request: LoadRequest): Promise<unknown> {
    return new Promise((resolve) => {
      this.worker.once('message', resolve);
      this.worker.postMessage(request);
    });
  }

  end(): Promise<number> {
    return this.worker.terminate();
  }
}
