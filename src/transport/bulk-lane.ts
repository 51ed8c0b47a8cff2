/**
 * Sends payloads too large for one frame, frame by frame, each when the one before has left.
 * Small frames written meanwhile go between, so that heartbeats do not wait behind a value of
 * 512 MB. Payloads of the lane keep their order; its user keeps count of `bytes`.
 */
import type { FrameSocket } from './frame-socket.js';

interface Payload {
  readonly type: number;
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
}

export class BulkLane {
  readonly #frames: FrameSocket;
  #queue: Payload[] = [];
  #bytes = 0;

  constructor(frames: FrameSocket) {
    this.#frames = frames;
  }

  get busy(): boolean {
    return this.#queue.length > 0;
  }

  /** Bytes of payloads that have not left as a whole. */
  get bytes(): number {
    return this.#bytes;
  }

  push(type: number, parts: readonly Uint8Array[], bytes: number): void {
    this.#queue.push({ type, parts, bytes });
    this.#bytes += bytes;
    if (this.#queue.length === 1) void this.#run();
  }

  /** A payload stays in the queue until it has left. After the connection ended none leaves. */
  async #run(): Promise<void> {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      await this.#frames.writeSlowly(next.type, next.parts);
      this.#queue.shift();
      this.#bytes -= next.bytes;
    }
  }
}
