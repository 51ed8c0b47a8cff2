/// <reference path="../cmd/redis-parser.d.ts" />
/**
 * One raw client connection. It sends what it is told once and waits for the replies: no retry,
 * no redirect, no reconnect (requirement 68). After any doubt it is closed for good.
 */
import net from 'node:net';
import RedisParser from 'redis-parser';
import { encode } from '../cmd/resp-client.js';
import type { HostPort } from '../src/host-port.js';

export type Reply = string | number | null | Error | Reply[];

const answerMsMax = 4000;
const connectMsMax = 1000;

export class Connection {
  private replies: Reply[] = [];
  private awaited = 0;
  private settle: ((replies: Reply[] | null) => void) | null = null;

  private constructor(private readonly socket: net.Socket) {
    const take = (reply: unknown) => this.take(reply as Reply);
    const parser = new RedisParser({
      returnReply: take,
      returnError: take,
      returnFatalError: () => this.close(),
    });
    socket.on('data', (chunk) => parser.execute(chunk));
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  /** Null when nobody answers there. */
  static open(address: HostPort): Promise<Connection | null> {
    return new Promise((resolve) => {
      const socket = net.connect({ ...address, noDelay: true });
      const fail = () => {
        socket.destroy();
        resolve(null);
      };
      socket.setTimeout(connectMsMax, fail);
      socket.once('error', fail);
      socket.once('connect', () => {
        socket.setTimeout(0);
        socket.off('error', fail);
        resolve(new Connection(socket));
      });
    });
  }

  get closed(): boolean {
    return this.socket.destroyed;
  }

  /** One reply per command; null when not all of them came: what took effect is not known. */
  ask(commands: readonly (readonly string[])[], timeoutMs = answerMsMax): Promise<Reply[] | null> {
    if (this.closed) return Promise.resolve(null);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.close(), timeoutMs);
      this.awaited = commands.length;
      this.replies = [];
      this.settle = (replies) => {
        clearTimeout(timer);
        this.settle = null;
        resolve(replies);
      };
      this.socket.write(commands.map(encode).join(''));
    });
  }

  close(): void {
    this.socket.destroy();
    this.settle?.(null);
  }

  private take(reply: Reply): void {
    // A reply that nobody waits for would be given to the next command.
    if (this.settle === null) return this.close();
    if (this.replies.push(reply) === this.awaited) this.settle(this.replies);
  }
}
