/**
 * Frames between peers: cuts payloads into them and puts received bytes together again.
 *
 * Layout, big-endian: payload bytes u32, type u8, format version u8, CRC-32 u32 over the six
 * bytes before it and the payload, payload. In the type byte CONTINUES says that the next frame
 * goes on with the same payload. What must always hold: a header is judged before room is made
 * for its payload, memory is at most a block ahead of the bytes received whatever was announced,
 * and no payload leaves whose checksum was not checked.
 */
import { crc32 } from 'node:zlib';
import { TgError } from '../errors.js';
import { PieceList } from './piece-list.js';

export const frameType = {
  hello: 1,
  refused: 2,
  messages: 3,
  application: 4,
  ping: 5,
  pong: 6,
  snapshotStart: 7,
  snapshotChunk: 8,
  snapshotEnd: 9,
  snapshotResult: 10,
  ready: 11,
  /** Messages that need several frames; frames of other types may come between. */
  bulk: 12,
  /** Of a cluster with a secret: nonce of the dialer, then nonce and proof of the acceptor. */
  challenge: 13,
  /** Of the dialer. */
  proof: 14,
} as const;

export const frameHeaderBytes = 10;
const formatVersion = 2;
const CONTINUES = 0x80;
const newestType = frameType.proof;
/** Small frames of a large payload are gathered in blocks. */
const sharedBlockBytes = 16 * 1024;

/**
 * One payload, given in parts, as frames: for each the buffers to write, in order. Parts are not
 * copied. A payload above frameBytesMax becomes several frames, each made when it is asked for.
 */
export function* cutFrames(
  type: number,
  parts: readonly Uint8Array[],
  frameBytesMax: number,
): Generator<Uint8Array[]> {
  let open: Uint8Array[] = [];
  let openBytes = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; ) {
      if (openBytes === frameBytesMax) {
        yield frame(type | CONTINUES, open, openBytes);
        open = [];
        openBytes = 0;
      }
      const bytes = Math.min(part.length - at, frameBytesMax - openBytes);
      open.push(bytes === part.length ? part : part.subarray(at, at + bytes));
      openBytes += bytes;
      at += bytes;
    }
  }
  yield frame(type, open, openBytes);
}

function frame(type: number, parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const header = Buffer.allocUnsafe(frameHeaderBytes);
  header.writeUInt32BE(bytes, 0);
  header.writeUInt8(type, 4);
  header.writeUInt8(formatVersion, 5);
  let sum = crc32(header.subarray(0, 6));
  for (const part of parts) sum = crc32(part, sum);
  header.writeUInt32BE(sum, 6);
  return [header, ...parts];
}

export interface FrameReaderOptions {
  readonly frameBytesMax: number;
  readonly messageBytesMax: number;
  /** `payload` is the receiver's to keep. Not called again once it threw. */
  readonly onFrame: (type: number, payload: Uint8Array) => void;
}

/** Fed with the chunks of one connection, which it copies. Once it threw, it must be dropped. */
export class FrameReader {
  readonly #options: FrameReaderOptions;
  readonly #header = Buffer.allocUnsafe(frameHeaderBytes);
  #headerBytes = 0;
  /** Payload bytes of the current frame that have not arrived; -1 while its header is read. */
  #missing = -1;
  #sum = 0;
  /** Type of the payload that other frames go on with, 0 without one. */
  #continuedType = 0;
  #stopped = false;
  readonly #continued = new PieceList(sharedBlockBytes);
  readonly #single = new PieceList(0);
  /** The list that the current frame belongs to. */
  #pieces = this.#single;
  #frameBytesMax: number;
  #messageBytesMax: number;

  constructor(options: FrameReaderOptions) {
    this.#options = options;
    this.#frameBytesMax = options.frameBytesMax;
    this.#messageBytesMax = options.messageBytesMax;
  }

  /** After the hello the bounds are wider. */
  widen(frameBytesMax: number, messageBytesMax: number): void {
    this.#frameBytesMax = frameBytesMax;
    this.#messageBytesMax = messageBytesMax;
  }

  /** Frames still in the chunk are dropped: the connection was closed by a frame before them. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws TgError PROTOCOL on a damaged, unknown or oversize frame. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#stopped) {
      at = this.#missing < 0 ? this.#readHeader(chunk, at) : this.#readPayload(chunk, at);
    }
  }

  #readHeader(chunk: Uint8Array, at: number): number {
    const bytes = Math.min(frameHeaderBytes - this.#headerBytes, chunk.length - at);
    this.#header.set(chunk.subarray(at, at + bytes), this.#headerBytes);
    this.#headerBytes += bytes;
    if (this.#headerBytes === frameHeaderBytes) this.#judgeHeader();
    return at + bytes;
  }

  #judgeHeader(): void {
    const bytes = this.#header.readUInt32BE(0);
    const type = this.#header[4]! & ~CONTINUES;
    const continues = (this.#header[4]! & CONTINUES) !== 0;
    if (this.#header[5] !== formatVersion) refuse(`frame version ${this.#header[5]}`);
    if (type < 1 || type > newestType) refuse(`frame type ${type}`);
    this.#pieces = continues || type === this.#continuedType ? this.#continued : this.#single;
    if (continues && this.#continuedType !== 0 && type !== this.#continuedType) {
      refuse('a second payload in several frames');
    }
    if (bytes > this.#frameBytesMax) refuse(`a frame of ${bytes} bytes`);
    if (this.#pieces.bytes + bytes > this.#messageBytesMax) refuse('a message above the limit');
    // An empty frame would not move the payload on, and could be sent for ever.
    if (continues && bytes === 0) refuse('an empty frame that continues');
    this.#missing = bytes;
    this.#sum = crc32(this.#header.subarray(0, 6));
    if (bytes === 0) this.#endFrame();
  }

  #readPayload(chunk: Uint8Array, at: number): number {
    const bytes = Math.min(this.#missing, chunk.length - at);
    const piece = chunk.subarray(at, at + bytes);
    this.#sum = crc32(piece, this.#sum);
    this.#pieces.add(piece, this.#missing);
    this.#missing -= bytes;
    if (this.#missing === 0) this.#endFrame();
    return at + bytes;
  }

  #endFrame(): void {
    if (this.#sum !== this.#header.readUInt32BE(6)) refuse('a frame with a wrong checksum');
    const type = this.#header[4]!;
    this.#headerBytes = 0;
    this.#missing = -1;
    if ((type & CONTINUES) !== 0) {
      this.#continuedType = type & ~CONTINUES;
      return;
    }
    if (type === this.#continuedType) this.#continuedType = 0;
    this.#options.onFrame(type, this.#pieces.take());
  }
}

function refuse(what: string): never {
  throw new TgError('PROTOCOL', `${what} from a peer`);
}
