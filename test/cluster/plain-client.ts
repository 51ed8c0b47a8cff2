/// <reference path="../../cmd/redis-parser.d.ts" />
/**
 * One connection at a time, over a raw socket: follows MOVED, goes to another node when one is
 * gone, and never sends a command twice by itself.
 */
import net from 'node:net';
import Parser from 'redis-parser';

export type Answer = string | number | null | Error | Answer[];

function encode(words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

export class PlainClient {
  private socket: net.Socket | null = null;
  private answer: ((answer: Answer) => void) | null = null;
  private fail: ((error: Error) => void) | null = null;

  constructor(
    private readonly ports: readonly number[],
    private port: number,
  ) {}

  /** Rejects when the outcome is not known. */
  async command(...words: string[]): Promise<Answer> {
    const socket = this.socket ?? (await this.connect());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.drop(new Error('no answer')), 3000);
      this.answer = (answer) => {
        clearTimeout(timer);
        this.follow(answer);
        resolve(answer);
      };
      this.fail = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      socket.write(encode(words));
    });
  }

  close(): void {
    this.drop(new Error('closed'));
  }

  private follow(answer: Answer): void {
    const moved = answer instanceof Error ? /^MOVED \d+ .*:(\d+)$/.exec(answer.message) : null;
    if (moved === null) return;
    this.drop(new Error('moved'));
    this.port = Number(moved[1]);
  }

  private connect(): Promise<net.Socket> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port: this.port, noDelay: true });
      const parser = new Parser({
        returnReply: (answer: Answer) => this.take(answer),
        returnError: (error) => this.take(error),
      });
      socket.on('data', (chunk) => parser.execute(chunk));
      socket.on('connect', () => {
        this.socket = socket;
        resolve(socket);
      });
      socket.on('error', reject);
      socket.on('close', () => {
        if (this.socket === socket || this.socket === null) {
          this.drop(new Error('the connection broke'));
          this.port = this.ports[(this.ports.indexOf(this.port) + 1) % this.ports.length]!;
        }
        reject(new Error('not connected'));
      });
    });
  }

  private take(answer: Answer): void {
    const { answer: give } = this;
    this.answer = null;
    this.fail = null;
    give?.(answer);
  }

  private drop(error: Error): void {
    const { socket, fail } = this;
    this.socket = null;
    this.answer = null;
    this.fail = null;
    socket?.destroy();
    fail?.(error);
  }
}
