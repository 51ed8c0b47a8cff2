/**
 * Makes, changes and removes entries: record, bytes, index, wheel and charge together, so that
 * they always agree. Knows nothing of limits and of the order of eviction beyond taking a removed
 * key out of its queue.
 */
import { assert } from '../errors.js';
import { copyBytes } from './byte-ranges.js';
import { Int, Num } from './header.js';
import type { EventClass, KeyListener, Removal } from './key-listener.js';
import { CHARGE_OVERHEAD_BYTES, type KeyspaceState } from './keyspace-state.js';
import { DUE_MAX_MS, Field, KEY_BYTES_MAX, keyWord } from './record-table.js';

/** Blocks up to this size are kept whatever shrinks in them. */
const KEPT_BLOCK_BYTES = 64;

export class Entries {
  constructor(
    private readonly state: KeyspaceState,
    private readonly listener: KeyListener | null,
  ) {}

  /** A new entry without due time, in no queue. The key is not held yet. */
  create(
    hash: number,
    internal: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueLength: number,
  ): number {
    const { records, blocks, index, header, databases } = this.state;
    const keyLength = keyEnd - keyStart;
    assert(keyLength <= KEY_BYTES_MAX, 'a key is longer than the server lets through');
    const slot = records.allocate();
    const address = blocks.allocate(keyLength + valueLength, false);
    const large = blocks.isLarge(keyLength + valueLength);
    const words = records.forWrite(slot);
    const at = records.at(slot);
    words[at + Field.hash] = hash;
    words[at + Field.address] = address;
    words[at + Field.valueLength] = valueLength;
    words[at + Field.key] = keyWord(keyLength, internal);
    if (large) records.setLarge(slot, true);
    blocks.guard(address, large, 0, keyLength + valueLength);
    copyBytes(blocks.buffer(address, large), blocks.start(address, large), key, keyStart, keyEnd);
    header.ints[Int.size] = header.ints[Int.size]! + 1;
    databases.countKey(internal, 1);
    const charge = keyLength + valueLength + CHARGE_OVERHEAD_BYTES;
    header.nums[Num.usedBytes] = header.nums[Num.usedBytes]! + charge;
    index.add(slot);
    this.changed(slot);
    if (this.listener?.event !== undefined) this.tellEvent(slot, 'n', 'new');
    return slot;
  }

  /** The entry was modified: another version. */
  changed(slot: number): void {
    const { records, header } = this.state;
    const changes = (header.ints[Int.changes]! + 1) | 0;
    header.ints[Int.changes] = changes;
    records.set(slot, Field.version, changes);
    if (this.listener !== null) this.tell(slot, (...key) => this.listener!.changed(...key));
  }

  /** Writes the whole value, for which there is room. */
  writeValue(slot: number, value: Uint8Array, start: number, end: number): void {
    const { records, blocks } = this.state;
    const address = records.get(slot, Field.address);
    const large = records.isLarge(slot);
    const keyLength = records.keyLength(slot);
    blocks.guard(address, large, keyLength, keyLength + end - start);
    const target = blocks.buffer(address, large);
    copyBytes(target, blocks.start(address, large) + keyLength, value, start, end);
  }

  /**
   * Makes room for a value of `length` bytes, of which the first `kept` stay. True when the entry
   * now has a fresh buffer of its own, whose other bytes are zero.
   */
  resize(slot: number, length: number, kept: number): boolean {
    const { records, blocks, state } = this;
    const keyLength = records.keyLength(slot);
    const before = records.get(slot, Field.valueLength);
    const address = records.get(slot, Field.address);
    const large = records.isLarge(slot);
    if (length !== before) {
      state.addCharge(slot, length - before);
      records.set(slot, Field.valueLength, length);
    }
    const needed = keyLength + length;
    const capacity = blocks.capacity(address, large);
    const wasteful = capacity > KEPT_BLOCK_BYTES && needed * 4 < capacity * 3;
    if (needed <= capacity && !wasteful) return false;
    this.move(slot, needed, keyLength + kept, kept > 0 && length > before);
    return records.isLarge(slot);
  }

  private move(slot: number, length: number, kept: number, growing: boolean): void {
    const { records, blocks } = this;
    const from = records.get(slot, Field.address);
    const fromLarge = records.isLarge(slot);
    const to = blocks.allocate(length, growing);
    const toLarge = blocks.isLarge(length);
    const source = blocks.buffer(from, fromLarge);
    const start = blocks.start(from, fromLarge);
    blocks.guard(to, toLarge, 0, kept);
    copyBytes(blocks.buffer(to, toLarge), blocks.start(to, toLarge), source, start, start + kept);
    blocks.free(from, fromLarge);
    records.set(slot, Field.address, to);
    records.setLarge(slot, toLarge);
  }

  /** Fills part of the value with zeros. */
  clearValue(slot: number, from: number, to: number): void {
    const { records, blocks } = this;
    const address = records.get(slot, Field.address);
    const large = records.isLarge(slot);
    const start = blocks.start(address, large) + records.keyLength(slot);
    blocks.buffer(address, large).fill(0, start + from, start + to);
  }

  /** Call before the value changes in place. */
  guardValue(slot: number): void {
    const { records, blocks } = this;
    const keyLength = records.keyLength(slot);
    const end = keyLength + records.get(slot, Field.valueLength);
    blocks.guard(records.get(slot, Field.address), records.isLarge(slot), keyLength, end);
  }

  /** `dueMs` 0: none; before 1970 or too late: the nearest that can be held. */
  setDue(slot: number, dueMs: number): void {
    const { records, wheel, header, databases } = this.state;
    const due = dueMs === 0 ? 0 : Math.min(Math.max(1, Math.floor(dueMs)), DUE_MAX_MS);
    const before = records.dueMs(slot);
    if (due === before) return;
    if (before !== 0) wheel.remove(slot);
    records.setDue(slot, due);
    if (due !== 0) wheel.add(slot);
    const difference = (due === 0 ? 0 : 1) - (before === 0 ? 0 : 1);
    header.ints[Int.keysWithTtl] = header.ints[Int.keysWithTtl]! + difference;
    databases.countTtl(records.database(slot), difference);
  }

  drop(slot: number, why: Removal): void {
    if (this.listener !== null) this.tellRemoval(slot, why);
    const { state, records, blocks } = this;
    const { nums, ints } = state.header;
    const charge = state.chargeOf(slot);
    state.detach(slot);
    this.setDue(slot, 0);
    state.index.remove(slot);
    state.databases.countKey(records.database(slot), -1);
    blocks.free(records.get(slot, Field.address), records.isLarge(slot));
    records.release(slot);
    nums[Num.usedBytes] = nums[Num.usedBytes]! - charge;
    ints[Int.size] = ints[Int.size]! - 1;
  }

  /** To another database, which does not hold the key, with all it has but its version. */
  rehome(slot: number, hash: number, internal: number): void {
    const { records, state } = this;
    const { databases, index } = state;
    const before = records.database(slot);
    const ttl = records.hasDue(slot) ? 1 : 0;
    index.remove(slot);
    records.set(slot, Field.hash, hash);
    records.set(slot, Field.key, keyWord(records.keyLength(slot), internal));
    index.add(slot);
    databases.countKey(before, -1);
    databases.countTtl(before, -ttl);
    databases.countKey(internal, 1);
    databases.countTtl(internal, ttl);
    this.changed(slot);
  }

  private tellRemoval(slot: number, why: Removal): void {
    this.tell(slot, (...key) => this.listener!.removed(...key, why));
    if (why !== 'deleted') this.tellEvent(slot, why === 'expired' ? 'x' : 'e', why);
  }

  private tellEvent(slot: number, kind: EventClass, name: string): void {
    const { databases, records } = this.state;
    const database = databases.external(records.database(slot));
    this.tell(slot, (...key) => this.listener!.event?.(kind, name, ...key, database));
  }

  private tell(slot: number, give: (bytes: Uint8Array, start: number, end: number) => void): void {
    const { records, blocks } = this;
    const address = records.get(slot, Field.address);
    const large = records.isLarge(slot);
    const start = blocks.start(address, large);
    give(blocks.buffer(address, large), start, start + records.keyLength(slot));
  }

  private get records(): KeyspaceState['records'] {
    return this.state.records;
  }

  private get blocks(): KeyspaceState['blocks'] {
    return this.state.blocks;
  }
}
