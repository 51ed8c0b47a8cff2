/**
 * Bytes of a client to commands. Our own, since redis-parser trusts its server (FACTS): every
 * length is checked before anything is allocated, nothing is scanned twice, and a command that
 * lies in one chunk is given as positions in that chunk. Errors are those of Redis 7.2; after one
 * the connection must be closed. Also reads inline commands.
 */
import { limits } from '../limits.js';
import { Args } from './args.js';
import { splitInline } from './inline.js';

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const noBulk = -1;

export interface ParserLimits {
  /** proto-max-bulk-len */
  readonly bulkBytesMax: number;
  /** client-query-buffer-limit: one whole command */
  readonly queryBytesMax: number;
  /** Before AUTH the bounds are tighter. */
  readonly authenticated: boolean;
}

export class RequestParser {
  /** The command that next() found; valid until next() or feed() is called again. */
  readonly args = new Args();
  /** Set when the input breaks the protocol: the text after "Protocol error: ". */
  error: string | null = null;
  /** The client speaks HTTP: close without an answer (Redis' cross-protocol check). */
  crossProtocol = false;
  private buffer: Buffer = Buffer.alloc(0);
  /** The buffer was made here and may be written to. */
  private owned = false;
  private from = 0;
  private at = 0;
  private end = 0;
  private argumentsLeft = 0;
  private bulkBytes = noBulk;

  constructor(private readonly bounds: () => ParserLimits) {}

  /** Bytes held that are not yet part of a command given out. */
  get buffered(): number {
    return this.end - this.at;
  }

  feed(chunk: Buffer): void {
    if (this.from === this.end || (this.argumentsLeft === 0 && this.at === this.end)) {
      this.use(chunk);
    } else this.append(chunk);
  }

  /** True: `args` holds a command. False: more bytes are needed, or `error` is set. */
  next(): boolean {
    while (this.error === null && !this.crossProtocol) {
      if (this.argumentsLeft > 0) return this.readBulks();
      this.from = this.at;
      if (this.at >= this.end) return false;
      const begun = this.buffer[this.at] === STAR ? this.readHeader() : this.readInline();
      if (begun === 'command') return true;
      if (begun === 'more') return false;
    }
    return false;
  }

  private use(chunk: Buffer): void {
    this.buffer = chunk;
    this.owned = false;
    this.from = 0;
    this.at = 0;
    this.end = chunk.length;
  }

  /** Joins what is left of an unfinished command with the next chunk. */
  private append(chunk: Buffer): void {
    const kept = this.end - this.from;
    const needed = kept + chunk.length;
    if (!this.owned || this.from + needed > this.buffer.length) {
      const wider = Buffer.allocUnsafe(Math.max(needed, this.expectedBytes(needed)));
      this.buffer.copy(wider, 0, this.from, this.end);
      this.args.rebase(wider, -this.from);
      this.at -= this.from;
      this.from = 0;
      this.end = kept;
      this.buffer = wider;
      this.owned = true;
    }
    chunk.copy(this.buffer, this.end);
    this.end += chunk.length;
  }

  /** Room for a large argument is made as it comes, not as it is announced. */
  private expectedBytes(have: number): number {
    const announced = this.bulkBytes === noBulk ? 0 : this.at - this.from + this.bulkBytes + 1024;
    return Math.min(Math.max(announced, have), have * 4);
  }

  private readHeader(): 'command' | 'more' | 'again' {
    const lineEnd = this.lineEnd('too big mbulk count string');
    if (lineEnd < 0) return 'more';
    const count = this.number(this.at + 1, lineEnd);
    const { authenticated } = this.bounds();
    if (count === null || count > limits.argumentsMax) {
      return this.fail('invalid multibulk length');
    }
    if (!authenticated && count > limits.unauthenticatedArgumentsMax) {
      return this.fail('unauthenticated multibulk length');
    }
    this.at = lineEnd + 2;
    // Redis ignores *0 and *-1.
    if (count <= 0) return 'again';
    this.args.reset(this.buffer);
    this.argumentsLeft = count;
    return 'again';
  }

  private readBulks(): boolean {
    while (this.argumentsLeft > 0) {
      if (this.bulkBytes === noBulk && !this.readBulkHeader()) return false;
      const bodyEnd = this.at + this.bulkBytes;
      if (this.end < bodyEnd + 2) return false;
      if (this.buffer[bodyEnd] !== CR || this.buffer[bodyEnd + 1] !== LF) {
        this.fail('expected CRLF after a bulk string');
        return false;
      }
      this.args.push(this.at, bodyEnd);
      this.at = bodyEnd + 2;
      this.bulkBytes = noBulk;
      this.argumentsLeft--;
    }
    return true;
  }

  private readBulkHeader(): boolean {
    if (this.at >= this.end) return false;
    const lineEnd = this.lineEnd('too big bulk count string');
    if (lineEnd < 0) return false;
    if (this.buffer[this.at] !== DOLLAR) {
      const got = String.fromCharCode(this.buffer[this.at]!);
      this.fail(`expected '$', got '${got}'`);
      return false;
    }
    const length = this.number(this.at + 1, lineEnd);
    const { bulkBytesMax, queryBytesMax, authenticated } = this.bounds();
    const total = lineEnd - this.from + (length ?? 0);
    if (length === null || length < 0 || length > bulkBytesMax || total > queryBytesMax) {
      this.fail('invalid bulk length');
    } else if (!authenticated && length > limits.unauthenticatedBulkBytesMax) {
      this.fail('unauthenticated bulk length');
    } else {
      this.at = lineEnd + 2;
      this.bulkBytes = length;
      return true;
    }
    return false;
  }

  /** Index of the CR that ends the line at `at`, or -1. */
  private lineEnd(tooLong: string): number {
    const { buffer } = this;
    const stop = Math.min(this.end, this.at + limits.inlineBytesMax);
    let lineEnd = this.at;
    while (lineEnd < stop && buffer[lineEnd] !== CR) lineEnd++;
    if (lineEnd === stop && stop < this.end) this.fail(tooLong);
    if (lineEnd + 1 >= this.end || lineEnd === stop) return -1;
    if (this.buffer[lineEnd + 1] !== LF) {
      this.fail('expected LF after CR');
      return -1;
    }
    return lineEnd;
  }

  /** Redis: string2ll; no sign but a minus, no leading zeros, no blanks. */
  private number(start: number, end: number): number | null {
    const negative = this.buffer[start] === 45;
    let at = negative ? start + 1 : start;
    const digits = end - at;
    if (digits < 1 || digits > 15 || (digits > 1 && this.buffer[at] === 48)) return null;
    let value = 0;
    for (; at < end; at++) {
      const digit = this.buffer[at]! - 48;
      if (digit < 0 || digit > 9) return null;
      value = value * 10 + digit;
    }
    return negative ? -value : value;
  }

  private readInline(): 'command' | 'more' | 'again' {
    const found = this.buffer.indexOf(LF, this.at);
    const lineEnd = found >= 0 && found < this.end ? found : -1;
    const length = (lineEnd < 0 ? this.end : lineEnd) - this.at;
    if (length > limits.inlineBytesMax) return this.fail('too big inline request');
    if (lineEnd < 0) return 'more';
    const textEnd = lineEnd > this.at && this.buffer[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const words = splitInline(this.buffer.subarray(this.at, textEnd));
    this.at = lineEnd + 1;
    if (words === null) return this.fail('unbalanced quotes in request');
    if (words.length === 0) return 'again';
    const first = words[0]!.toString('latin1').toLowerCase();
    if (first === 'post' || first === 'host:') {
      this.crossProtocol = true;
      return 'more';
    }
    this.give(words);
    return 'command';
  }

  private give(words: readonly Buffer[]): void {
    this.args.reset(Buffer.concat(words));
    let at = 0;
    for (const word of words) {
      this.args.push(at, at + word.length);
      at += word.length;
    }
  }

  private fail(error: string): 'more' {
    this.error = error;
    return 'more';
  }
}
