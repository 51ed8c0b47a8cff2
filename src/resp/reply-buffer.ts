/**
 * Replies as RESP2 or RESP3 bytes, gathered until the connection writes them to its socket, once
 * per turn. Small replies share a buffer; what is left of it serves the next turn. A buffer that
 * has grown large is put aside as a finished part, so that no byte is copied again and again.
 */
import type { ReplySink } from './reply-sink.js';

const smallest = 512;
const largestReserve = 16 * 1024;
/** A part is closed at about this size. */
const partBytes = 1024 * 1024;

export class ReplyBuffer implements ReplySink {
  protocol: 2 | 3 = 2;
  private buffer: Buffer = Buffer.alloc(0);
  private used = 0;
  private parts: Buffer[] = [];
  private partsBytes = 0;
  /** What the next buffer should hold: follows what a turn produces. */
  private reserve = smallest;

  /** `noteError` hears of every error reply, for the statistics. */
  constructor(private readonly noteError: (text: string) => void = () => {}) {}

  get byteLength(): number {
    return this.partsBytes + this.used;
  }

  /** Hands the bytes over in one piece; null when there are none. */
  take(): Buffer | null {
    if (this.parts.length === 0) return this.takeUsed();
    return Buffer.concat(this.takeParts());
  }

  /** Hands the bytes over in one or more pieces. */
  takeParts(): readonly Buffer[] {
    const { parts } = this;
    const last = this.takeUsed();
    if (last !== null) parts.push(last);
    this.parts = [];
    this.partsBytes = 0;
    return parts;
  }

  /** Forgets what was written. */
  clear(): void {
    this.parts = [];
    this.partsBytes = 0;
    this.used = 0;
  }

  ok(): void {
    this.room(5);
    const { buffer, used } = this;
    buffer[used] = 43;
    buffer[used + 1] = 79;
    buffer[used + 2] = 75;
    buffer[used + 3] = 13;
    buffer[used + 4] = 10;
    this.used = used + 5;
  }

  simple(text: string): void {
    this.latin1(`+${text}\r\n`);
  }

  error(text: string): void {
    this.noteError(text);
    // A line end inside would break the framing (Redis: addReplyErrorFormat).
    this.latin1(`-${text.replace(/[\r\n]+$/, '').replace(/[\r\n]/g, ' ')}\r\n`);
  }

  integer(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value < 100) this.header(58, value);
    else this.latin1(`:${value}\r\n`);
  }

  bulk(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.header(36, length);
    this.room(length + 2);
    const { buffer } = this;
    let at = this.used;
    if (length <= 48) {
      for (let from = start; from < end; from++) buffer[at++] = bytes[from]!;
    } else {
      buffer.set(bytes.subarray(start, end), at);
      at += length;
    }
    buffer[at] = 13;
    buffer[at + 1] = 10;
    this.used = at + 2;
  }

  text(value: string): void {
    this.header(36, value.length);
    this.latin1(`${value}\r\n`);
  }

  nil(): void {
    this.latin1(this.protocol === 3 ? '_\r\n' : '$-1\r\n');
  }

  nilArray(): void {
    this.latin1(this.protocol === 3 ? '_\r\n' : '*-1\r\n');
  }

  array(length: number): void {
    this.header(42, length);
  }

  map(length: number): void {
    if (this.protocol === 3) this.header(37, length);
    else this.header(42, length * 2);
  }

  set(length: number): void {
    this.header(this.protocol === 3 ? 126 : 42, length);
  }

  push(length: number): void {
    this.header(this.protocol === 3 ? 62 : 42, length);
  }

  double(value: number, text = formatDouble(value)): void {
    if (this.protocol === 3) this.latin1(`,${text}\r\n`);
    else this.text(text);
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.latin1(value ? '#t\r\n' : '#f\r\n');
    else this.integer(value ? 1 : 0);
  }

  verbatim(format: string, text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    if (this.protocol === 2) return this.bulk(bytes, 0, bytes.length);
    this.header(61, bytes.length + 4);
    this.latin1(`${format}:`);
    this.raw(bytes);
    this.latin1('\r\n');
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  private takeUsed(): Buffer | null {
    if (this.used === 0) return null;
    const taken = this.buffer.subarray(0, this.used);
    this.reserve = Math.min(largestReserve, Math.max(smallest, this.used * 4));
    this.buffer = this.buffer.subarray(this.used);
    this.used = 0;
    return taken;
  }

  private header(type: number, length: number): void {
    this.room(24);
    const { buffer } = this;
    let at = this.used;
    buffer[at++] = type;
    if (length < 10) buffer[at++] = 48 + length;
    else if (length < 10_000) {
      const digits = length < 100 ? 2 : length < 1000 ? 3 : 4;
      let rest = length;
      for (let digit = at + digits - 1; digit >= at; digit--) {
        const tens = (rest / 10) | 0;
        buffer[digit] = 48 + rest - tens * 10;
        rest = tens;
      }
      at += digits;
    } else at += buffer.write(String(length), at, 'latin1');
    buffer[at] = 13;
    buffer[at + 1] = 10;
    this.used = at + 2;
  }

  private latin1(text: string): void {
    this.room(text.length);
    const { buffer } = this;
    let at = this.used;
    // Crossing into native code costs more than a short loop.
    if (text.length <= 24) {
      for (let from = 0; from < text.length; from++) buffer[at++] = text.charCodeAt(from);
      this.used = at;
    } else this.used += buffer.write(text, at, 'latin1');
  }

  private room(bytes: number): void {
    const needed = this.used + bytes;
    if (needed <= this.buffer.length) return;
    if (this.used >= partBytes) {
      this.partsBytes += this.used;
      this.parts.push(this.buffer.subarray(0, this.used));
      this.used = 0;
      this.buffer = Buffer.allocUnsafe(Math.max(partBytes, bytes));
      return;
    }
    const wider = Buffer.allocUnsafe(Math.max(this.reserve, needed, this.used * 2));
    this.buffer.copy(wider, 0, 0, this.used);
    this.buffer = wider;
  }
}

/** As Redis prints doubles: the shortest digits that give the same number again. */
function formatDouble(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  return Object.is(value, -0) ? '-0' : String(value);
}
