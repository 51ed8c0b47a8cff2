/** A raw connection that sends commands in one piece and cuts the replies apart, byte for byte. */
import { connect, type Socket } from 'node:net';

/** Words as latin1 text: one char per byte. */
export type Command = readonly string[];

/** A reply as it came, and as a tree of replies. */
export interface Reply {
  readonly raw: string;
  readonly elements: readonly Reply[] | null;
}

const aggregates = '*%~>';
const blobs = '$=!';

/** The reply at `at` and the place behind it; null while it is not complete. */
export function readReply(text: string, at: number): { reply: Reply; end: number } | null {
  const line = text.indexOf('\r\n', at);
  if (line < 0) return null;
  const type = text[at]!;
  const length = Number(text.slice(at + 1, line));
  let end = line + 2;
  if (blobs.includes(type) && length >= 0) end += length + 2;
  if (end > text.length) return null;
  if (!aggregates.includes(type) || length < 0) {
    return { reply: { raw: text.slice(at, end), elements: null }, end };
  }
  const elements: Reply[] = [];
  for (let each = 0; each < (type === '%' ? 2 * length : length); each++) {
    const next = readReply(text, end);
    if (next === null) return null;
    elements.push(next.reply);
    end = next.end;
  }
  return { reply: { raw: text.slice(at, end), elements }, end };
}

function encode(command: Command): string {
  return `*${command.length}\r\n${command.map((w) => `$${w.length}\r\n${w}\r\n`).join('')}`;
}

export class RespPipe {
  private received = '';
  private at = 0;
  private closed = false;
  private wake: () => void = () => {};

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
      this.wake();
    });
    socket.on('error', () => this.wake());
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  static async open(port: number, protocol: 2 | 3): Promise<RespPipe> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const pipe = new RespPipe(socket);
    if (protocol === 3) await pipe.ask([['HELLO', '3']]);
    return pipe;
  }

  /** Sends all at once; one reply for each. */
  async ask(commands: readonly Command[]): Promise<Reply[]> {
    this.socket.write(commands.map(encode).join(''), 'latin1');
    const replies: Reply[] = [];
    while (replies.length < commands.length) {
      const next = readReply(this.received, this.at);
      if (next === null) await this.more();
      else {
        replies.push(next.reply);
        this.at = next.end;
      }
    }
    this.received = this.received.slice(this.at);
    this.at = 0;
    return replies;
  }

  close(): void {
    this.socket.destroy();
  }

  private async more(): Promise<void> {
    if (this.closed) throw new Error(`closed after ${JSON.stringify(this.received.slice(-200))}`);
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
  }
}
