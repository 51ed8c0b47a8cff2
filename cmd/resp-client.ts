/**
 * The few commands that this program asks of nodes (INFO, CLUSTER NODES) over one short-lived
 * RESP2 connection. Every wait has a bound: a paused node accepts connections and says nothing.
 */
import net from 'node:net';
import RedisParser from 'redis-parser';
import type { HostPort } from '../src/config.js';

export interface AskOptions {
  readonly address: HostPort;
  /** Empty: none is sent. */
  readonly password: string;
  readonly commands: readonly (readonly string[])[];
  /** For connecting and all answers together. */
  readonly timeoutMs: number;
}

/** As a RESP array of bulk strings. */
export function encode(command: readonly string[]): string {
  const parts = command.map((argument) => `$${Buffer.byteLength(argument)}\r\n${argument}\r\n`);
  return `*${command.length}\r\n${parts.join('')}`;
}

/** One reply per command, in order; error replies are Error objects. Rejects when lost. */
export function ask(options: AskOptions): Promise<unknown[]> {
  const { address, password, timeoutMs } = options;
  const auth = password === '' ? [] : [['AUTH', password]];
  const commands = [...auth, ...options.commands];
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: address.host, port: address.port, noDelay: true });
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    const replies: unknown[] = [];
    const take = (reply: unknown) => {
      if (replies.push(reply) < commands.length) return;
      clearTimeout(timer);
      socket.destroy();
      resolve(replies.slice(auth.length));
    };
    const parser = new RedisParser({
      returnReply: take,
      returnError: take,
      returnFatalError: fail,
    });
    socket.on('connect', () => socket.write(commands.map(encode).join('')));
    socket.on('data', (chunk) => parser.execute(chunk));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('connection closed')));
  });
}

/** The fields of an INFO reply. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const at = line.indexOf(':');
    if (at > 0 && !line.startsWith('#')) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  return fields;
}
