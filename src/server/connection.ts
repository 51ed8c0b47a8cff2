/**
 * One client. Reads commands from its socket and hands them to the dispatcher one after the
 * other; replies gather in one buffer and leave with one write per turn. Bounded on both sides:
 * input stops while too many commands are unanswered or the client does not read its replies.
 * While a command is stalled nothing is parsed, so its arguments stay where they are.
 */
import type { Socket } from 'node:net';
import { limits } from '../limits.js';
import type { Args } from '../resp/args.js';
import { ReplyBuffer } from '../resp/reply-buffer.js';
import { nullSink, type ReplySink } from '../resp/reply-sink.js';
import { RequestParser } from '../resp/request-parser.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import type { Acl } from './acl/acl.js';
import type { AnySpec } from './command-table.js';
import type { Origin, ReadTracker } from './group.js';
import type { LiveSettings, OutputLimit } from './live-settings.js';
import { type Subscriber, Subscriptions } from './pubsub.js';
import { Session } from './session.js';
import type { ServerStats } from './stats.js';

/** What keeps a command from being dispatched now. */
export type Stall =
  /** Pending commands must be answered first. */
  | 'drain'
  /** A leader, or room, must be found. */
  | 'wait'
  /** A local command is at work. */
  | 'busy';

export interface ConnectionHost {
  readonly live: LiveSettings;
  readonly acl: Acl;
  readonly stats: ServerStats;
  dispatch(connection: Connection, args: Args): Stall | null;
  /** Output or an end is waiting: call flush() at the end of the turn. */
  dirty(connection: Connection): void;
  /** Puts a reply behind the pending commands. */
  defer(connection: Connection, reply: Uint8Array): void;
  /** As Origin.leadsOn. */
  leadsOn(connection: Connection): boolean;
  closed(connection: Connection): void;
}

export class Connection implements Origin, Subscriber {
  reply: ReplySink;
  pending = 0;
  lastWrite = 0;
  seenIndex = 0;
  tracker: ReadTracker | null = null;
  readonly session: Session;
  readonly subscriptions = new Subscriptions();
  readonly openedAtMs = Date.now();
  lastActiveMs = this.openedAtMs;
  lastSpec: AnySpec | null = null;
  /** CLIENT REPLY SKIP: who gets no reply, the next command or the one that is pending. */
  skips: 'next' | 'this' | null = null;
  /** While parked for a leader or for room: monotonic ms at which to give up; 0 otherwise. */
  parkedUntilMs = 0;
  stall: Stall | null = null;
  isDirty = false;
  closed = false;
  private readonly parser = new RequestParser();
  private readonly out: ReplyBuffer;
  private readonly scratch: ReplyBuffer;
  /** Read and not parsed yet. */
  private held: Buffer[] = [];
  private heldBytes = 0;
  /** Arguments handed over since nothing was pending: an upper bound of what is pending. */
  private pendingBytes = 0;
  private unsentBytes = 0;
  /** Operations handed to the group so far. */
  private operations = 0;
  /** CLIENT CACHING was sent, and no operation since. */
  cachingAsked = false;
  /** The operation that CLIENT CACHING was about; 0: none. */
  private cachingOperation = 0;
  /** Monotonic ms since when the soft output limit is exceeded; 0: it is not. */
  private overSoftSinceMs = 0;
  private inputPaused = false;
  private inputEnded = false;
  private ending = false;

  constructor(
    readonly id: number,
    readonly socket: Socket,
    private readonly host: ConnectionHost,
  ) {
    const noteError = (text: string) => host.stats.noteError(text);
    this.out = new ReplyBuffer(noteError);
    this.scratch = new ReplyBuffer(noteError);
    this.reply = this.out;
    this.session = new Session(host.acl);
    socket.on('end', () => this.onEnd());
    socket.on('drain', () => this.answered());
    for (const event of ['error', 'close']) socket.on(event, () => this.close());
  }

  get database(): number {
    return this.session.database;
  }

  get stale(): boolean {
    return this.session.readOnly;
  }

  get protocol(): 2 | 3 {
    return this.out.protocol;
  }

  set protocol(version: 2 | 3) {
    this.out.protocol = version;
    this.scratch.protocol = version;
  }

  get isAuthenticated(): boolean {
    return this.session.authenticated || this.host.acl.defaultIsOpen;
  }

  /** CLIENT REPLY. Pushes are sent all the same. */
  setReplies(on: boolean): void {
    this.reply = on && !this.closed ? this.out : nullSink;
    this.skips = null;
  }

  /** Replies are given to nobody, all of them or the one to the command of the moment. */
  get isSilent(): boolean {
    return this.reply === nullSink;
  }

  get repliesOff(): boolean {
    return this.reply === nullSink && this.skips === null;
  }

  skipNext(): void {
    if (this.repliesOff) return;
    this.reply = nullSink;
    this.skips = 'next';
  }

  /** A command comes: the one whose reply is skipped must have been carried out. */
  endSkip(): Stall | null {
    if (this.skips === 'next') return null;
    if (this.pending > 0) return 'drain';
    this.setReplies(true);
    return null;
  }

  /** To channels or to MONITOR: it waits for what others do. */
  get listens(): boolean {
    return this.subscriptions.any || this.session.monitors;
  }

  leadsOn(): boolean {
    return this.host.leadsOn(this);
  }

  get noTouch(): boolean {
    return this.session.noTouch;
  }

  denied(spec: SpecBase, args: Args): string | null {
    return this.session.user.unrestricted ? null : this.host.acl.refusal(this, spec, args);
  }

  /** Bytes of commands that were read and not dispatched. */
  get queryBytes(): number {
    return this.parser.buffered + this.heldBytes;
  }

  /** Those, and the command that is dispatched just now. */
  get queryBufferBytes(): number {
    return this.parser.held + this.heldBytes;
  }

  /** Bytes of replies that the client did not take. */
  get outputBytes(): number {
    return this.out.byteLength + this.socket.writableLength;
  }

  /** Called now and then: closes a client that has left too much unread for too long. */
  checkSoftLimit(nowMs: number): void {
    const { softBytes, softMs } = this.outputLimit;
    if (softBytes === 0 || this.outputBytes <= softBytes) this.overSoftSinceMs = 0;
    else if (this.overSoftSinceMs === 0) this.overSoftSinceMs = nowMs;
    else if (nowMs - this.overSoftSinceMs > softMs) this.close();
  }

  /** Group: a reply was written. */
  answered(): void {
    if (this.out.byteLength > this.outputLimit.hardBytes) this.close();
    else if (!this.isDirty) this.host.dirty(this);
  }

  /** An operation is about to be handed to the group. */
  handing(): void {
    this.operations++;
    if (this.cachingAsked) this.cachingOperation = this.operations;
  }

  /** The group did not take it. */
  notHanded(): void {
    this.operations--;
  }

  /**
   * CLIENT TRACKING: whether the client may cache what the operation reads that is being answered
   * (it is pending no more). In OPTIN and OPTOUT mode CLIENT CACHING says so for one operation.
   */
  mayCache(mode: { readonly optIn: boolean; readonly optOut: boolean }): boolean {
    const asked = this.cachingOperation === this.operations - this.pending;
    return mode.optIn ? asked : !(mode.optOut && asked);
  }

  /** Where a reply made here is written now; end with `said()`. */
  speak(): ReplySink {
    return this.pending === 0 ? this.reply : this.scratch;
  }

  /** Puts what was written to speak() in its place: at once, or behind pending commands. */
  said(): void {
    const bytes = this.scratch.take();
    if (bytes !== null) {
      this.handing();
      this.host.defer(this, bytes);
    }
    if (!this.isDirty) this.host.dirty(this);
  }

  /** Runs `write` and gives back the bytes it wrote, in this connection's protocol. */
  capture(write: (reply: ReplySink) => void): Uint8Array {
    write(this.scratch);
    return this.scratch.take() ?? new Uint8Array(0);
  }

  push(encoded: Uint8Array): void {
    if (this.closed) return;
    this.out.raw(encoded);
    this.answered();
  }

  /** End of the turn: one socket write, then go on with what was held back. */
  flush(): void {
    this.isDirty = false;
    if (this.closed) return;
    this.writeOut();
    if (this.pending === 0) this.pendingBytes = 0;
    if (this.stall === null) this.process();
    else if (this.stall === 'drain' && this.pending === 0) this.resume();
    if (!this.isDirty && this.isOver()) this.socket.destroySoon();
  }

  /** Tries the stalled command again, then goes on. */
  resume(): void {
    if (this.closed || this.ending || this.stall === 'busy') return;
    this.handOver();
    if (this.stall === null) this.process();
  }

  /** A local command has finished. */
  done(): void {
    this.stall = null;
    this.answered();
  }

  /** No more commands; ends when all replies are given. */
  finish(): void {
    this.ending = true;
    this.drop();
    this.answered();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.drop();
    // Answers to what is pending go nowhere.
    this.reply = nullSink;
    this.out.clear();
    this.socket.destroy();
    this.host.closed(this);
  }

  /** The client sent bytes; they may change as soon as this returns. */
  receive(bytes: Buffer): void {
    this.host.stats.inputBytes += bytes.length;
    this.host.stats.reads++;
    if (this.ending || this.closed) return;
    this.lastActiveMs = Date.now();
    if (this.held.length > 0 || this.isHalted()) return this.hold(Buffer.from(bytes));
    this.feed(bytes);
    this.process();
    this.parser.keep();
  }

  /** The client will send no more, yet may wait for its replies (printf ... | nc). */
  private onEnd(): void {
    this.inputEnded = true;
    this.answered();
  }

  private hold(chunk: Buffer): void {
    this.held.push(chunk);
    this.heldBytes += chunk.length;
    if (this.inputPaused || this.heldBytes < limits.connectionHeldBytesMax) return;
    this.inputPaused = true;
    this.socket.pause();
  }

  private feed(chunk: Buffer): void {
    const { live } = this.host;
    this.parser.bulkBytesMax = live.bulkBytesMax;
    this.parser.queryBytesMax = live.queryBytesMax;
    this.parser.feed(chunk);
  }

  private process(): void {
    this.unsentBytes = this.socket.writableLength;
    for (;;) {
      this.runCommands();
      if (this.isHalted() || this.parser.failed) return;
      const chunk = this.held.shift();
      if (chunk === undefined) break;
      this.heldBytes -= chunk.length;
      this.feed(chunk);
    }
    if (!this.inputPaused) return;
    this.inputPaused = false;
    this.socket.resume();
  }

  private runCommands(): void {
    const { parser } = this;
    while (!this.isHalted()) {
      parser.authenticated = this.isAuthenticated;
      if (!parser.next()) {
        if (parser.failed) this.endBroken();
        return;
      }
      this.host.stats.commands++;
      this.handOver();
    }
  }

  private handOver(): void {
    const { args } = this.parser;
    const before = this.operations;
    this.stall = this.host.dispatch(this, args);
    if (this.pending > 0 && this.operations > before) this.pendingBytes += args.byteLength;
  }

  /** The error has its place behind what is pending: the last answer leads here again. */
  private endBroken(): void {
    if (this.parser.error === null) return this.close();
    if (this.pending > 0) return;
    this.reply.error(`ERR Protocol error: ${this.parser.error}`);
    this.finish();
  }

  private isHalted(): boolean {
    return (
      this.stall !== null ||
      this.ending ||
      this.closed ||
      this.pending >= limits.connectionPendingMax ||
      this.pendingBytes >= limits.connectionPendingBytesMax ||
      this.unsentBytes + this.out.byteLength > limits.connectionOutputSoftMax
    );
  }

  private get outputLimit(): OutputLimit {
    const { live } = this.host;
    return this.listens ? live.pubsubOutput : live.normalOutput;
  }

  private isOver(): boolean {
    if (this.pending > 0 || this.stall === 'busy' || this.out.byteLength > 0) return false;
    return this.ending || (this.inputEnded && !this.isHalted() && this.held.length === 0);
  }

  private drop(): void {
    this.held = [];
    this.heldBytes = 0;
  }

  private writeOut(): void {
    const bytes = this.out.byteLength;
    if (bytes === 0) return;
    this.host.stats.outputBytes += bytes;
    this.host.stats.writes++;
    const parts = this.out.takeParts();
    if (parts.length === 1) this.socket.write(parts[0]!);
    else {
      this.socket.cork();
      for (const part of parts) this.socket.write(part);
      this.socket.uncork();
    }
    if (this.socket.writableLength > this.outputLimit.hardBytes) this.close();
  }
}
