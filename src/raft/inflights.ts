/**
 * The send window towards one follower: which appends are on their way, by their last index and
 * their bytes. Acks free everything up to an index. Bounded in messages and in bytes; one append
 * may always be under way, however large.
 */
import type { LogIndex } from './types.js';

export class Inflights {
  private readonly lastIndexes: LogIndex[] = [];
  private readonly sizes: number[] = [];
  private start = 0;
  private size = 0;
  private bytesInFlight = 0;

  constructor(
    private readonly appendsMax: number,
    private readonly bytesMax: number,
  ) {}

  get count(): number {
    return this.size;
  }

  get bytes(): number {
    return this.bytesInFlight;
  }

  get full(): boolean {
    return this.size >= this.appendsMax || (this.size > 0 && this.bytesInFlight >= this.bytesMax);
  }

  add(lastIndex: LogIndex, bytes: number): void {
    const at = (this.start + this.size) % this.appendsMax;
    this.lastIndexes[at] = lastIndex;
    this.sizes[at] = bytes;
    this.size++;
    this.bytesInFlight += bytes;
  }

  freeTo(index: LogIndex): void {
    while (this.size > 0 && this.lastIndexes[this.start]! <= index) {
      this.bytesInFlight -= this.sizes[this.start]!;
      this.start = (this.start + 1) % this.appendsMax;
      this.size--;
    }
  }

  reset(): void {
    this.start = 0;
    this.size = 0;
    this.bytesInFlight = 0;
  }
}
