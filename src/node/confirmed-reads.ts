/** Reads whose round is confirmed, but at an index that is not applied here yet. */
import type { ReadReady } from '../raft/effects.js';
import type { LogIndex } from '../raft/types.js';

export class ConfirmedReads {
  private waiting: ReadReady[] = [];

  constructor(private readonly confirm: (token: number) => void) {}

  push(read: ReadReady): void {
    this.waiting.push(read);
  }

  appliedThrough(index: LogIndex): void {
    if (this.waiting.length === 0) return;
    const ready = this.waiting.filter((read) => read.index <= index);
    this.waiting = this.waiting.filter((read) => read.index > index);
    for (const { token } of ready) this.confirm(token);
  }

  clear(): void {
    this.waiting = [];
  }
}
