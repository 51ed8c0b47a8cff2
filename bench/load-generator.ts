/**
 * A closed-loop load over raw sockets: each connection sends a pipeline of prepared commands,
 * waits for all replies, and sends the next. Replies are counted by their length, so that the
 * generator costs as little as possible; an unexpected length or an error ends the run.
 */
import net from 'node:net';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly command: 'SET' | 'GET';
  readonly connections: number;
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface LoadResult {
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** Different pipelines prepared ahead, so that keys vary without work during the run. */
const preparedPipelines = 64;

function keyName(number: number): string {
  return `key:${String(number).padStart(12, '0')}`;
}

export function encodeCommand(...args: string[]): Buffer {
  const parts = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
  return Buffer.from(`*${args.length}\r\n${parts.join('')}`);
}

function preparePipelines(options: LoadOptions): Buffer[] {
  const value = 'x'.repeat(options.valueBytes);
  const one = () => {
    const key = keyName(Math.floor(Math.random() * options.keys));
    return options.command === 'SET' ? encodeCommand('SET', key, value) : encodeCommand('GET', key);
  };
  return Array.from({ length: preparedPipelines }, () =>
    Buffer.concat(Array.from({ length: options.pipeline }, one)),
  );
}

function replyBytes(options: LoadOptions): number {
  if (options.command === 'SET') return '+OK\r\n'.length;
  return `$${options.valueBytes}\r\n`.length + options.valueBytes + 2;
}

class LoadConnection {
  private readonly socket: net.Socket;
  private awaited = 0;
  private sentAt = 0;
  private next = Math.floor(Math.random() * preparedPipelines);
  stopped = false;

  constructor(
    options: LoadOptions,
    private readonly pipelines: readonly Buffer[],
    private readonly bytesPerPipeline: number,
    private readonly answered: (latencyNs: number) => void,
    failed: (error: Error) => void,
  ) {
    this.socket = net.connect({ host: options.host, port: options.port, noDelay: true });
    this.socket.on('connect', () => this.send());
    this.socket.on('error', failed);
    this.socket.on('data', (chunk) => {
      this.awaited -= chunk.length;
      const isError = chunk[0] === 45;
      if (this.awaited < 0 || isError) {
        failed(new Error(`unexpected reply: ${chunk.subarray(0, 120).toString('latin1')}`));
      } else if (this.awaited === 0) this.complete();
    });
  }

  close(): void {
    this.stopped = true;
    this.socket.destroy();
  }

  private complete(): void {
    this.answered(Math.max(1, Math.round((performance.now() - this.sentAt) * 1e6)));
    if (!this.stopped) this.send();
  }

  private send(): void {
    this.awaited = this.bytesPerPipeline;
    this.sentAt = performance.now();
    this.next = (this.next + 1) % this.pipelines.length;
    this.socket.write(this.pipelines[this.next]!);
  }
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const pipelines = preparePipelines(options);
  const perPipeline = replyBytes(options) * options.pipeline;
  const histogram: RecordableHistogram = createHistogram();
  let measuring = false;
  let pipelinesDone = 0;
  const connections: LoadConnection[] = [];
  try {
    return await new Promise<LoadResult>((resolve, reject) => {
      const answered = (latencyNs: number) => {
        if (!measuring) return;
        histogram.record(latencyNs);
        pipelinesDone++;
      };
      for (let at = 0; at < options.connections; at++) {
        connections.push(new LoadConnection(options, pipelines, perPipeline, answered, reject));
      }
      setTimeout(() => {
        measuring = true;
        const startedAt = performance.now();
        setTimeout(() => {
          measuring = false;
          const seconds = (performance.now() - startedAt) / 1000;
          resolve({
            opsPerSecond: (pipelinesDone * options.pipeline) / seconds,
            p50Ms: histogram.percentile(50) / 1e6,
            p99Ms: histogram.percentile(99) / 1e6,
            p999Ms: histogram.percentile(99.9) / 1e6,
          });
        }, options.measureMs);
      }, options.warmUpMs);
    });
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Writes every key once, so that GET always finds a value of the expected length. */
export async function fillKeys(options: LoadOptions): Promise<void> {
  const value = 'x'.repeat(options.valueBytes);
  const batch = 1000;
  const socket = net.connect({ host: options.host, port: options.port, noDelay: true });
  try {
    for (let from = 0; from < options.keys; from += batch) {
      const count = Math.min(batch, options.keys - from);
      const commands = Array.from({ length: count }, (_, at) =>
        encodeCommand('SET', keyName(from + at), value),
      );
      await exchange(socket, Buffer.concat(commands), count * '+OK\r\n'.length);
    }
  } finally {
    socket.destroy();
  }
}

/** Reads every key that fillKeys() wrote; resolves with how many have their value. */
export async function countValues(options: LoadOptions): Promise<number> {
  const batch = 1000;
  const perReply = `$${options.valueBytes}\r\n`.length + options.valueBytes + 2;
  const socket = net.connect({ host: options.host, port: options.port, noDelay: true });
  // A missing value makes the reply shorter: without this the wait would never end.
  socket.setTimeout(10_000, () => socket.destroy(new Error('values are missing')));
  let found = 0;
  try {
    for (let from = 0; from < options.keys; from += batch) {
      const count = Math.min(batch, options.keys - from);
      const commands = Array.from({ length: count }, (_, at) =>
        encodeCommand('GET', keyName(from + at)),
      );
      await exchange(socket, Buffer.concat(commands), count * perReply);
      found += count;
    }
  } finally {
    socket.destroy();
  }
  return found;
}

function exchange(socket: net.Socket, request: Buffer, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let awaited = bytes;
    const onData = (chunk: Buffer) => {
      awaited -= chunk.length;
      if (awaited > 0) return;
      socket.off('data', onData);
      socket.off('error', reject);
      if (awaited < 0 || chunk[0] === 45) reject(new Error(chunk.subarray(0, 120).toString()));
      else resolve();
    };
    socket.on('data', onData);
    socket.once('error', reject);
    socket.write(request);
  });
}
