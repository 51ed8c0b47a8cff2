/**
 * An open loop: operations leave at a fixed rate whether or not earlier ones were answered, and
 * the latency counts from the moment an operation was due. So a stall shows in every operation
 * that it delayed (no coordinated omission).
 */
import { LoadConnection, prepare } from './load-connection.js';
import { type LoadResult, Measurement } from './load-result.js';
import type { Load } from './loads.js';
import type { Peer } from './peers/process.js';

export interface OpenLoopOptions {
  readonly connections: number;
  readonly opsPerSecond: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** Due times of what a connection sent and has not answered, oldest first. */
class Outstanding {
  private times: number[] = [];
  private first = 0;

  push(dueAt: number): void {
    this.times.push(dueAt);
  }

  shift(): number {
    const dueAt = this.times[this.first++]!;
    if (this.first > 1024) {
      this.times = this.times.slice(this.first);
      this.first = 0;
    }
    return dueAt;
  }
}

export async function openLoop(
  peer: Peer,
  load: Load,
  options: OpenLoopOptions,
): Promise<LoadResult> {
  const requests = prepare(load, 1);
  const measurement = new Measurement(peer.pids());
  const connections: LoadConnection[] = [];
  for (let at = 0; at < options.connections; at++) {
    connections.push(await LoadConnection.open(peer, at));
  }
  let stop = () => {};
  try {
    return await new Promise<LoadResult>((resolve, reject) => {
      const outstanding = connections.map((connection) => {
        const due = new Outstanding();
        connection.listen((count) => {
          for (let at = 0; at < count; at++) {
            measurement.record(performance.now() - due.shift(), 1);
          }
        }, reject);
        return due;
      });
      stop = pace(options.opsPerSecond, (number, dueAt) => {
        const at = number % connections.length;
        outstanding[at]!.push(dueAt);
        connections[at]!.send(requests[number % requests.length]!);
      });
      setTimeout(() => {
        measurement.start();
        setTimeout(() => resolve(measurement.result()), options.measureMs);
      }, options.warmUpMs);
    });
  } finally {
    stop();
    for (const connection of connections) connection.close();
  }
}

/** Calls `send` for each operation that has become due; returns the way to end it. */
function pace(perSecond: number, send: (number: number, dueAt: number) => void): () => void {
  const startedAt = performance.now();
  let sent = 0;
  let running = true;
  const step = () => {
    if (!running) return;
    const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000);
    for (; sent < due; sent++) send(sent, startedAt + (sent * 1000) / perSecond);
    setImmediate(step);
  };
  step();
  return () => {
    running = false;
  };
}
