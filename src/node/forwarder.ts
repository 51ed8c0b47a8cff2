/**
 * `follower-writes forward`, the side of the follower: commands of this node's clients are
 * carried out through the leader. Sent once: after a first send whose outcome is unknown nothing
 * is sent again (requirement 30). Every time something is lost a new session begins, and answers
 * of an earlier one are dropped, so those of a deposed leader never mix in.
 */
import { ApplicationKind, type ByteReader, ByteWriter } from '../codec/application.js';
import { limits } from '../limits.js';
import type { Args } from '../resp/args.js';
import type { Origin, SessionReadSpec } from '../server/group.js';
import type { KeyspaceSpec } from '../statemachine/command-spec.js';

/** A command in flight, or a reply of this node that waits behind commands in flight. */
type InFlight = 'read' | 'write' | Uint8Array;

interface Stream {
  readonly id: number;
  readonly origin: Origin;
  readonly fifo: InFlight[];
}

export interface ForwarderOptions {
  /** False: surely not sent. */
  readonly send: (payload: Uint8Array) => boolean;
  readonly monotonicMs: () => number;
  readonly protocolOf: (origin: Origin) => 2 | 3;
  readonly timeoutMs: number;
}

export class Forwarder {
  private streams = new Map<Origin, Stream>();
  private byId = new Map<number, Stream>();
  private nextStream = 1;
  private session = 1;
  private readonly forming = new ByteWriter();
  private formingCount = 0;
  private oldestAtMs = 0;
  inFlight = 0;

  constructor(private readonly options: ForwarderOptions) {}

  /** True while replies of the leader to this origin are owed. */
  owes(origin: Origin): boolean {
    return this.streams.has(origin);
  }

  get full(): boolean {
    return (
      this.inFlight >= limits.pendingReadsMax || this.forming.length >= limits.pendingReadBytesMax
    );
  }

  /** The caller has counted origin.pending. */
  submit(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): void {
    const stream = this.streamOf(origin);
    if (this.formingCount === 0) this.beginMessage();
    this.forming.u32(stream.id);
    this.forming.u8(this.options.protocolOf(origin));
    this.forming.u32((spec as KeyspaceSpec).opcode);
    this.forming.args(args);
    this.formingCount++;
    stream.fifo.push(spec.kind === 'write' ? 'write' : 'read');
    this.inFlight++;
  }

  /** A reply of this node behind what is in flight. */
  defer(origin: Origin, reply: Uint8Array): void {
    this.streamOf(origin).fifo.push(Uint8Array.from(reply));
    this.inFlight++;
  }

  /** Sends what this turn gathered. */
  flush(): void {
    if (this.formingCount === 0) return;
    this.forming.setU32(5, this.formingCount);
    this.formingCount = 0;
    if (this.oldestAtMs === 0) this.oldestAtMs = this.options.monotonicMs();
    if (!this.options.send(this.forming.take())) this.failAll();
  }

  tick(): void {
    if (this.oldestAtMs === 0) return;
    if (this.options.monotonicMs() - this.oldestAtMs > this.options.timeoutMs) this.failAll();
  }

  onReply(reader: ByteReader): void {
    if (reader.u32() !== this.session) return;
    const streams = reader.u32();
    for (let at = 0; at < streams; at++) {
      const stream = this.byId.get(reader.u32());
      const count = reader.u32();
      for (let reply = 0; reply < count; reply++) {
        const length = reader.u32();
        const start = reader.skip(length);
        if (stream !== undefined) this.answer(stream, reader.bytes.subarray(start, start + length));
      }
    }
    this.oldestAtMs = this.inFlight === 0 ? 0 : this.options.monotonicMs();
  }

  /** The leader is gone, or answers no more: what was sent may have happened. */
  failAll(): void {
    const lost = [...this.byId.values()];
    this.streams = new Map();
    this.byId = new Map();
    this.session = (this.session + 1) >>> 0;
    this.forming.take();
    this.formingCount = 0;
    this.inFlight = 0;
    this.oldestAtMs = 0;
    for (const { origin, fifo } of lost) {
      for (const item of fifo) {
        origin.pending--;
        if (typeof item !== 'string') origin.reply.raw(item);
        else if (item === 'read') origin.reply.error('TRYAGAIN the leader was lost during a read');
        else origin.reply.error('UNCERTAIN the leader was lost after the command was sent to it');
        origin.answered();
      }
    }
  }

  private answer(stream: Stream, reply: Uint8Array): void {
    this.giveDeferred(stream);
    stream.fifo.shift();
    this.give(stream, reply);
    this.giveDeferred(stream);
    if (stream.fifo.length > 0) return;
    this.streams.delete(stream.origin);
    this.byId.delete(stream.id);
  }

  private giveDeferred(stream: Stream): void {
    for (let head = stream.fifo[0]; head instanceof Uint8Array; head = stream.fifo[0]) {
      stream.fifo.shift();
      this.give(stream, head);
    }
  }

  private give(stream: Stream, reply: Uint8Array): void {
    this.inFlight--;
    stream.origin.pending--;
    stream.origin.reply.raw(reply);
    stream.origin.answered();
  }

  private beginMessage(): void {
    this.forming.u8(ApplicationKind.forward);
    this.forming.u32(this.session);
    this.forming.u32(0);
  }

  private streamOf(origin: Origin): Stream {
    let stream = this.streams.get(origin);
    if (stream === undefined) {
      stream = { id: this.nextStream, origin, fifo: [] };
      this.nextStream = (this.nextStream + 1) >>> 0;
      this.streams.set(origin, stream);
      this.byId.set(stream.id, stream);
    }
    return stream;
  }
}
