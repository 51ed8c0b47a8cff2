/**
 * When a node begins a snapshot that is due. All members find theirs due at about the same place
 * in the log; where they share a disk or CPUs, all snapshots at once leave little to clients, and
 * no member would be left that writes its log quickly. So each waits as long as those before it
 * are likely to take. Nobody has to agree on it: a turn that is missed costs only time.
 */
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';

export interface SnapshotTurnOptions {
  readonly clock: Clock;
  /** How many members come before this node. */
  readonly place: () => number;
  /** About what a snapshot writes, in bytes. */
  readonly stateBytes: () => number;
  readonly begin: () => void;
}

export class SnapshotTurn {
  private stopWaiting: (() => void) | null = null;
  private bytesWhenDue = 0;

  constructor(private readonly options: SnapshotTurnOptions) {}

  /** The log has grown to `bytes` since the last snapshot, which makes one due after `due`. */
  logGrew(bytes: number, due: number): void {
    if (bytes < due) return;
    if (this.stopWaiting === null) this.wait(bytes);
    // A long turn of others may not let the log grow without bound.
    else if (bytes - this.bytesWhenDue >= Math.max(due, this.options.stateBytes()) / 2) {
      this.take();
    }
  }

  /** A turn that was waited for does not come. */
  stop(): void {
    this.stopWaiting?.();
  }

  private wait(bytes: number): void {
    const { clock, place, stateBytes } = this.options;
    const delayMs = Math.ceil((place() * stateBytes()) / limits.snapshotTurnBytesPerMs);
    if (delayMs === 0) return this.take();
    this.bytesWhenDue = bytes;
    this.stopWaiting = clock.after(delayMs, () => this.take());
  }

  private take(): void {
    this.stopWaiting?.();
    this.stopWaiting = null;
    this.options.begin();
  }
}
