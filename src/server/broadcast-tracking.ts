/**
 * CLIENT TRACKING ... BCAST (Redis: the PrefixTable of tracking.c): clients that hear of every
 * changed key with a prefix. What one command changed is told in one message for each prefix.
 */
export interface Broadcast {
  /** Ids of clients. */
  readonly to: Iterable<number>;
  readonly keys: readonly string[];
}

export class BroadcastTracking {
  /** Prefix to the clients that asked for it. */
  private readonly clients = new Map<string, Set<number>>();
  private readonly changed = new Map<string, Set<string>>();

  /** No prefix: all keys. */
  add(id: number, prefixes: readonly string[]): void {
    for (const prefix of prefixes.length === 0 ? [''] : prefixes) {
      const ids = this.clients.get(prefix) ?? new Set();
      this.clients.set(prefix, ids.add(id));
    }
  }

  remove(id: number): void {
    for (const [prefix, ids] of this.clients) {
      if (ids.delete(id) && ids.size === 0) this.clients.delete(prefix);
    }
  }

  note(key: string): void {
    for (const prefix of this.clients.keys()) {
      if (!key.startsWith(prefix)) continue;
      const keys = this.changed.get(prefix) ?? new Set();
      this.changed.set(prefix, keys.add(key));
    }
  }

  /** What was noted since the last call. */
  take(): readonly Broadcast[] {
    if (this.changed.size === 0) return [];
    const taken = [...this.changed].map(([prefix, keys]) => ({
      to: this.clients.get(prefix) ?? [],
      keys: [...keys],
    }));
    this.changed.clear();
    return taken;
  }
}
