/**
 * What commands may ask of the keyspace and do to it. Keys and values are bytes in arrays that
 * the keyspace owns; a slot is the dense integer handle of an entry and stays the same as long
 * as the key lives. A position (buffer, start, length) is valid only until the next change.
 */
import type { KeyListener } from './key-listener.js';

export const ABSENT = -1;

/** Values of the record's type field; later data types add theirs. Never renumber. */
export const ValueType = { string: 0 } as const;
export type ValueType = (typeof ValueType)[keyof typeof ValueType];

export interface KeyspaceView {
  /** The log's time (unix ms): a key is gone once this has passed its due time. */
  readonly nowMs: number;
  /** Keys held, including expired ones whose removal is still owed (as Redis' DBSIZE). */
  readonly size: number;
  /** Sum of charges (TLRU.md). */
  readonly usedBytes: number;
  /** Slot of a live key of a database (0), or ABSENT. Changes nothing, not even recency. */
  find(bytes: Uint8Array, start: number, end: number, database?: number): number;
  typeOf(slot: number): ValueType;
  keyBuffer(slot: number): Uint8Array;
  keyStart(slot: number): number;
  keyLength(slot: number): number;
  valueBuffer(slot: number): Uint8Array;
  valueStart(slot: number): number;
  valueLength(slot: number): number;
  /** Unix ms at which the key expires; 0: never. */
  dueMs(slot: number): number;
  /** Bytes that count against maxmemory (TLRU.md). */
  charge(slot: number): number;
  /** TLRU's f, 0 to 3; null under a policy that keeps none. */
  useCount(slot: number): number | null;
  /** Changes with every modification of the key; for WATCH. */
  version(slot: number): number;
  /** Slots are below this; walk 0..slotLimit-1 and ask isLive (SCAN, KEYS). */
  readonly slotLimit: number;
  /** Holds a key that has not expired. */
  isLive(slot: number): boolean;
  isLiveIn(slot: number, database: number): boolean;
  databaseOf(slot: number): number;
  /** Who wants to hear what happens to keys; null: nobody. */
  readonly listener: KeyListener | null;
  /** Of one database; as `size`. */
  sizeOf(database: number): number;
}

export interface MutableKeyspace extends KeyspaceView {
  /**
   * Inserts or overwrites. Makes room first, never by evicting this key. The bytes may not lie in
   * the keyspace's own arrays. `dueMs` 0 means no TTL. Counts as a touch. Returns the slot.
   * Without `database`: 0.
   */
  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    dueMs: number,
    database?: number,
  ): number;
  /** Another value for a live key, with its due time; modifies and touches. May evict others. */
  replaceValue(slot: number, value: Uint8Array, start: number, end: number): void;
  /**
   * Makes the value `length` bytes long, keeping what fits and filling with zeros; the caller then
   * writes into valueBuffer(slot). A modification and a touch (APPEND, SETRANGE).
   */
  resizeValue(slot: number, length: number): void;
  /** 0 takes the TTL away. A modification (Redis signals EXPIRE to watchers), not a touch. */
  setDue(slot: number, dueMs: number): void;
  remove(slot: number): void;
  /** To a database that does not hold the key. A modification, not a touch. */
  moveTo(slot: number, database: number): void;
  /** What was in one is now in the other. */
  swapDatabases(one: number, other: number): void;
  flushDatabase(database: number): void;
  /** Recency (TLRU rule 2). */
  touch(slot: number): void;
  /** Removes all keys. */
  flush(): void;
}
