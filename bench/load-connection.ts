/** One connection of a load: sends prepared bytes, tells when their replies have come. */
import net from 'node:net';
import type { Load } from './loads.js';
import type { Peer } from './peers/process.js';
import { ReplyCounter } from './reply-counter.js';

export class LoadConnection {
  private readonly socket: net.Socket;
  private readonly counter = new ReplyCounter();
  private expected = 0;

  private constructor(port: number) {
    this.socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
  }

  /** Connection `number` of a load; resolves when it may send. */
  static async open(peer: Peer, number: number): Promise<LoadConnection> {
    const connection = new LoadConnection(peer.ports[number % peer.ports.length]!);
    await new Promise<void>((resolve, reject) => {
      connection.socket.once('connect', resolve);
      connection.socket.once('error', reject);
    });
    if (peer.preamble !== undefined) await connection.exchange(`${peer.preamble}\r\n`, 1);
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

/** Different requests prepared ahead, so that making them costs nothing during the run. */
export function prepare(load: Load, pipeline: number, count: number): Buffer[] {
  const random = (below: number) => Math.floor(Math.random() * below);
  return Array.from({ length: count }, () =>
    Buffer.concat(Array.from({ length: pipeline }, () => load.make(random))),
  );
}
