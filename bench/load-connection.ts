/** One connection of a load: sends prepared bytes, tells when their replies have come. */
import net from 'node:net';
import type { Load } from './loads.js';
import { ReplyCounter } from './reply-counter.js';

/** Where a load goes; what Peer says of it. */
export interface Target {
  readonly ports: readonly number[];
  readonly preamble?: string | null;
}

export class LoadConnection {
  private readonly socket: net.Socket;
  private readonly counter = new ReplyCounter();
  private expected = 0;

  private constructor(port: number) {
    this.socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
  }

  /** Connection `number` of a load; resolves when it may send. */
  static async open({ ports, preamble = null }: Target, number: number): Promise<LoadConnection> {
    const connection = new LoadConnection(ports[number % ports.length]!);
    await new Promise<void>((resolve, reject) => {
      connection.socket.once('connect', resolve);
      connection.socket.once('error', reject);
    });
    if (preamble !== null) await connection.exchange(`${preamble}\r\n`, 1);
    return connection;
  }

  /** Calls `replied` with the number of replies each chunk of the socket ended. */
  listen(replied: (replies: number) => void, failed: (error: Error) => void): void {
    this.socket.removeAllListeners('data').removeAllListeners('error');
    this.socket.on('error', failed);
    this.socket.on('data', (chunk: Buffer) => {
      try {
        const replies = this.counter.feed(chunk);
        if (replies > 0) replied(replies);
      } catch (error) {
        failed(error as Error);
      }
    });
  }

  send(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  /** Sends and waits for all replies. */
  exchange(bytes: Buffer | string, replies: number): Promise<void> {
    this.expected = replies;
    return new Promise((resolve, reject) => {
      this.listen((count) => {
        this.expected -= count;
        if (this.expected === 0) resolve();
      }, reject);
      this.send(bytes);
    });
  }

  close(): void {
    this.socket.removeAllListeners('error').on('error', () => {});
    this.socket.destroy();
  }
}

/** What is prepared ahead takes about so much memory at most. */
const preparedBytesMax = 16 * 2 ** 20;
const preparedMin = 64;

/**
 * Requests of `pipeline` operations, prepared ahead so that making them costs nothing during the
 * run: as many operations as there are keys. Fewer would come back to the same keys while these
 * are still in the processor's caches, and tell of no store with so many keys.
 */
export function prepare(load: Load, pipeline: number): Buffer[] {
  const random = (below: number) => Math.floor(Math.random() * below);
  const make = () => Buffer.concat(Array.from({ length: pipeline }, () => load.make(random)));
  const first = make();
  const fitting = Math.floor(preparedBytesMax / first.length);
  const wanted = Math.min(fitting, Math.ceil(load.shape.keys / pipeline));
  return [first, ...Array.from({ length: Math.max(preparedMin, wanted) - 1 }, make)];
}
