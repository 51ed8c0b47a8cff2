/**
 * How the use of keys reaches all replicas (TLRU.md): every node notes which slots its own reads
 * touched, the first touch per window only; followers send theirs to the leader, and the leader
 * logs them. Nothing is noted or sent while the keyspace is far from its limit.
 */
import { ApplicationKind, ByteReader, ByteWriter } from '../codec/application.js';
import { TgError } from '../errors.js';
import { limits } from '../limits.js';
import { encodeTouchEntry } from '../statemachine/batch-format.js';
import { encodeTouches, TouchCollector } from '../statemachine/touch-collector.js';
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
    if (this.options.group.machine.keyspace.wantsTouch(slot)) this.collector.note(slot);
  };

  /** Ends a window: on the leader into the log, elsewhere to the leader. */
  endWindow(): void {
    const slots = this.collector.drain();
    if (slots.length === 0) return;
    const { group } = this.options;
    const touches = encodeTouches(slots);
    const validAtIndex = group.machine.appliedIndex;
    if (group.isLeader) return this.log(validAtIndex, touches);
    const message = new ByteWriter();
    message.u8(ApplicationKind.touches);
    message.f64(validAtIndex);
    message.bytes(touches, 0, touches.length);
    this.options.sendToLeader(message.take());
  }

  /** From a follower: its touches, and the index they were valid at. */
  received(payload: Uint8Array): void {
    const reader = new ByteReader(payload);
    if (reader.u8() !== ApplicationKind.touches) {
      throw new TgError('PROTOCOL', 'an application message of an unknown kind');
    }
    const validAtIndex = reader.f64();
    if (!this.options.group.isLeader || payload.length > limits.touchBytesMax) return;
    this.log(validAtIndex, payload.slice(reader.at));
  }

  private log(validAtIndex: number, touches: Uint8Array): void {
    const { group, randomU32 } = this.options;
    const stamp = group.stamp();
    group.proposeInternal(encodeTouchEntry(stamp, randomU32(), validAtIndex, touches), stamp);
  }
}
