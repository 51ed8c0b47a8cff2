/**
 * The keyspace: key -> value, due time, version, charge, bounded by limits and with copy-on-write
 * views. Everything that changes it comes from the log, in the log's order; reading changes
 * nothing. For each entry call advance() first and then the commands' changes.
 */
import { assert } from '../errors.js';
import type { Args } from '../resp/args.js';
import { Entries } from './entries.js';
import { type EvictionPolicy, type PolicyName, policyName, policyNumbers } from './eviction.js';
import { hashKey } from './hash.js';
import { Int, Num } from './header.js';
import type { KeyListener } from './key-listener.js';
import { CHARGE_OVERHEAD_BYTES, type KeyspaceState, newKeyspaceState } from './keyspace-state.js';
import { ABSENT, type MutableKeyspace, type ValueType } from './keyspace-view.js';
import { OpenViews } from './paged-region.js';
import { Field } from './record-table.js';
import { Room } from './room.js';
import { SnapshotView } from './snapshot-view.js';

export interface KeyspaceLimits {
  /** Bound of the sum of charges; 0: none. */
  readonly maxmemory: number;
  /** 0: none. */
  readonly maxkeys: number;
  readonly policy: PolicyName;
}

export class Keyspace implements MutableKeyspace {
  private state!: KeyspaceState;
  private entries!: Entries;
  private eviction!: EvictionPolicy;
  private room!: Room;
  listener: KeyListener | null = null;

  constructor(state: KeyspaceState = newKeyspaceState(new OpenViews())) {
    const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
    assert(littleEndian, 'the state is kept little endian, which this machine is not');
    this.mount(state);
  }

  private mount(state: KeyspaceState): void {
    this.state = state;
    this.entries = new Entries(state, this.listener);
    this.eviction = state.policy(this.policy);
    this.room = new Room(state, this.entries, this.eviction);
  }

  /** What the listener heard so far belongs together. */
  settled(): void {
    this.listener?.settled();
  }

  /** From now on `listener` hears of every change; null: nobody does. */
  listen(listener: KeyListener | null): void {
    this.listener = listener;
    this.mount(this.state);
  }

  private num(at: number): number {
    return this.state.header.nums[at]!;
  }

  private int(at: number): number {
    return this.state.header.ints[at]!;
  }

  get nowMs(): number {
    return this.num(Num.nowMs);
  }

  get size(): number {
    return this.int(Int.size);
  }

  get usedBytes(): number {
    return this.num(Num.usedBytes);
  }

  get maxmemory(): number {
    return this.num(Num.maxmemory);
  }

  get maxkeys(): number {
    return this.num(Num.maxkeys);
  }

  get policy(): PolicyName {
    const name = policyName(this.int(Int.policy));
    assert(name !== null, 'the eviction policy is unknown');
    return name;
  }

  get keysWithTtl(): number {
    return this.int(Int.keysWithTtl);
  }

  /** Keys removed because they were due, since the beginning of the log. */
  get expired(): number {
    return this.num(Num.expired);
  }

  get evicted(): number {
    return this.num(Num.evicted);
  }

  /** OpenViews.copiedBytes */
  get copiedBytes(): number {
    return this.state.views.copiedBytes;
  }

  get slotLimit(): number {
    return this.int(Int.slotLimit);
  }

  /** Modifications so far modulo 2^32: what a batch of touches was valid at. */
  get changes(): number {
    return this.int(Int.changes) >>> 0;
  }

  get expiryOwed(): boolean {
    return this.room.expiryOwed;
  }

  /** Like expiryOwed, and also eviction down to a lowered limit and a change of policy. */
  get workOwed(): boolean {
    return this.room.workOwed;
  }

  /** Unix ms before which no key becomes due; 0: none ever does. */
  nextDueMs(): number {
    return this.state.wheel.lowerBoundMs();
  }

  /** Applies settings from the log. What is over a lowered limit goes with the next entries. */
  configure(settings: KeyspaceLimits): void {
    const { nums, ints } = this.state.header;
    nums[Num.maxmemory] = settings.maxmemory;
    nums[Num.maxkeys] = settings.maxkeys;
    if (settings.policy === this.policy) return;
    ints[Int.policy] = policyNumbers[settings.policy];
    ints[Int.sweepAt] = this.slotLimit === 0 ? -1 : 0;
    this.mount(this.state);
  }

  /** At the start of each entry: moves the time on, and does an entry's share of clearing up. */
  advance(nowMs: number): void {
    const { nums } = this.state.header;
    if (nowMs > nums[Num.nowMs]!) nums[Num.nowMs] = nowMs;
    this.room.advance();
  }

  find(bytes: Uint8Array, start: number, end: number, database = 0): number {
    const internal = this.state.databases.internal(database);
    const hash = hashKey(bytes, start, end, internal);
    const slot = this.state.index.find(hash, bytes, start, end, internal);
    return slot !== ABSENT && this.hasExpired(slot) ? ABSENT : slot;
  }

  /** Before several keys are looked for, at arguments 0 and up: makes that quicker. */
  prefetch(keys: Args, database: number): void {
    this.state.index.prefetch(keys, this.state.databases.internal(database));
  }

  isLive(slot: number): boolean {
    return this.state.records.isHeld(slot) && !this.hasExpired(slot);
  }

  isLiveIn(slot: number, database: number): boolean {
    const { records, databases } = this.state;
    return this.isLive(slot) && records.database(slot) === databases.internal(database);
  }

  databaseOf(slot: number): number {
    return this.state.databases.external(this.state.records.database(slot));
  }

  sizeOf(database: number): number {
    return this.state.databases.size(this.state.databases.internal(database));
  }

  keysWithTtlOf(database: number): number {
    return this.state.databases.keysWithTtl(this.state.databases.internal(database));
  }

  private hasExpired(slot: number): boolean {
    const dueMs = this.state.records.dueMs(slot);
    return dueMs !== 0 && dueMs <= this.state.header.nums[Num.nowMs]!;
  }

  typeOf(slot: number): ValueType {
    return this.state.records.typeOf(slot) as ValueType;
  }

  keyBuffer(slot: number): Uint8Array {
    const { records, blocks } = this.state;
    return blocks.buffer(records.get(slot, Field.address), records.isLarge(slot));
  }

  keyStart(slot: number): number {
    const { records, blocks } = this.state;
    return blocks.start(records.get(slot, Field.address), records.isLarge(slot));
  }

  keyLength(slot: number): number {
    return this.state.records.keyLength(slot);
  }

  valueBuffer(slot: number): Uint8Array {
    return this.keyBuffer(slot);
  }

  valueStart(slot: number): number {
    return this.keyStart(slot) + this.keyLength(slot);
  }

  valueLength(slot: number): number {
    return this.state.records.get(slot, Field.valueLength);
  }

  dueMs(slot: number): number {
    return this.state.records.dueMs(slot);
  }

  charge(slot: number): number {
    return this.state.chargeOf(slot);
  }

  useCount(slot: number): number | null {
    const { policy } = this;
    if (policy !== 'allkeys-tlru' && policy !== 'volatile-tlru') return null;
    return this.state.records.use(slot);
  }

  version(slot: number): number {
    return this.state.records.get(slot, Field.version) >>> 0;
  }

  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    dueMs: number,
    database = 0,
  ): number {
    const { index, databases } = this.state;
    const internal = databases.internal(database);
    const hash = hashKey(key, keyStart, keyEnd, internal);
    const held = index.find(hash, key, keyStart, keyEnd, internal);
    if (held !== ABSENT) {
      if (!this.hasExpired(held)) {
        this.replaceValue(held, value, valueStart, valueEnd);
        this.moveDue(held, dueMs);
        return held;
      }
      this.room.expireSlot(held);
    }
    const length = valueEnd - valueStart;
    this.room.make(keyEnd - keyStart + length + CHARGE_OVERHEAD_BYTES, 1, ABSENT);
    const slot = this.entries.create(hash, internal, key, keyStart, keyEnd, length);
    this.entries.writeValue(slot, value, valueStart, valueEnd);
    this.entries.setDue(slot, dueMs);
    this.eviction.inserted(slot);
    return slot;
  }

  replaceValue(slot: number, value: Uint8Array, start: number, end: number): void {
    this.makeRoomFor(slot, end - start);
    this.entries.resize(slot, end - start, 0);
    this.entries.writeValue(slot, value, start, end);
    this.entries.changed(slot);
    this.eviction.touched(slot);
  }

  resizeValue(slot: number, length: number): void {
    const before = this.valueLength(slot);
    this.makeRoomFor(slot, length);
    const fresh = this.entries.resize(slot, length, Math.min(before, length));
    this.entries.guardValue(slot);
    if (length > before && !fresh) this.entries.clearValue(slot, before, length);
    this.entries.changed(slot);
    this.eviction.touched(slot);
  }

  private makeRoomFor(slot: number, valueLength: number): void {
    const growth = valueLength - this.valueLength(slot);
    if (growth > 0) this.room.make(growth, 0, slot);
  }

  setDue(slot: number, dueMs: number): void {
    this.moveDue(slot, dueMs);
    this.entries.changed(slot);
  }

  private moveDue(slot: number, dueMs: number): void {
    const before = this.dueMs(slot);
    this.entries.setDue(slot, dueMs);
    if (this.dueMs(slot) !== before) this.eviction.dueChanged(slot, before !== 0);
  }

  remove(slot: number): void {
    this.eviction.leaving(slot);
    this.entries.drop(slot, 'deleted');
  }

  moveTo(slot: number, database: number): void {
    const internal = this.state.databases.internal(database);
    const bytes = this.keyBuffer(slot);
    const [start, end] = [this.keyStart(slot), this.valueStart(slot)];
    const hash = hashKey(bytes, start, end, internal);
    const held = this.state.index.find(hash, bytes, start, end, internal);
    if (held !== ABSENT) {
      assert(this.hasExpired(held), 'the database holds the key already');
      this.room.expireSlot(held);
    }
    this.entries.rehome(slot, hash, internal);
  }

  swapDatabases(one: number, other: number): void {
    this.state.databases.swap(one, other);
    if (this.sizeOf(one) + this.sizeOf(other) > 0) this.listener?.flushed();
  }

  touch(slot: number): void {
    this.eviction.touched(slot);
  }

  /**
   * A logged batch of touches: sorted slots, noted when the count of changes was `validAt`. Those
   * that went to another key since then are skipped (and those modified since: a touch as well).
   */
  applyTouches(slots: ArrayLike<number>, validAt: number): void {
    for (let at = 0; at < slots.length; at++) {
      const slot = slots[at]!;
      if (this.isLive(slot) && this.isUnchanged(slot, validAt)) this.eviction.touched(slot);
    }
  }

  /** The slot holds the same key in the same version as when the count of changes was `validAt`. */
  isUnchanged(slot: number, validAt: number): boolean {
    const changes = this.int(Int.changes);
    // Counted back from now, so that records from before a round of 2^32 still count as old.
    const age = (changes - this.version(slot)) >>> 0;
    return age >= (changes - validAt) >>> 0;
  }

  /** A use of this key is worth logging: a filter for the node's own collecting, not for apply. */
  wantsTouch(slot: number): boolean {
    return this.isNearLimit() && this.eviction.wantsTouch(slot);
  }

  /** From three quarters of a limit on; before, nothing is noted and nothing sent. */
  private isNearLimit(): boolean {
    const { maxmemory, maxkeys } = this;
    if (maxmemory > 0 && this.usedBytes * 4 >= maxmemory * 3) return true;
    return maxkeys > 0 && this.size * 4 >= maxkeys * 3;
  }

  /** False: at the limit, and nothing may be evicted. For the leader, before it logs a write. */
  canMakeRoom(): boolean {
    const { maxmemory, maxkeys } = this;
    const full =
      (maxmemory > 0 && this.usedBytes >= maxmemory) || (maxkeys > 0 && this.size >= maxkeys);
    return !full || this.eviction.canEvict();
  }

  /** With keys in other databases it visits slots until it has found all that it removes. */
  flushDatabase(database: number): void {
    const others = this.size - this.sizeOf(database);
    if (others === 0) return this.flush();
    const { records, databases } = this.state;
    const internal = databases.internal(database);
    for (let slot = 0; this.size > others; slot++) {
      if (records.isHeld(slot) && records.database(slot) === internal) this.remove(slot);
    }
  }

  /** Takes new memory and leaves the old to its open views: its cost does not grow with size. */
  flush(): void {
    const before = this.state.header;
    const fresh = newKeyspaceState(this.state.views);
    for (const at of [Num.nowMs, Num.maxmemory, Num.maxkeys, Num.expired, Num.evicted]) {
      fresh.header.nums[at] = before.nums[at]!;
    }
    for (const at of [Int.policy, Int.changes]) fresh.header.ints[at] = before.ints[at]!;
    fresh.wheel.catchUp(this.nowMs);
    this.mount(fresh);
    this.listener?.flushed();
  }

  /** The state of this moment as bytes, whatever happens to the keyspace meanwhile. Close it. */
  openView(): SnapshotView {
    return new SnapshotView(this.state);
  }
}
