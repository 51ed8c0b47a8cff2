/**
 * Operations that wait: reads until they are confirmed, replies until the ones before them were
 * given. Their arguments lie one behind the other in one buffer, so that a waiting read costs no
 * object. Runs them in the order in which they came, each when the batch it must follow is applied.
 * Cleared, it is filled again in the memory that it has.
 */
import { Args } from '../resp/args.js';
import type { Origin, SessionReadSpec } from '../server/group.js';
import type { KeyspaceSpec } from '../statemachine/command-spec.js';
import { AHEAD_MAX } from '../statemachine/hash-index.js';

/** Null: argument 0 is an encoded reply. */
export type DeferredSpec = KeyspaceSpec | SessionReadSpec | null;

/** Most batches carry none: those cost no buffer. */
const noBytes = new Uint8Array(0);
const firstBytes = 4096;
/** More memory than this is not kept for other operations. */
const keptBytes = 256 * 1024;
const keptCount = 8192;
const keys = new Args();

/** Keyspace.prefetch */
export type Prefetch = (keys: Args, database: number) => void;

export class DeferredOps {
  private count = 0;
  private readonly specs: DeferredSpec[] = [];
  private readonly origins: (Origin | null)[] = [];
  /** Number of the batch that must be applied before. */
  private readonly after: number[] = [];
  /** Where the arguments of operation i begin in `ends`. */
  private readonly first: number[] = [];
  private endCount = 0;
  private readonly ends: number[] = [];
  private bytes = noBytes;
  private used = 0;
  private next = 0;
  /** Ones that could not run yet although others behind them could. */
  private held: number[] = [];

  get size(): number {
    return this.count - this.next + this.held.length;
  }

  push(origin: Origin, spec: DeferredSpec, args: Args, after: number): number {
    const at = this.reserve(origin, spec, after);
    for (let index = 0; index < args.count; index++) {
      this.append(args.bytes, args.start(index), args.end(index));
    }
    return at;
  }

  pushReply(origin: Origin, reply: Uint8Array, after: number): number {
    const at = this.reserve(origin, null, after);
    this.append(reply, 0, reply.length);
    return at;
  }

  originAt(at: number): Origin {
    return this.origins[at]!;
  }

  specAt(at: number): DeferredSpec {
    return this.specs[at]!;
  }

  /** Points `args` at the arguments of operation `at`; valid until the next push. */
  load(at: number, args: Args): void {
    args.reset(this.bytes);
    const last = at + 1 < this.count ? this.first[at + 1]! : this.endCount;
    for (let index = this.first[at]!; index < last; index++) {
      args.push(index === 0 ? 0 : this.ends[index - 1]!, this.ends[index]!);
    }
  }

  /** The first key of each of the next operations that have one. */
  private keysAhead(): Args {
    keys.reset(this.bytes);
    const last = Math.min(this.next + AHEAD_MAX, this.count);
    for (let at = this.next; at < last; at++) {
      if (this.specs[at]?.keys.first !== 1) continue;
      const name = this.first[at]!;
      keys.push(this.ends[name]!, this.ends[name + 1]!);
    }
    return keys;
  }

  /**
   * Runs what may run now; returns true when nothing is left. `prefetch` hears of the keys of some
   * operations just before they run.
   */
  run(
    applied: number,
    execute: (ops: DeferredOps, at: number) => void,
    prefetch: Prefetch = () => {},
  ): boolean {
    if (this.held.length > 0) this.runHeld(applied, execute);
    while (this.next < this.count) {
      if (this.next % AHEAD_MAX === 0) {
        prefetch(this.keysAhead(), this.originAt(this.next).database);
      }
      // Before it runs: whatever an answer leads to, nothing is carried out twice.
      const at = this.next++;
      if (this.after[at]! > applied) this.held.push(at);
      else execute(this, at);
    }
    return this.held.length === 0;
  }

  /** Empty, and in the same memory unless that is a lot. */
  emptied(): DeferredOps {
    const positions = Math.max(this.specs.length, this.ends.length);
    if (this.bytes.length > keptBytes || positions > keptCount) return new DeferredOps();
    this.clear();
    return this;
  }

  private clear(): void {
    // A connection that has ended is not kept.
    this.origins.fill(null, 0, this.count);
    this.count = 0;
    this.endCount = 0;
    this.held.length = 0;
    this.used = 0;
    this.next = 0;
  }

  private runHeld(applied: number, execute: (ops: DeferredOps, at: number) => void): void {
    const held = this.held;
    this.held = [];
    for (const at of held) {
      if (this.after[at]! > applied) this.held.push(at);
      else execute(this, at);
    }
  }

  private reserve(origin: Origin, spec: DeferredSpec, after: number): number {
    const at = this.count++;
    this.specs[at] = spec;
    this.origins[at] = origin;
    this.after[at] = after;
    this.first[at] = this.endCount;
    return at;
  }

  private append(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.used + length > this.bytes.length) {
      const wider = new Uint8Array(Math.max(firstBytes, this.bytes.length * 2, this.used + length));
      wider.set(this.bytes.subarray(0, this.used));
      this.bytes = wider;
    }
    if (length <= 32) {
      for (let at = 0; at < length; at++) this.bytes[this.used + at] = source[start + at]!;
    } else {
      this.bytes.set(source.subarray(start, end), this.used);
    }
    this.used += length;
    this.ends[this.endCount++] = this.used;
  }
}
