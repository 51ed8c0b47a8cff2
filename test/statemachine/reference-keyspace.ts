/**
 * The keyspace in the plainest form: a Map, arrays of their own for every key, no eviction and no
 * memory bound. Tests of commands run over it, and tests of the real keyspace compare with it.
 */
import { ABSENT, type MutableKeyspace, ValueType } from '../../src/statemachine/keyspace-view.js';

interface Entry {
  readonly name: string;
  readonly key: Uint8Array;
  value: Uint8Array;
  dueMs: number;
  version: number;
  touches: number;
}

function nameOf(bytes: Uint8Array, start: number, end: number): string {
  let name = '';
  for (let at = start; at < end; at++) name += String.fromCharCode(bytes[at]!);
  return name;
}

export class ReferenceKeyspace implements MutableKeyspace {
  nowMs = 0;
  private readonly slots = new Map<string, number>();
  private entries: (Entry | null)[] = [];
  private freeSlots: number[] = [];
  private changes = 0;

  /** Moves the time on and removes what is due. */
  advance(nowMs: number): void {
    this.nowMs = Math.max(this.nowMs, nowMs);
    for (let slot = 0; slot < this.entries.length; slot++) {
      if (this.entries[slot] !== null && !this.isLive(slot)) this.remove(slot);
    }
  }

  get size(): number {
    return this.slots.size;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const slot of this.slots.values()) {
      const entry = this.entryAt(slot);
      sum += entry.key.length + entry.value.length + 56;
    }
    return sum;
  }

  charge(slot: number): number {
    const { key, value } = this.entryAt(slot);
    return key.length + value.length + 56;
  }

  useCount(): null {
    return null;
  }

  get slotLimit(): number {
    return this.entries.length;
  }

  /** Live keys as latin1, in order of their slots. */
  names(): string[] {
    const live: string[] = [];
    for (let slot = 0; slot < this.entries.length; slot++) {
      if (this.isLive(slot)) live.push(this.entryAt(slot).name);
    }
    return live;
  }

  /** How often touch() was called for the key in this slot. */
  touches(slot: number): number {
    return this.entryAt(slot).touches;
  }

  find(bytes: Uint8Array, start: number, end: number): number {
    const slot = this.slots.get(nameOf(bytes, start, end));
    return slot !== undefined && this.isLive(slot) ? slot : ABSENT;
  }

  typeOf(_slot: number): ValueType {
    return ValueType.string;
  }

  keyBuffer(slot: number): Uint8Array {
    return this.entryAt(slot).key;
  }

  keyStart(_slot: number): number {
    return 0;
  }

  keyLength(slot: number): number {
    return this.entryAt(slot).key.length;
  }

  valueBuffer(slot: number): Uint8Array {
    return this.entryAt(slot).value;
  }

  valueStart(_slot: number): number {
    return 0;
  }

  valueLength(slot: number): number {
    return this.entryAt(slot).value.length;
  }

  dueMs(slot: number): number {
    return this.entryAt(slot).dueMs;
  }

  version(slot: number): number {
    return this.entryAt(slot).version;
  }

  isLive(slot: number): boolean {
    const entry = this.entries[slot];
    if (entry === undefined || entry === null) return false;
    return entry.dueMs === 0 || entry.dueMs > this.nowMs;
  }

  isLiveIn(slot: number, database: number): boolean {
    return database === 0 && this.isLive(slot);
  }

  readonly listener = null;

  databaseOf(_slot: number): number {
    return 0;
  }

  sizeOf(database: number): number {
    return database === 0 ? this.size : 0;
  }

  moveTo(): void {
    throw new Error('the reference has one database');
  }

  swapDatabases(): void {
    throw new Error('the reference has one database');
  }

  flushDatabase(): void {
    this.flush();
  }

  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    dueMs: number,
  ): number {
    const name = nameOf(key, keyStart, keyEnd);
    const held = this.slots.get(name);
    if (held !== undefined && !this.isLive(held)) this.remove(held);
    const slot = this.slots.get(name) ?? this.insert(name, key.slice(keyStart, keyEnd));
    const entry = this.entryAt(slot);
    entry.value = value.slice(valueStart, valueEnd);
    entry.dueMs = dueMs;
    entry.version = ++this.changes;
    return slot;
  }

  replaceValue(slot: number, value: Uint8Array, start: number, end: number): void {
    const entry = this.entryAt(slot);
    entry.value = value.slice(start, end);
    entry.version = ++this.changes;
  }

  resizeValue(slot: number, length: number): void {
    const entry = this.entryAt(slot);
    const value = new Uint8Array(length);
    value.set(entry.value.subarray(0, length));
    entry.value = value;
    entry.version = ++this.changes;
  }

  setDue(slot: number, dueMs: number): void {
    const entry = this.entryAt(slot);
    entry.dueMs = dueMs;
    entry.version = ++this.changes;
  }

  remove(slot: number): void {
    this.slots.delete(this.entryAt(slot).name);
    this.entries[slot] = null;
    this.freeSlots.push(slot);
  }

  touch(slot: number): void {
    this.entryAt(slot).touches++;
  }

  flush(): void {
    this.slots.clear();
    this.entries = [];
    this.freeSlots = [];
  }

  private insert(name: string, key: Uint8Array): number {
    const slot = this.freeSlots.pop() ?? this.entries.length;
    this.entries[slot] = {
      name,
      key,
      value: new Uint8Array(0),
      dueMs: 0,
      version: 0,
      touches: 0,
    };
    this.slots.set(name, slot);
    return slot;
  }

  private entryAt(slot: number): Entry {
    const entry = this.entries[slot];
    if (entry === undefined || entry === null) throw new Error(`slot ${slot} holds no key`);
    return entry;
  }
}
