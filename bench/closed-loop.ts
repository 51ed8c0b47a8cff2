/**
 * A closed loop: each connection sends a pipeline, waits for all replies, and sends the next. Its
 * latencies are round trips of a pipeline under full load; see open-loop.ts for the others.
 */
import { LoadConnection, prepare } from './load-connection.js';
import { type LoadResult, Measurement } from './load-result.js';
import type { Load } from './loads.js';
import type { Peer } from './peers/process.js';

export interface ClosedLoopOptions {
  readonly connections: number;
  readonly pipeline: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

const preparedPipelines = 64;

export async function closedLoop(
  peer: Peer,
  load: Load,
  options: ClosedLoopOptions,
): Promise<LoadResult> {
  const { connections: count, pipeline, warmUpMs, measureMs } = options;
  const requests = prepare(load, pipeline, preparedPipelines);
  const measurement = new Measurement(peer.pids());
  const connections: LoadConnection[] = [];
  for (let at = 0; at < count; at++) connections.push(await LoadConnection.open(peer, at));
  try {
    return await new Promise<LoadResult>((resolve, reject) => {
      const replies = pipeline * load.replies;
      connections.forEach((connection, at) => {
        drive(connection, requests, at, replies, reject, (ms) => measurement.record(ms, pipeline));
      });
      setTimeout(() => {
        measurement.start();
        setTimeout(() => resolve(measurement.stop()), measureMs);
      }, warmUpMs);
    });
  } finally {
    for (const connection of connections) connection.close();
  }
}

function drive(
  connection: LoadConnection,
  requests: readonly Buffer[],
  first: number,
  replies: number,
  failed: (error: Error) => void,
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
