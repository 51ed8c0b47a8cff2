/**
 * One TCP connection between peers that speaks frames, whichever side opened it. It ends exactly
 * once with a reason; a half frame is dropped with it, and nothing is delivered afterwards.
 */
import type { Socket } from 'node:net';
import { type ErrorCode, TgError } from '../errors.js';
import { limits } from '../limits.js';
import { cutFrames, FrameReader, frameType } from './frame.js';

/** Before the other side is known it may send a hello and nothing larger. */
export const helloBytesMax = 64 * 1024;
const keepAliveMs = 10_000;
const lastFrameMs = 2000;
/** What a decoder says of bytes it was given: they came from the peer. */
const faultsOfPeer: ReadonlySet<ErrorCode> = new Set(['PROTOCOL', 'CORRUPT', 'UNKNOWN_FORMAT']);

export interface FrameSocketEvents {
  /** Throwing TgError ends the connection with its text. */
  onFrame(type: number, payload: Uint8Array): void;
  onClose(reason: string): void;
}

export class FrameSocket {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #events: FrameSocketEvents;
  readonly #frameBytesMax: number;
  #closed = false;
  #drained: (() => void)[] = [];

  constructor(socket: Socket, events: FrameSocketEvents, frameBytesMax: number) {
    this.#socket = socket;
    this.#events = events;
    this.#frameBytesMax = frameBytesMax;
    this.#reader = new FrameReader({
      frameBytesMax: helloBytesMax,
      messageBytesMax: helloBytesMax,
      onFrame: (type, payload) => events.onFrame(type, payload),
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    socket.on('drain', () => this.#wake());
    socket.on('end', () => this.close('closed by the peer'));
    socket.on('error', (error) => this.close(error.message));
    socket.on('close', () => this.close('closed by the peer'));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes handed over and not taken by the kernel. */
  get outputBytes(): number {
    return this.#socket.writableLength;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  get bytesSent(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /** The other side is known: frames and messages of full size may come. */
  trust(): void {
    this.#reader.widen(limits.peerFrameBytesMax, limits.peerMessageBytesMax);
  }

  /** A larger payload leaves as several frames. */
  get frameBytesMax(): number {
    return this.#frameBytesMax;
  }

  /** What came; it is copied. After the end it is dropped. */
  receive(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof TgError) || !faultsOfPeer.has(error.code)) throw error;
      this.close(error.message);
    }
  }

  /** Everything written until uncork() leaves with one call of the kernel. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** Never waits: what the kernel does not take grows outputBytes. */
  write(type: number, parts: readonly Uint8Array[] = []): void {
    if (this.#closed) return;
    this.#socket.cork();
    for (const frame of cutFrames(type, parts, this.#frameBytesMax)) {
      for (const part of frame) this.#socket.write(part);
    }
    this.#socket.uncork();
  }

  /** Frame by frame, each when the one before has left: bounded memory, visible progress. */
  async writeSlowly(type: number, parts: readonly Uint8Array[]): Promise<void> {
    for (const frame of cutFrames(type, parts, this.#frameBytesMax)) {
      if (this.#closed) return;
      this.#socket.cork();
      for (const part of frame) this.#socket.write(part);
      this.#socket.uncork();
      await this.#drain();
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume();
  }

  /** Says why, lets that leave, and ends. */
  refuse(text: string): void {
    this.finish(frameType.refused, [Buffer.from(text)], `refused: ${text}`);
  }

  /** A last frame; what was written before it leaves too. */
  finish(type: number, parts: readonly Uint8Array[], reason: string): void {
    if (this.#closed) return;
    this.write(type, parts);
    this.#socket.end();
    // A peer that does not read must not keep the socket: the hello timeout does not cover this.
    const timer = setTimeout(() => this.#socket.destroy(), lastFrameMs);
    this.#socket.once('close', () => clearTimeout(timer));
    // Unread input would turn the end into a reset that overtakes the text.
    this.#socket.resume();
    this.#end(reason);
  }

  /** Ends at once; what was not written is dropped. */
  close(reason: string): void {
    this.#socket.destroy();
    this.#end(reason);
  }

  /** Resolves when more may be written, or when the connection ended. */
  #drain(): Promise<void> {
    if (this.#closed || !this.#socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.stop();
    this.#wake();
    this.#events.onClose(reason);
  }

  #wake(): void {
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  }
}
