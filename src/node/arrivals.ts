/**
 * When the entries that wait for their commit came to this node. An entry of a leader that is gone
 * may be applied much later, by the next one: its stamp was the log's time when it came.
 */
import { limits } from '../limits.js';
import type { LogWrite } from '../raft/effects.js';
import type { LogIndex } from '../raft/types.js';

interface Arrival {
  readonly lastIndex: LogIndex;
  readonly atMs: number;
}

export class Arrivals {
  /** Oldest first. */
  private waiting: Arrival[] = [];

  /** `atMs` is of the monotonic clock. */
  came({ truncateFrom, entries }: LogWrite, atMs: number): void {
    if (truncateFrom !== null) {
      this.waiting = this.waiting.filter(({ lastIndex }) => lastIndex < truncateFrom);
    }
    if (entries.length === 0) return;
    // Without a place here an entry counts as one that came with a later write.
    if (this.waiting.length >= limits.arrivalsMax) this.waiting.shift();
    this.waiting.push({ lastIndex: entries[entries.length - 1]!.index, atMs });
  }

  /** A snapshot took the place of the log. */
  clear(): void {
    this.waiting = [];
  }

  /** When the entry at `index` came, or later; undefined: not known. Forgets the ones before. */
  take(index: LogIndex): number | undefined {
    while (this.waiting.length > 0 && this.waiting[0]!.lastIndex < index) this.waiting.shift();
    return this.waiting[0]?.atMs;
  }
}
