/** What commands work with: in apply the keyspace of the log, in reads the same, unchanged. */
import type { Args } from '../resp/args.js';
import type { ApplyContext, ReadContext } from './command-spec.js';
import { DATABASES_MAX } from './databases.js';
import type { EventClass } from './key-listener.js';
import type { Keyspace } from './keyspace.js';
import { ABSENT, type KeyspaceView } from './keyspace-view.js';
import type { Prng } from './prng.js';

/** A read beside the log: notes the use of keys, changes nothing. Reused from read to read. */
export class LocalReadContext implements ReadContext {
  database = 0;
  clockMs = 0;
  random: () => number = () => 0;
  onTouch: ((slot: number) => void) | null = null;
  /** False: the read at hand does not count as a use (CLIENT NO-TOUCH). */
  counts = true;
  /** Look-ups that found a key, and that did not (INFO keyspace_hits). */
  hits = 0;
  misses = 0;

  constructor(readonly keyspace: KeyspaceView) {}

  get nowMs(): number {
    return this.keyspace.nowMs;
  }

  find(args: Args, index: number): number {
    const slot = this.peek(args, index);
    if (slot === ABSENT) {
      this.misses++;
      this.missed(args, index);
    } else {
      this.hits++;
      if (this.counts) this.onTouch?.(slot);
    }
    return slot;
  }

  missed(args: Args, index: number): void {
    const { listener } = this.keyspace;
    if (listener?.event === undefined) return;
    listener.event('m', 'keymiss', args.bytes, args.start(index), args.end(index), this.database);
  }

  peek(args: Args, index: number): number {
    return this.keyspace.find(args.bytes, args.start(index), args.end(index), this.database);
  }
}

/** In apply: every look-up is part of the log, so uses count at once and the same everywhere. */
export class LogApplyContext implements ApplyContext {
  database = 0;
  databaseCount = DATABASES_MAX;
  /** Milliseconds; 0: none. */
  defaultTtlMs = 0;
  maxTtlMs = 0;

  constructor(
    readonly keyspace: Keyspace,
    private readonly prng: Prng,
  ) {}

  get nowMs(): number {
    return this.keyspace.nowMs;
  }

  get clockMs(): number {
    return this.keyspace.nowMs;
  }

  random(): number {
    return this.prng.next();
  }

  find(args: Args, index: number): number {
    const slot = this.peek(args, index);
    if (slot === ABSENT) this.missed(args, index);
    else this.keyspace.touch(slot);
    return slot;
  }

  missed(args: Args, index: number): void {
    this.notify('m', 'keymiss', args, index);
  }

  notify(
    kind: EventClass,
    event: string,
    args: Args,
    index: number,
    database = this.database,
  ): void {
    const { listener } = this.keyspace;
    if (listener?.event === undefined) return;
    listener.event(kind, event, args.bytes, args.start(index), args.end(index), database);
  }

  peek(args: Args, index: number): number {
    return this.keyspace.find(args.bytes, args.start(index), args.end(index), this.database);
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
    const byDefault = this.defaultTtlMs === 0 ? 0 : this.nowMs + this.defaultTtlMs;
    const due = this.capped(dueMs === 0 ? byDefault : dueMs);
    const { keyspace, database } = this;
    return keyspace.put(key, keyStart, keyEnd, value, valueStart, valueEnd, due, database);
  }

  setDue(slot: number, dueMs: number): void {
    this.keyspace.setDue(slot, this.capped(dueMs));
  }

  private capped(dueMs: number): number {
    if (this.maxTtlMs === 0) return dueMs;
    const latest = this.nowMs + this.maxTtlMs;
    return dueMs === 0 || dueMs > latest ? latest : dueMs;
  }
}
