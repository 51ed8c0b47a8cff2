/** RESP2 replies as values, for simulated clients. */

export class ErrorReply {
  constructor(readonly text: string) {}
}

export type Reply = string | null | ErrorReply | readonly Reply[];

/** Reads one reply; integers come as text. */
export function parseReply(bytes: Buffer): Reply {
  const reader = new ReplyReader(bytes.toString('latin1'));
  const reply = reader.next();
  if (!reader.atEnd) throw new Error(`more than one reply: ${bytes.toString('latin1')}`);
  return reply;
}

class ReplyReader {
  private at = 0;

  constructor(private readonly text: string) {}

  get atEnd(): boolean {
    return this.at === this.text.length;
  }

  next(): Reply {
    const type = this.text[this.at];
    const line = this.line();
    if (type === '-') return new ErrorReply(line);
    if (type === '+' || type === ':') return line;
    const length = Number(line);
    if (length < 0) return null;
    if (type === '*') return Array.from({ length }, () => this.next());
    if (type !== '$') throw new Error(`no reply: ${this.text}`);
    this.at += length + 2;
    return this.text.slice(this.at - length - 2, this.at - 2);
  }

  private line(): string {
    const end = this.text.indexOf('\r\n', this.at);
    if (end < 0) throw new Error(`half a reply: ${this.text}`);
    const line = this.text.slice(this.at + 1, end);
    this.at = end + 2;
    return line;
  }
}
