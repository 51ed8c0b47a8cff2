/**
 * Carries the chunks of one snapshot from its connection to the installation. Bounded: it asks
 * to pause beyond a number of bytes and to resume when there is room. One reader.
 */
export interface ChunkQueueEvents {
  onFull(): void;
  onRoom(): void;
}

export class ChunkQueue implements AsyncIterable<Uint8Array> {
  readonly #bytesMax: number;
  readonly #events: ChunkQueueEvents;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #full = false;
  #ended = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(bytesMax: number, events: ChunkQueueEvents) {
    this.#bytesMax = bytesMax;
    this.#events = events;
  }

  push(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#wakeReader();
    if (this.#bytes < this.#bytesMax || this.#full) return;
    this.#full = true;
    this.#events.onFull();
  }

  /** The reader ends after the chunks that wait. */
  end(): void {
    this.#ended = true;
    this.#wakeReader();
  }

  /** The reader fails at once, unless the end was reached before. */
  fail(failure: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#chunks = [];
    this.#wakeReader();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => this.#next(),
      // The installation wants no more: what still comes is dropped.
      return: () => {
        this.#leave();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#taken(chunk.length);
        return { done: false, value: chunk };
      }
      if (this.#failure !== null) throw this.#failure;
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #taken(bytes: number): void {
    this.#bytes -= bytes;
    if (!this.#full || this.#bytes >= this.#bytesMax) return;
    this.#full = false;
    this.#events.onRoom();
  }

  #leave(): void {
    this.#ended = true;
    this.#chunks = [];
    this.#taken(this.#bytes);
  }

  #wakeReader(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
