/**
 * Replies as RESP2 or RESP3 bytes, gathered in one buffer until the connection writes it to its
 * socket, once per turn.
 */
import type { ReplySink } from './reply-sink.js';

const smallest = 512;

export class ReplyBuffer implements ReplySink {
  protocol: 2 | 3 = 2;
  private buffer: Buffer = Buffer.alloc(0);
  private used = 0;

  get byteLength(): number {
    return this.used;
  }

  /** Hands the bytes over; null when there are none. */
  take(): Buffer | null {
    if (this.used === 0) return null;
    const taken = this.buffer.subarray(0, this.used);
    // The rest of the buffer serves the next turn while it is large enough to be worth it.
    this.buffer = this.buffer.subarray(this.used);
    this.used = 0;
    return taken;
  }

  ok(): void {
    this.room(5);
    this.used += this.buffer.write('+OK\r\n', this.used, 'latin1');
  }

  simple(text: string): void {
    this.line('+', text);
  }

  error(text: string): void {
    // A line end inside would break the framing (Redis: addReplyErrorFormat).
    this.line('-', text.replace(/[\r\n]/g, ' '));
  }

  integer(value: number | bigint): void {
    this.line(':', String(value));
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

  double(value: number): void {
    const text = formatDouble(value);
    if (this.protocol === 3) this.line(',', text);
    else this.text(text);
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.latin1(value ? '#t\r\n' : '#f\r\n');
    else this.integer(value ? 1 : 0);
  }

  verbatim(format: string, text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    if (this.protocol === 3) {
      this.header(61, bytes.length + 4);
      this.latin1(`${format}:`);
      this.raw(bytes);
      this.latin1('\r\n');
    } else this.bulk(bytes, 0, bytes.length);
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  private header(type: number, length: number): void {
    this.room(24);
    const { buffer } = this;
    buffer[this.used++] = type;
    if (length < 10) buffer[this.used++] = 48 + length;
    else if (length < 100) {
      buffer[this.used++] = 48 + Math.floor(length / 10);
      buffer[this.used++] = 48 + (length % 10);
    } else this.used += buffer.write(String(length), this.used, 'latin1');
    buffer[this.used++] = 13;
    buffer[this.used++] = 10;
  }

  private line(type: string, text: string): void {
    this.latin1(`${type}${text}\r\n`);
  }

  private latin1(text: string): void {
    this.room(text.length);
    this.used += this.buffer.write(text, this.used, 'latin1');
  }

  private room(bytes: number): void {
    const needed = this.used + bytes;
    if (needed <= this.buffer.length) return;
    const wider = Buffer.allocUnsafe(Math.max(smallest, needed, this.used * 2));
    this.buffer.copy(wider, 0, 0, this.used);
    this.buffer = wider;
  }
}

function formatDouble(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  return Number.isNaN(value) ? 'nan' : String(value);
}
