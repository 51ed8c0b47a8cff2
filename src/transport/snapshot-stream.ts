/**
 * One snapshot on a connection of its own. The sender waits for the kernel after each frame, the
 * receiver stops reading while its installation is behind, so both sides hold a few chunks at
 * most. Every chunk carries its place and the end carries totals: a stream is installed as a
 * whole or fails, and chunks of two streams cannot mix.
 */
import { crc32 } from 'node:zlib';
import {
  decodeChunk,
  decodeSnapshotEnd,
  decodeSnapshotResult,
  decodeSnapshotStart,
  encodeChunkPlace,
  encodeSnapshotEnd,
  encodeSnapshotResult,
  encodeSnapshotStart,
  type SnapshotStart,
} from '../codec/snapshot-stream.js';
import { TgError } from '../errors.js';
import { limits } from '../limits.js';
import type { Clock, TransportHandler } from '../ports.js';
import type { NodeId } from '../raft/types.js';
import { ChunkQueue } from './chunk-queue.js';
import { frameType } from './frame.js';
import type { PeerConnection } from './peer-connection.js';
import type { SnapshotGate } from './snapshot-gate.js';

/** Ends a stream on which nothing moves. */
class IdleWatch {
  readonly stop: () => void;
  #moved = -1;
  #movedAtMs: number;

  constructor(clock: Clock, idleMs: number, moved: () => number, onIdle: () => void) {
    this.#movedAtMs = clock.monotonicMs();
    this.stop = clock.every(idleMs / 4, () => {
      const now = clock.monotonicMs();
      const place = moved();
      if (place !== this.#moved) {
        this.#moved = place;
        this.#movedAtMs = now;
      } else if (now - this.#movedAtMs >= idleMs) {
        onIdle();
      }
    });
  }
}

export class SnapshotSender {
  readonly result: Promise<void>;
  readonly #start: SnapshotStart;
  readonly #chunks: AsyncIterable<Uint8Array>;
  #settle!: { resolve: () => void; reject: (error: Error) => void };
  #settled = false;

  constructor(start: SnapshotStart, chunks: AsyncIterable<Uint8Array>) {
    this.#start = start;
    this.#chunks = chunks;
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  /** Sends in the background; the outcome is in `result`. */
  run(connection: PeerConnection, clock: Clock, idleMs: number): void {
    const frames = connection.frames;
    const watch = new IdleWatch(
      clock,
      idleMs,
      () => frames.bytesSent + frames.bytesRead,
      () => frames.close('a snapshot that makes no progress'),
    );
    const done = () => watch.stop();
    this.result.then(done, done);
    this.#send(connection).catch((error: unknown) => {
      this.#fail(asError(error));
      frames.close('the snapshot could not be read');
    });
  }

  onFrame(connection: PeerConnection, type: number, payload: Uint8Array): void {
    if (type !== frameType.snapshotResult) throw new TgError('PROTOCOL', `unasked frame ${type}`);
    const refusal = decodeSnapshotResult(payload);
    if (refusal === null) this.#done();
    else this.#fail(new Error(`snapshot refused by the peer: ${refusal}`));
    connection.frames.close('the snapshot stream is over');
  }

  onClose(reason: string): void {
    this.#fail(new Error(`snapshot not sent: ${reason}`));
  }

  async #send({ frames }: PeerConnection): Promise<void> {
    let chunks = 0;
    let bytes = 0;
    let checksum = 0;
    await frames.writeSlowly(frameType.snapshotStart, encodeSnapshotStart(this.#start));
    for await (const chunk of this.#chunks) {
      if (this.#settled) return;
      const place = encodeChunkPlace({ chunks, bytes });
      await frames.writeSlowly(frameType.snapshotChunk, [place, chunk]);
      chunks++;
      bytes += chunk.length;
      checksum = crc32(chunk, checksum);
    }
    const end = encodeSnapshotEnd({ chunks, bytes, checksum });
    await frames.writeSlowly(frameType.snapshotEnd, [end]);
  }

  #done(): void {
    this.#settled = true;
    this.#settle.resolve();
  }

  #fail(error: Error): void {
    this.#settled = true;
    this.#settle.reject(error);
  }
}

export interface SnapshotReceiverOptions {
  readonly from: NodeId;
  readonly handler: TransportHandler;
  readonly gate: SnapshotGate;
  readonly clock: Clock;
  readonly idleMs: number;
}

export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  readonly #connection: PeerConnection;
  readonly #queue: ChunkQueue;
  readonly #watch: IdleWatch;
  #started = false;
  #ended = false;
  #paused = false;
  #chunks = 0;
  #bytes = 0;
  #checksum = 0;
  #signs = 0;

  constructor(connection: PeerConnection, options: SnapshotReceiverOptions) {
    const { frames } = connection;
    this.#connection = connection;
    this.#options = options;
    this.#queue = new ChunkQueue(limits.snapshotQueueBytesMax, {
      onFull: () => this.#pause(),
      onRoom: () => this.#resume(),
    });
    this.#watch = new IdleWatch(
      options.clock,
      options.idleMs,
      () => frames.bytesRead + this.#signOfLife(),
      () => frames.close('a snapshot that makes no progress'),
    );
  }

  onFrame(type: number, payload: Uint8Array): void {
    if (type === frameType.snapshotStart && !this.#started) this.#start(payload);
    else if (type === frameType.snapshotChunk && this.#started && !this.#ended)
      this.#chunk(payload);
    else if (type === frameType.snapshotEnd && this.#started && !this.#ended) this.#end(payload);
    else throw new TgError('PROTOCOL', `frame ${type} out of place in a snapshot`);
  }

  onClose(reason: string): void {
    this.#watch.stop();
    this.#queue.fail(new Error(`snapshot not received: ${reason}`));
  }

  #start(payload: Uint8Array): void {
    const { from, handler, gate } = this.#options;
    const { group, term, meta } = decodeSnapshotStart(payload);
    const frames = this.#connection.frames;
    this.#started = true;
    const abort = (reason: string) => {
      this.#queue.fail(new Error(reason));
      this.#answer(reason);
    };
    gate
      .run(group, term, abort, async () => {
        if (frames.closed) throw new Error('the sender is gone');
        await handler.onSnapshot(from, group, term, meta, this.#queue);
      })
      .then(
        () => this.#answer(null),
        (error: unknown) => this.#answer(asError(error).message),
      );
  }

  #chunk(payload: Uint8Array): void {
    const { place, chunk } = decodeChunk(payload);
    if (place.chunks !== this.#chunks || place.bytes !== this.#bytes) {
      throw new TgError('PROTOCOL', 'a snapshot chunk out of place');
    }
    this.#chunks++;
    this.#bytes += chunk.length;
    this.#checksum = crc32(chunk, this.#checksum);
    this.#queue.push(chunk);
  }

  #end(payload: Uint8Array): void {
    const end = decodeSnapshotEnd(payload);
    if (
      end.chunks !== this.#chunks ||
      end.bytes !== this.#bytes ||
      end.checksum !== this.#checksum
    ) {
      throw new TgError('PROTOCOL', 'a snapshot whose totals do not fit');
    }
    this.#ended = true;
    this.#queue.end();
  }

  /** The first answer counts: an aborted installation ends once more later. */
  #answer(refusal: string | null): void {
    this.#watch.stop();
    const result = encodeSnapshotResult(refusal);
    this.#connection.frames.finish(
      frameType.snapshotResult,
      [result],
      'the snapshot stream is over',
    );
  }

  /** Only the sender is watched: while it waits for this side it hears that nothing is lost. */
  #signOfLife(): number {
    if (!this.#paused && !this.#ended) return this.#signs;
    this.#connection.frames.write(frameType.ping);
    return ++this.#signs;
  }

  #pause(): void {
    this.#paused = true;
    this.#connection.frames.pause();
  }

  #resume(): void {
    this.#paused = false;
    this.#connection.frames.resume();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
