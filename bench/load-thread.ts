/** A thread of a closed loop, started by closed-loop.ts: drives its share of the connections. */
import { parentPort, workerData } from 'node:worker_threads';
import type { LoadRequest } from './closed-loop.js';
import { LoadConnection, prepare } from './load-connection.js';
import { Recorder } from './load-result.js';
import { type LoadShape, makeLoad } from './loads.js';

export interface LoadTask {
  /** Of the peer, as in Peer. */
  readonly ports: readonly number[];
  readonly preamble: string | null;
  readonly name: string;
  readonly shape: LoadShape;
  readonly pipeline: number;
  /** Of all threads. */
  readonly connections: number;
  /** Of this thread, and of how many. */
  readonly number: number;
  readonly count: number;
}

const task = workerData as LoadTask;
const port = parentPort!;
const recorder = new Recorder();

const actions: Readonly<Record<LoadRequest, () => unknown>> = {
  run,
  start: () => recorder.start(),
  stop: () => recorder.stop(),
};
port.on('message', async (request: LoadRequest) => port.postMessage(await actions[request]()));

async function run(): Promise<void> {
  const { ports, preamble, shape, pipeline, connections, number, count } = task;
  const load = makeLoad(task.name, shape);
  const requests = prepare(load, pipeline);
  const mine: LoadConnection[] = [];
  for (let at = number; at < connections; at += count) {
    mine.push(await LoadConnection.open({ ports, preamble }, at));
  }
  mine.forEach((connection, at) => {
    const first = Math.floor((requests.length * at) / mine.length);
    const done = (ms: number) => recorder.record(ms, pipeline);
    drive(connection, requests, first, pipeline * load.replies, done);
  });
}

function drive(
  connection: LoadConnection,
  requests: readonly Buffer[],
  first: number,
  replies: number,
  done: (latencyMs: number) => void,
): void {
  let next = first;
  let awaited = 0;
  let sentAt = 0;
  const send = () => {
    awaited = replies;
    sentAt = performance.now();
    next = (next + 1) % requests.length;
    connection.send(requests[next]!);
  };
  connection.listen((count) => {
    awaited -= count;
    if (awaited > 0) return;
    if (awaited < 0) return failed(new Error('more replies than commands'));
    done(performance.now() - sentAt);
    send();
  }, failed);
  send();
}

/** Ends the thread, and the whole load with it. */
function failed(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}
