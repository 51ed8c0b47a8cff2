/**
 * `follower-writes forward`, the side of the leader: carries out what followers send for their
 * clients. Each stream of a follower is an origin of its own, so that its commands keep their
 * order; replies of one turn go back in one message.
 */
import { ApplicationKind, ApplicationWriter, readArgs } from '../codec/application.js';
import { ByteReader } from '../codec/byte-cursor.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';
import type { NodeId } from '../raft/types.js';
import { Args } from '../resp/args.js';
import { ReplyBuffer } from '../resp/reply-buffer.js';
import type { ReplySink } from '../resp/reply-sink.js';
import { refusalText } from '../server/gates.js';
import type { Group, Origin, Refusal } from '../server/group.js';
import { databaseOf, opcodeOf } from '../statemachine/batch-format.js';
import type { KeyspaceSpec } from '../statemachine/command-spec.js';
import { findSpec } from '../statemachine/keyspace-commands.js';

export interface ForwardedCommandsOptions {
  readonly group: Group;
  readonly clock: Clock;
  readonly appliedIndex: () => number;
  /** Of the users as they are applied here (current-users.ts). */
  readonly usersMark: () => number;
  /** Leadership is being handed over, or is new here: what comes now waits. */
  readonly isHeld: () => boolean;
  readonly send: (to: NodeId, payload: Uint8Array) => void;
}

const countAt = 13;
const unknownText = 'ERR the leader runs an older version that does not know this command';
const otherUsersText = 'TRYAGAIN users are being changed; the command was not carried out';
const notLeaderText = 'TRYAGAIN leadership changed before the command was carried out';

export class ForwardedCommands {
  private readonly sessions = new Map<NodeId, Session>();
  private readonly args = new Args();
  private held: HeldMessage[] = [];

  constructor(private readonly options: ForwardedCommandsOptions) {}

  /** All that came was answered. */
  get isIdle(): boolean {
    return this.held.length === 0 && [...this.sessions.values()].every(({ isIdle }) => isIdle);
  }

  /** @throws TgError PROTOCOL when the message is damaged. */
  received(from: NodeId, reader: ByteReader): void {
    const heldBytes = this.held.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const fits = heldBytes + reader.remaining <= limits.heldForwardBytesMax;
    if (this.options.isHeld() && fits) {
      this.held.push({ from, bytes: new Uint8Array(reader.view(reader.remaining)) });
      return;
    }
    // What came before is answered before, be it that it was not taken.
    this.carryOutHeld();
    this.carryOutAll(from, reader);
  }

  /** What waits may not have to any more. */
  goOn(): void {
    if (!this.options.isHeld()) this.carryOutHeld();
  }

  private carryOutHeld(): void {
    const { held } = this;
    this.held = [];
    for (const { from, bytes } of held) this.carryOutAll(from, new ByteReader(bytes));
  }

  private carryOutAll(from: NodeId, reader: ByteReader): void {
    const session = this.sessionOf(from, reader.u32());
    const sameUsers = reader.u32() === this.options.usersMark();
    const count = reader.u32();
    for (let at = 0; at < count; at++) {
      const origin = session.stream(reader.u32(), reader.u8() === 3 ? 3 : 2);
      const code = reader.u32();
      const spec = findSpec(opcodeOf(code));
      origin.database = databaseOf(code);
      readArgs(reader, this.args);
      // A newer version may run there.
      if (spec === undefined) session.say(origin, unknownText);
      else if (!sameUsers) session.say(origin, otherUsersText);
      else this.carryOut(session, origin, spec);
    }
  }

  /** Its commands go on; nobody waits for the answers. */
  peerDown(peer: NodeId): void {
    this.held = this.held.filter(({ from }) => from !== peer);
    this.sessions.get(peer)?.end();
    this.sessions.delete(peer);
  }

  private sessionOf(from: NodeId, id: number): Session {
    const known = this.sessions.get(from);
    if (known !== undefined && known.id === id) return known;
    known?.end();
    const session = new Session(id, this.options, (payload) => this.options.send(from, payload));
    this.sessions.set(from, session);
    return session;
  }

  private carryOut(session: Session, origin: ForwardedOrigin, spec: KeyspaceSpec): void {
    const { group } = this.options;
    const error = spec.kind === 'write' ? spec.check(this.args) : null;
    if (error !== null) return session.say(origin, error);
    const refusal =
      spec.kind === 'write'
        ? group.write(origin, spec, this.args)
        : group.read(origin, spec, this.args);
    if (refusal !== null) session.say(origin, this.textOf(refusal, spec));
  }

  private textOf(refusal: Refusal, spec: KeyspaceSpec): string {
    if (refusal === 'not-leader' || refusal === 'no-leader') return notLeaderText;
    return refusalText(refusal, this.options.group, spec, this.args);
  }
}

interface HeldMessage {
  readonly from: NodeId;
  readonly bytes: Uint8Array;
}

/** What one follower sent since it last gave something up. */
class Session {
  readonly scratch = new ReplyBuffer();
  private readonly streams = new Map<number, ForwardedOrigin>();
  private readonly writer = new ApplicationWriter();
  private replies = 0;
  private ended = false;
  /** Newest index that an origin of this session may have seen at another leader. */
  private seenIndex = 0;

  constructor(
    readonly id: number,
    private readonly options: ForwardedCommandsOptions,
    private readonly send: (payload: Uint8Array) => void,
  ) {}

  get isIdle(): boolean {
    return this.streams.size === 0 && this.replies === 0;
  }

  stream(id: number, protocol: 2 | 3): ForwardedOrigin {
    let origin = this.streams.get(id);
    if (origin === undefined) {
      origin = new ForwardedOrigin(id, this);
      this.streams.set(id, origin);
    }
    origin.protocol = protocol;
    return origin;
  }

  say(origin: ForwardedOrigin, error: string): void {
    origin.reply.error(error);
    if (origin.pending > 0) this.options.group.defer(origin, this.scratch.take()!);
    // Nothing was pending, or only what the group carried out to be done with it.
    if (origin.pending === 0) this.answered(origin);
  }

  /** The reply of the oldest pending command of `origin` is in `scratch`. */
  answered(origin: ForwardedOrigin): void {
    const bytes = this.scratch.take() ?? new Uint8Array(0);
    if (origin.pending === 0) this.streams.delete(origin.id);
    this.seenIndex = Math.max(this.seenIndex, origin.seenIndex);
    if (this.ended) return;
    if (this.replies === 0) this.beginMessage();
    this.writer.u32(origin.id);
    this.writer.u32(bytes.length);
    this.writer.bytes(bytes, 0, bytes.length);
    this.replies++;
  }

  end(): void {
    this.ended = true;
  }

  private beginMessage(): void {
    this.writer.u8(ApplicationKind.forwardReply);
    this.writer.u32(this.id);
    // The index and the number of replies are known when the message leaves.
    this.writer.integer(0);
    this.writer.u32(0);
    this.options.clock.endOfTurn(() => this.flush());
  }

  private flush(): void {
    const index = Math.max(this.options.appliedIndex(), this.seenIndex);
    this.writer.setInteger(countAt - 8, index);
    this.writer.setU32(countAt, this.replies);
    this.replies = 0;
    const payload = this.writer.take();
    if (!this.ended) this.send(payload);
  }
}

class ForwardedOrigin implements Origin {
  protocol: 2 | 3 = 2;
  database = 0;
  pending = 0;
  lastWrite = 0;
  seenIndex = 0;
  readonly stale = false;
  readonly tracker = null;

  constructor(
    readonly id: number,
    private readonly session: Session,
  ) {}

  /** Its follower does not know yet that this node leads no more. */
  leadsOn(): boolean {
    return true;
  }

  /** Replies are written one after the other, each as a whole: one buffer serves all. */
  get reply(): ReplySink {
    this.session.scratch.protocol = this.protocol;
    return this.session.scratch;
  }

  answered(): void {
    this.session.answered(this);
  }
}
