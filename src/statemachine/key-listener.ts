/**
 * Hears of changes to keys while an entry is applied, on every node alike. Only watches: what it
 * does must not reach back into the keyspace. Byte ranges are valid during the call.
 */
export type Removal = 'deleted' | 'expired' | 'evicted';

/** Redis: notify-keyspace-events: generic, string, expired, evicted, new key, miss of a read. */
export type EventClass = 'g' | '$' | 'x' | 'e' | 'n' | 'm';

export interface KeyListener {
  /** Created, or another value or due time. */
  changed(bytes: Uint8Array, start: number, end: number): void;
  removed(bytes: Uint8Array, start: number, end: number, why: Removal): void;
  /** What happened to a key, in Redis' words; left out by those who do not want to know. */
  event?(
    kind: EventClass,
    name: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    database: number,
  ): void;
  /**
   * What was told since the last call belongs together: a command with its complete reply, or
   * what the log's time and an entry without commands bring.
   */
  settled(): void;
  /** All keys are gone, or others took their place (a snapshot was installed). */
  flushed(): void;
}
