/**
 * Hands committed entries to the driver, in order and once. The next batch follows when the one
 * before is applied, so what is handed out stays within the byte bound. Only durable entries are
 * handed out: what is applied may then leave memory, and a snapshot never runs ahead of the log.
 */

import type { Effects } from './effects.js';
import { invariant } from './invariant.js';
import type { CoreState } from './state.js';
import type { Entry, LogIndex } from './types.js';

const nothing: readonly Entry[] = [];

export class ApplyQueue {
  /** Entries that came back from disk and were not handed out yet. */
  private fromDisk: readonly Entry[] = nothing;
  private readingDisk = false;

  constructor(private readonly state: CoreState) {}

  private get target(): LogIndex {
    const { log } = this.state;
    return Math.min(log.committed, log.stable);
  }

  private get mayHandOut(): boolean {
    const { log, restoring } = this.state;
    return restoring === null && log.applied === log.handedOut && log.handedOut < this.target;
  }

  private get inWindow(): boolean {
    return this.state.log.handedOut >= this.state.log.beforeIndex;
  }

  get ready(): boolean {
    if (!this.mayHandOut) return false;
    return this.inWindow || this.fromDisk.length > 0 || !this.readingDisk;
  }

  take(): readonly Entry[] {
    if (!this.mayHandOut) return nothing;
    const { log, config } = this.state;
    const entries = this.inWindow
      ? log.slice(log.handedOut + 1, this.target, config.committedBytesMax)
      : this.takeFromDisk();
    if (entries.length > 0) log.handedOut = entries[entries.length - 1]!.index;
    return entries;
  }

  /** Call after take(): null unless committed entries must be read from disk first. */
  takeWanted(): Effects['committedWanted'] {
    if (!this.mayHandOut || this.inWindow || this.readingDisk) return null;
    this.readingDisk = true;
    return {
      from: this.state.log.handedOut + 1,
      maxBytes: this.state.config.committedBytesMax,
    };
  }

  read(entries: readonly Entry[]): void {
    this.readingDisk = false;
    this.fromDisk = entries;
  }

  private takeFromDisk(): readonly Entry[] {
    const next = this.state.log.handedOut + 1;
    const last = Math.min(this.target, this.state.log.beforeIndex);
    const entries = this.fromDisk.filter((entry) => entry.index >= next && entry.index <= last);
    this.fromDisk = nothing;
    if (entries.length > 0) invariant(entries[0]!.index === next, 'committed entries with a gap');
    return entries;
  }
}
