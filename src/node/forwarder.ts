/**
 * `follower-writes forward`, the side of the follower: commands of this node's clients are
 * carried out through the leader. Sent once: after a first send whose outcome is unknown nothing
 * is sent again (requirement 30). All that is in flight goes to one leader: another one is used
 * only when the earlier has answered everything, or is given up. Each giving up begins a new
 * session, and answers of an older one are dropped, so those of a deposed leader never mix in.
 */
import { ApplicationKind, ApplicationWriter } from '../codec/application.js';
import type { ByteReader } from '../codec/byte-cursor.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';
import type { NodeId } from '../raft/types.js';
import type { Args } from '../resp/args.js';
import type { Origin, Refusal } from '../server/group.js';
import { commandCode } from '../statemachine/batch-format.js';
import type { KeyspaceSpec } from '../statemachine/command-spec.js';

/** What is owed to a client, in order: a command's reply, or one of this node that waits. */
type Owed = OwedReply | Uint8Array;

interface OwedReply {
  readonly write: boolean;
  readonly message: number;
  /** What follows the reply to a client that tracks keys. */
  readonly replied: (() => void) | undefined;
}

interface Stream {
  readonly id: number;
  readonly origin: Origin;
  owed: Owed[];
  /** Place of the oldest in `owed`. */
  next: number;
}

export interface ForwarderOptions {
  /** False: surely not sent. */
  readonly send: (to: NodeId, payload: Uint8Array) => boolean;
  /** Of the users with which commands are checked here (current-users.ts). */
  readonly usersMark: () => number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** A leader that answers nothing for so long is given up. */
  readonly timeoutMs: number;
  /** Everything was answered: another leader may be used. */
  readonly onIdle: () => void;
}

const countAt = 9;
const unsentText = 'TRYAGAIN the leader could not be reached; the command was not carried out';
const lostReadText = 'TRYAGAIN the leader was lost before it answered';
const uncertainText =
  'UNCERTAIN the leader was lost after the command was sent to it; it may or may not take effect';

export class Forwarder {
  private streams = new Map<Origin, Stream>();
  private byId = new Map<number, Stream>();
  private nextStream = 1;
  private session = 1;
  /** Where all that is in flight went. */
  private target: NodeId | null = null;
  private readonly forming = new ApplicationWriter();
  private formingCount = 0;
  /** Number of the message that is forming; those before it were sent. */
  private message = 1;
  private heardAtMs = 0;
  private inFlight = 0;

  constructor(private readonly options: ForwarderOptions) {}

  /** True while replies of a leader to this origin are owed. */
  owes(origin: Origin): boolean {
    return this.inFlight > 0 && this.streams.has(origin);
  }

  /** Hands a command to `leader` with this turn's message. */
  submit(leader: NodeId, origin: Origin, spec: KeyspaceSpec, args: Args): Refusal | null {
    const mine = this.streams.has(origin);
    if (origin.pending > 0 && !mine) return 'after-pending';
    if (this.inFlight > 0 && leader !== this.target) return mine ? 'after-pending' : 'no-leader';
    if (this.full) return 'overloaded';
    this.target = leader;
    this.append(this.streamOf(origin), spec, args);
    return null;
  }

  /** A reply of this node behind what is in flight. */
  defer(origin: Origin, reply: Uint8Array): void {
    this.owe(this.streamOf(origin), new Uint8Array(reply));
  }

  /** Sends what this turn gathered. */
  flush(): void {
    if (this.formingCount === 0) return;
    this.forming.setU32(countAt, this.formingCount);
    this.formingCount = 0;
    if (this.options.send(this.target!, this.forming.take())) this.message++;
    else this.failAll();
  }

  tick(): void {
    if (this.inFlight === 0) return;
    if (this.options.clock.monotonicMs() - this.heardAtMs > this.options.timeoutMs) this.failAll();
  }

  peerDown(peer: NodeId): void {
    if (this.inFlight > 0 && peer === this.target) this.failAll();
  }

  /** @throws TgError PROTOCOL when the message is damaged. */
  onReply(from: NodeId, reader: ByteReader): void {
    if (reader.u32() !== this.session || from !== this.target) return;
    const index = reader.integer();
    const count = reader.u32();
    for (let reply = 0; reply < count; reply++) {
      const stream = this.byId.get(reader.u32());
      const bytes = reader.view(reader.u32());
      if (stream !== undefined) this.answer(stream, bytes, index);
    }
    this.heardAtMs = this.options.clock.monotonicMs();
    if (this.inFlight === 0) this.options.onIdle();
  }

  /** The leader is gone, or answers no more: what was sent may have happened. */
  failAll(): void {
    const lost = [...this.byId.values()];
    const unsent = this.message;
    this.streams = new Map();
    this.byId = new Map();
    this.session = (this.session + 1) >>> 0;
    this.message++;
    this.forming.take();
    this.formingCount = 0;
    this.inFlight = 0;
    for (const stream of lost) failStream(stream, unsent);
    this.options.onIdle();
  }

  private get full(): boolean {
    return (
      this.inFlight >= limits.pendingReadsMax || this.forming.length >= limits.pendingReadBytesMax
    );
  }

  private append(stream: Stream, spec: KeyspaceSpec, args: Args): void {
    if (this.formingCount === 0) this.beginMessage();
    this.forming.u32(stream.id);
    this.forming.u8(stream.origin.protocol);
    this.forming.u32(commandCode(spec.opcode, stream.origin.database));
    this.forming.args(args);
    this.formingCount++;
    const write = spec.kind === 'write';
    const replied = stream.origin.tracker?.forwarded(spec, args);
    this.owe(stream, { write, message: this.message, replied });
  }

  private beginMessage(): void {
    this.forming.u8(ApplicationKind.forward);
    this.forming.u32(this.session);
    // Those of the first command: an older mark is refused, a newer one could pass too much.
    this.forming.u32(this.options.usersMark());
    this.forming.u32(0);
  }

  private owe(stream: Stream, what: Owed): void {
    if (this.inFlight === 0) this.heardAtMs = this.options.clock.monotonicMs();
    stream.owed.push(what);
    stream.origin.pending++;
    this.inFlight++;
  }

  private answer(stream: Stream, reply: Uint8Array, index: number): void {
    const { origin } = stream;
    origin.seenIndex = Math.max(origin.seenIndex, index);
    const owed = stream.owed[stream.next++];
    this.give(stream, reply);
    if (owed !== undefined && !(owed instanceof Uint8Array)) owed.replied?.();
    for (let head = stream.owed[stream.next]; head instanceof Uint8Array; ) {
      stream.next++;
      this.give(stream, head);
      head = stream.owed[stream.next];
    }
    if (stream.next < stream.owed.length) return trim(stream);
    this.streams.delete(origin);
    this.byId.delete(stream.id);
  }

  private give(stream: Stream, reply: Uint8Array): void {
    this.inFlight--;
    stream.origin.pending--;
    stream.origin.reply.raw(reply);
    stream.origin.answered();
  }

  private streamOf(origin: Origin): Stream {
    let stream = this.streams.get(origin);
    if (stream === undefined) {
      stream = { id: this.nextStream, origin, owed: [], next: 0 };
      this.nextStream = (this.nextStream + 1) >>> 0;
      this.streams.set(origin, stream);
      this.byId.set(stream.id, stream);
    }
    return stream;
  }
}

function failStream(stream: Stream, unsent: number): void {
  const { origin } = stream;
  for (const owed of stream.owed.slice(stream.next)) {
    origin.pending--;
    if (owed instanceof Uint8Array) origin.reply.raw(owed);
    else if (owed.message === unsent) origin.reply.error(unsentText);
    else origin.reply.error(owed.write ? uncertainText : lostReadText);
    origin.answered();
    if (!(owed instanceof Uint8Array)) owed.replied?.();
  }
}

/** A connection that is never idle must not keep what was answered long ago. */
function trim(stream: Stream): void {
  if (stream.next < 1024) return;
  stream.owed = stream.owed.slice(stream.next);
  stream.next = 0;
}
