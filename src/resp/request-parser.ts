/**
 * Bytes of a client to commands. Our own, since redis-parser trusts its server: every length is
 * checked before anything is allocated, nothing is scanned twice, and a command that lies in one
 * chunk is given as positions in that chunk. Errors are those of Redis 7.2; after one the
 * connection must be closed. Stricter than Redis in one point: a bulk string must end with CRLF,
 * where Redis skips two bytes whatever they are. Also reads inline commands.
 */
import { limits } from '../limits.js';
import { Args } from './args.js';
import { splitInline } from './inline.js';

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const MINUS = 45;
const ZERO = 48;
const noBulk = -1;
/** Room grows with what has come, not with what was announced: at most fourfold. */
const growthMax = 4;
const nothing = Buffer.alloc(0);

type Begun = 'command' | 'more' | 'again';

export class RequestParser {
  /** The command that next() found; valid until next() or feed() is called again. */
  readonly args = new Args();
  /** Set when the input breaks the protocol: the text after "Protocol error: ". */
  error: string | null = null;
  /** The client speaks HTTP: close without an answer (Redis: securityWarningCommand). */
  crossProtocol = false;
  /** One whole command became too large: close without an answer, as Redis does. */
  tooLarge = false;
  /** Before AUTH the bounds are tighter. */
  authenticated = true;
  /** proto-max-bulk-len */
  bulkBytesMax = 512 * 1024 * 1024;
  /** client-query-buffer-limit: bytes of one command */
  queryBytesMax = 1024 * 1024 * 1024;
  private buffer: Buffer = nothing;
  /** The buffer was made here and may be written to. */
  private owned = false;
  /** Where the current command begins. */
  private from = 0;
  private at = 0;
  private end = 0;
  /** The line that begins at `at` does not end before this place. */
  private scanned = 0;
  private argumentsLeft = 0;
  private bulkBytes = noBulk;

  /** Bytes held that are not yet part of a command given out. */
  get buffered(): number {
    return this.end - this.at;
  }

  /** Those, and the bytes of the command that was given out last. */
  get held(): number {
    return this.end - this.from;
  }

  /** No more commands will be found. */
  get failed(): boolean {
    return this.error !== null || this.crossProtocol || this.tooLarge;
  }

  /** Reads in the chunk itself: it may not change before keep(). */
  feed(chunk: Buffer): void {
    if (this.failed) return;
    if (this.argumentsLeft === 0 && this.at === this.end) this.use(chunk);
    else this.append(chunk);
  }

  /** True: `args` holds a command. False: more bytes are needed, or the parser has failed. */
  next(): boolean {
    while (!this.failed) {
      if (this.argumentsLeft > 0) return this.readBulks();
      this.from = this.at;
      if (this.at >= this.end) {
        this.use(nothing);
        return false;
      }
      const begun = this.buffer[this.at] === STAR ? this.readHeader() : this.readInline();
      if (begun === 'command') return true;
      if (begun === 'more') return false;
    }
    return false;
  }

  /** The chunk is about to change: what is still needed of it is copied. */
  keep(): void {
    const needed = this.end - this.from;
    if (this.owned || needed === 0) return;
    // More is to come of a command that has begun; the others may wait for long as they are.
    this.move(this.argumentsLeft > 0 ? this.roomFor(needed) : needed);
  }

  private use(chunk: Buffer): void {
    this.buffer = chunk;
    this.owned = false;
    this.from = 0;
    this.at = 0;
    this.scanned = 0;
    this.end = chunk.length;
    // An idle client shall not keep its last chunk alive.
    if (chunk.length === 0) this.args.reset(nothing);
  }

  /** Joins what is left of an unfinished command with the next chunk. */
  private append(chunk: Buffer): void {
    const needed = this.end - this.from + chunk.length;
    if (needed > this.queryBytesMax) {
      this.tooLarge = true;
      return;
    }
    if (!this.owned || this.end + chunk.length > this.buffer.length) {
      this.move(this.roomFor(needed));
    }
    chunk.copy(this.buffer, this.end);
    this.end += chunk.length;
  }

  private move(room: number): void {
    const { from } = this;
    const wider = Buffer.allocUnsafe(room);
    this.buffer.copy(wider, 0, from, this.end);
    if (this.args.bytes === this.buffer) this.args.rebase(wider, -from);
    this.at -= from;
    this.scanned -= from;
    this.end -= from;
    this.from = 0;
    this.buffer = wider;
    this.owned = true;
  }

  private roomFor(needed: number): number {
    const announced = this.bulkBytes === noBulk ? 0 : this.at - this.from + this.bulkBytes + 2;
    if (announced > needed) return Math.min(announced, needed * growthMax);
    return needed * 2;
  }

  private readHeader(): Begun {
    const lineEnd = this.lineEnd('too big mbulk count string');
    if (lineEnd < 0) return 'more';
    const count = this.number(this.at + 1, lineEnd);
    if (count === null || count > limits.argumentsMax) return this.fail('invalid multibulk length');
    if (!this.authenticated && count > limits.unauthenticatedArgumentsMax) {
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

  /** The usual header, "$" and up to nine digits, all in sight, is read in one go. */
  private readBulkHeader(): boolean {
    const { buffer, end } = this;
    let at = this.at;
    if (end - at < 4 || buffer[at] !== DOLLAR) return this.readOddBulkHeader();
    const first = buffer[++at]!;
    let length = first - ZERO;
    if (length < 0 || length > 9) return this.readOddBulkHeader();
    const last = Math.min(at + 9, end);
    while (++at < last) {
      const digit = buffer[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
    }
    const leadingZero = first === ZERO && at - this.at > 2;
    if (at + 1 >= end || buffer[at] !== CR || buffer[at + 1] !== LF || leadingZero) {
      return this.readOddBulkHeader();
    }
    return this.beginBulk(length, at);
  }

  private readOddBulkHeader(): boolean {
    if (this.at >= this.end) return false;
    const lineEnd = this.lineEnd('too big bulk count string');
    if (lineEnd < 0) return false;
    const type = this.buffer[this.at]!;
    if (type !== DOLLAR) {
      this.fail(`expected '$', got '${String.fromCharCode(type)}'`);
      return false;
    }
    return this.beginBulk(this.number(this.at + 1, lineEnd) ?? -1, lineEnd);
  }

  private beginBulk(length: number, lineEnd: number): boolean {
    if (length < 0 || length > this.bulkBytesMax) this.fail('invalid bulk length');
    else if (!this.authenticated && length > limits.unauthenticatedBulkBytesMax) {
      this.fail('unauthenticated bulk length');
    } else if (lineEnd - this.from + length > this.queryBytesMax) this.tooLarge = true;
    else {
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
    let lineEnd = Math.max(this.at, this.scanned);
    while (lineEnd < stop && buffer[lineEnd] !== CR) lineEnd++;
    this.scanned = lineEnd;
    if (lineEnd === stop) {
      if (stop - this.at >= limits.inlineBytesMax) this.fail(tooLong);
      return -1;
    }
    if (lineEnd + 1 >= this.end) return -1;
    if (buffer[lineEnd + 1] === LF) return lineEnd;
    this.fail('expected LF after CR');
    return -1;
  }

  /** Redis: string2ll. No sign but a minus, no leading zeros, no blanks. */
  private number(start: number, end: number): number | null {
    const negative = this.buffer[start] === MINUS;
    let at = negative ? start + 1 : start;
    const digits = end - at;
    const zeroFirst = this.buffer[at] === ZERO;
    if (digits < 1 || digits > 15 || (zeroFirst && (digits > 1 || negative))) return null;
    let value = 0;
    for (; at < end; at++) {
      const digit = this.buffer[at]! - ZERO;
      if (digit < 0 || digit > 9) return null;
      value = value * 10 + digit;
    }
    return negative ? -value : value;
  }

  private readInline(): Begun {
    const found = this.buffer.indexOf(LF, Math.max(this.at, this.scanned));
    // A buffer of our own may hold older bytes behind its end.
    const lineEnd = found >= 0 && found < this.end ? found : -1;
    const stop = lineEnd < 0 ? this.end : lineEnd;
    this.scanned = stop;
    if (stop - this.at > limits.inlineBytesMax) return this.fail('too big inline request');
    if (lineEnd < 0) return 'more';
    const textEnd = lineEnd > this.at && this.buffer[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const words = splitInline(this.buffer.subarray(this.at, textEnd));
    this.at = lineEnd + 1;
    if (words === null) return this.fail('unbalanced quotes in request');
    return words.length === 0 ? 'again' : this.give(words);
  }

  private give(words: readonly Buffer[]): Begun {
    const first = words[0]!.toString('latin1').toLowerCase();
    if (first === 'post' || first === 'host:') {
      this.crossProtocol = true;
      return 'more';
    }
    this.args.reset(Buffer.concat(words));
    let at = 0;
    for (const word of words) {
      this.args.push(at, at + word.length);
      at += word.length;
    }
    return 'command';
  }

  private fail(error: string): 'more' {
    this.error = error;
    return 'more';
  }
}
