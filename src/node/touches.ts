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

export interface TouchesOptions {
  readonly group: ReplicatedGroup;
  /** May be lost: recency is advice, not truth. */
  readonly sendToLeader: (payload: Uint8Array) => void;
  readonly randomU32: () => number;
}

export class Touches {
  private readonly collector = new TouchCollector();

  constructor(private readonly options: TouchesOptions) {}

  /** A read of this node used the key in `slot`. */
  readonly note = (slot: number): void => {
    this.collector.note(this.options.group.machine.keyspace, slot);
  };

  /** Ends a window: on the leader into the log, elsewhere to the leader. */
  endWindow(): void {
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
