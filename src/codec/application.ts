/**
 * Bytes that nodes of one group send each other beside Raft. A kind, then
 * - touches: recency of reads, as src/statemachine/touches.ts lays it out;
 * - forward: session u32, mark of the users u32, count u32, then commands: stream u32,
 *   protocol u8, code u32, arguments;
 * - publish: 1 for a shard channel else 0, length u32 and bytes of the channel, the payload;
 * - forwardReply: session u32, applied index of the leader, count u32, then replies: stream u32,
 *   length u32, bytes.
 * Damage gives TgError PROTOCOL.
 */
import type { Args } from '../resp/args.js';
import type { ByteReader } from './byte-cursor.js';

export const ApplicationKind = {
  touches: 1,
  forward: 2,
  forwardReply: 3,
  publish: 4,
  clusterClients: 5,
} as const;

/** A buffer that served one huge message is not kept. */
const initialBytes = 4096;

/** Grows as needed; take() hands the bytes over and starts anew. */
export class ApplicationWriter {
  private buffer = Buffer.allocUnsafe(initialBytes);
  length = 0;

  u8(value: number): void {
    this.room(1);
    this.buffer[this.length++] = value;
  }

  u32(value: number): void {
    this.room(4);
    this.length = this.buffer.writeUInt32BE(value, this.length);
  }

  integer(value: number): void {
    this.room(8);
    this.length = this.buffer.writeDoubleBE(value, this.length);
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.room(end - start);
    this.buffer.set(source.subarray(start, end), this.length);
    this.length += end - start;
  }

  setU32(at: number, value: number): void {
    this.buffer.writeUInt32BE(value, at);
  }

  setInteger(at: number, value: number): void {
    this.buffer.writeDoubleBE(value, at);
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
    this.buffer = Buffer.allocUnsafe(initialBytes);
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

/** Points `args` at the arguments that come next; they stay in the message. */
export function readArgs(reader: ByteReader, args: Args): void {
  args.reset(reader.bytes);
  const count = reader.u32();
  for (let index = 0; index < count; index++) {
    const length = reader.u32();
    const start = reader.skip(length);
    args.push(start, start + length);
  }
}
