/** One cell: a workload at one capacity, ours against Redis' policies. Runs in worker threads. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { OwnReplay } from './own-replay.js';
import { RedisModel, type RedisPolicy, redisPolicies } from './redis-model.js';
import {
  allWorkloads,
  type Capacity,
  capacityOf,
  capacityShares,
  type Trace,
} from './workloads.js';

export interface Cell {
  readonly workload: string;
  readonly share: number;
  /** 0 to 1. */
  readonly own: number;
  readonly redis: Readonly<Record<RedisPolicy, number>>;
  readonly logBytesPerGet: number;
}

export interface CellOptions {
  readonly policy: string;
  readonly requestsPerSecond: number;
}

async function measure(name: string, options: CellOptions): Promise<Cell[]> {
  const workload = (await allWorkloads()).find((each) => each.name === name)!;
  const trace = workload.load();
  return distinctCapacities(trace).map(([share, capacity]) => {
    const own = new OwnReplay(trace, { ...options, capacity }).run();
    const of = (policy: RedisPolicy) => new RedisModel(trace, capacity, policy).run();
    const redis = Object.fromEntries(redisPolicies.map((policy) => [policy, of(policy)]));
    return {
      workload: name,
      share,
      own: own.hits,
      redis: redis as Cell['redis'],
      logBytesPerGet: own.logBytesPerGet,
    };
  });
}

/** Shares of a small trace may come to the same smallest cache. */
function distinctCapacities(trace: Trace): [number, Capacity][] {
  const known = new Set<string>();
  return capacityShares.flatMap((share): [number, Capacity][] => {
    const capacity = capacityOf(trace, share);
    const name = `${capacity.keys} ${capacity.bytes}`;
    if (known.has(name)) return [];
    known.add(name);
    return [[share, capacity]];
  });
}

/** Calls `done` with the cells of each workload, in the order in which they are ready. */
export async function measureCells(
  names: readonly string[],
  options: CellOptions,
  done: (cells: readonly Cell[]) => void,
): Promise<void> {
  const waiting = [...names];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      done(await inWorker(name, options));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism() - 1) }, work));
}

function inWorker(name: string, options: CellOptions): Promise<Cell[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { name, options } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

if (!isMainThread && parentPort !== null) {
  const { name, options } = workerData as { name: string; options: CellOptions };
  parentPort.postMessage(await measure(name, options));
}
