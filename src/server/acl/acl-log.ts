/** What clients tried and were not allowed to do, newest first (Redis: ACL LOG). */

export interface AclEvent {
  readonly reason: 'command' | 'key' | 'channel' | 'auth';
  readonly context: 'toplevel' | 'multi';
  /** The command, key or channel. */
  readonly object: string;
  readonly userName: string;
  /** As CLIENT INFO describes it. */
  readonly client: string;
}

export interface AclLogEntry extends AclEvent {
  readonly id: number;
  readonly count: number;
  readonly createdMs: number;
  readonly updatedMs: number;
}

/** Redis: like events within so many ms count as one, and so many entries are looked at. */
const groupingMs = 60_000;
const groupingEntries = 10;

export class AclLog {
  private entries: AclLogEntry[] = [];
  private nextId = 0;
  /** Events by reason, also those that were forgotten. */
  readonly denied = { command: 0, key: 0, channel: 0, auth: 0 };

  constructor(private readonly entriesMax: () => number) {}

  note(event: AclEvent, nowMs: number): void {
    this.denied[event.reason]++;
    const at = this.entries.findIndex(
      (entry, place) => place < groupingEntries && isLike(entry, event, nowMs),
    );
    const [known] = at < 0 ? [] : this.entries.splice(at, 1);
    const { id = this.nextId++, count = 0, createdMs = nowMs } = known ?? {};
    this.entries.unshift({ ...event, id, count: count + 1, createdMs, updatedMs: nowMs });
    this.trim();
  }

  newest(count: number): readonly AclLogEntry[] {
    this.trim();
    return this.entries.slice(0, count);
  }

  clear(): void {
    this.entries = [];
  }

  private trim(): void {
    if (this.entries.length > this.entriesMax()) this.entries.length = this.entriesMax();
  }
}

function isLike(entry: AclLogEntry, event: AclEvent, nowMs: number): boolean {
  return (
    entry.reason === event.reason &&
    entry.context === event.context &&
    entry.object === event.object &&
    entry.userName === event.userName &&
    nowMs - entry.updatedMs <= groupingMs
  );
}
