/**
 * Bytes that nodes of one group send each other beside Raft: touches (recency of reads), commands
 * forwarded to the leader, and the replies to them. Fixed-width integers, little-endian; damage
 * gives TgError PROTOCOL.
 */
import { TgError } from '../errors.js';
import type { Args } from '../resp/args.js';

export const ApplicationKind = { touches: 1, forward: 2, forwardReply: 3 } as const;

/** Grows as needed; take() hands the bytes over and starts anew. */
export class ByteWriter {
  private buffer = Buffer.allocUnsafe(4096);
  length = 0;

  u8(value: number): void {
    this.room(1);
    this.buffer[this.length++] = value;
  }

  u32(value: number): void {
    this.room(4);
    this.length = this.buffer.writeUInt32LE(value, this.length);
  }

  f64(value: number): void {
    this.room(8);
    this.length = this.buffer.writeDoubleLE(value, this.length);
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.room(end - start);
    this.buffer.set(source.subarray(start, end), this.length);
    this.length += end - start;
  }

  setU32(at: number, value: number): void {
    this.buffer.writeUInt32LE(value, at);
  }

  args(args: Args): void {
    this.u32(args.count);
    for (let index = 0; index < args.count; index++) {
      this.u32(args.length(index));
      this.bytes(args.bytes, args.start(index), args.end(index));
    }
  }

  take(): Uint8Array {
    const taken = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafe(4096);
    this.length = 0;
    return taken;
  }

  private room(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const wider = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(wider, 0, 0, this.length);
    this.buffer = wider;
  }
}

export class ByteReader {
  private readonly view: DataView;
  at = 0;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    this.need(1);
    return this.view.getUint8(this.at++);
  }

  u32(): number {
    this.need(4);
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  f64(): number {
    this.need(8);
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }

  /** Moves over `length` bytes and returns where they began. */
  skip(length: number): number {
    this.need(length);
    this.at += length;
    return this.at - length;
  }

  /** Points `args` at the arguments that come next. */
  args(args: Args): void {
    args.reset(this.bytes);
    const count = this.u32();
    for (let index = 0; index < count; index++) {
      const length = this.u32();
      const start = this.skip(length);
      args.push(start, start + length);
    }
  }

  private need(bytes: number): void {
    if (this.at + bytes > this.bytes.length) {
      throw new TgError('PROTOCOL', 'an application message of a peer ends too early');
    }
  }
}
