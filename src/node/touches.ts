/**
 * How the use of keys reaches all replicas (TLRU.md): every node notes which slots its own reads
 * touched, the first touch per window only; followers send theirs to the leader, and the leader
 * logs them. Nothing is noted or sent while the keyspace is far from its limit.
 */
import { ApplicationKind, ApplicationWriter } from '../codec/application.js';
import type { ByteReader } from '../codec/byte-cursor.js';
import { encodeTouchEntry } from '../statemachine/batch-format.js';
import { decodeTouches, encodeTouches, TouchCollector } from '../statemachine/touches.js';
import type { ReplicatedGroup } from './replicated-group.js';

/** Between two calls of Touches.tick(). */
export const tickMs = 10;
/** Longest window of touches; see TLRU.md for what other lengths cost. */
const windowTicksMax = 100;
/** A window ends early when evictions come to this share of the keys: two rounds of probation. */
const evictedShare = 0.2;

/**
 * When a window ends. A use that the log hears of too late is lost: by then its key may have been
 * evicted, from probation first. So what counts beside time is how fast keys come and go.
 */
export class TouchWindow {
  private ticks = 0;
  private evictedBefore = 0;

  /** Call on every tick; true: the window is over. */
  tick({ evicted, size }: { readonly evicted: number; readonly size: number }): boolean {
    this.ticks++;
    const evictedNow = evicted - this.evictedBefore;
    if (this.ticks < windowTicksMax && evictedNow < size * evictedShare) return false;
    this.ticks = 0;
    this.evictedBefore = evicted;
    return true;
  }
}

export interface TouchesOptions {
  readonly group: ReplicatedGroup;
  /** May be lost: recency is advice, not truth. */
  readonly sendToLeader: (payload: Uint8Array) => void;
  readonly randomU32: () => number;
}

export class Touches {
  private readonly collector = new TouchCollector();
  private readonly window = new TouchWindow();

  constructor(private readonly options: TouchesOptions) {}

  /** A read of this node used the key in `slot`. */
  readonly note = (slot: number): void => {
    this.collector.note(this.options.group.machine.keyspace, slot);
  };

  tick(): void {
    if (this.window.tick(this.options.group.machine.keyspace)) this.endWindow();
  }

  /** On the leader into the log, elsewhere to the leader. */
  private endWindow(): void {
    if (this.collector.count === 0) return;
    const { group } = this.options;
    const { keyspace } = group.machine;
    const slots = this.collector.drain(keyspace);
    if (slots.length === 0) return;
    const touches = encodeTouches({ validAt: keyspace.changes, slots });
    if (group.isLeader) return this.log(touches);
    const message = new ApplicationWriter();
    message.u8(ApplicationKind.touches);
    message.bytes(touches, 0, touches.length);
    this.options.sendToLeader(message.take());
  }

  /** From a follower. Checked here: damage must not reach the log. */
  received(reader: ByteReader): void {
    if (!this.options.group.isLeader) return;
    const touches = new Uint8Array(reader.rest());
    decodeTouches(touches, 0, touches.length);
    this.log(touches);
  }

  private log(touches: Uint8Array): void {
    const { group, randomU32 } = this.options;
    const stamp = group.stamp();
    group.propose(encodeTouchEntry(stamp, randomU32(), touches), stamp);
  }
}
