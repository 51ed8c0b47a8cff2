/**
 * One client. Reads commands from its socket and hands them to the dispatcher one after the
 * other; replies gather in one buffer and leave with one write per turn. Bounded on both sides:
 * input stops while too many commands are unanswered or the client does not read its replies.
 */
import type { Socket } from 'node:net';
import { limits } from '../limits.js';
import type { Args } from '../resp/args.js';
import { ReplyBuffer } from '../resp/reply-buffer.js';
import type { ReplySink } from '../resp/reply-sink.js';
import { type ParserLimits, RequestParser } from '../resp/request-parser.js';
import type { Origin } from './group.js';
import { Session } from './session.js';

/** What keeps a command from being dispatched now. */
export type Stall =
  /** Pending commands must be answered first. */
  | 'drain'
  /** A leader, or room, must be found. */
  | 'wait'
  /** A local command is at work. */
  | 'busy';

export interface ConnectionHost {
  dispatch(connection: Connection, args: Args): Stall | null;
  /** Output or an end is waiting: call flush() at the end of the turn. */
  dirty(connection: Connection): void;
  parserLimits(connection: Connection): ParserLimits;
  /** 0: none */
  outputBytesHardMax(): number;
  closed(connection: Connection): void;
}

export class Connection implements Origin {
  readonly reply = new ReplyBuffer();
  pending = 0;
  lastWrite = 0;
  readonly session: Session;
  readonly openedAtMs = Date.now();
  lastActiveMs = this.openedAtMs;
  lastCommand = 'NULL';
  commands = 0;
  /** While parked for a leader or for room: monotonic ms of the last try; 0 otherwise. */
  parkedUntilMs = 0;
  stall: Stall | null = null;
  isDirty = false;
  closed = false;
  private readonly parser: RequestParser;
  private readonly scratch = new ReplyBuffer();
  private backlog: Buffer[] = [];
  private inputPaused = false;
  private closeWhenDrained = false;

  constructor(
    readonly id: number,
    readonly socket: Socket,
    private readonly host: ConnectionHost,
    authenticated: boolean,
  ) {
    this.session = new Session(authenticated);
    this.parser = new RequestParser(() => host.parserLimits(this));
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('drain', () => this.host.dirty(this));
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  get stale(): boolean {
    return this.session.readOnly;
  }

  get protocol(): 2 | 3 {
    return this.reply.protocol;
  }

  set protocol(version: 2 | 3) {
    this.reply.protocol = version;
    this.scratch.protocol = version;
  }

  get queryBytes(): number {
    return this.parser.buffered + this.backlog.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Group: a reply was written. */
  answered(): void {
    if (!this.isDirty) this.host.dirty(this);
  }

  /** Where a reply made here is written now; end with `said()`. */
  speak(): ReplyBuffer {
    return this.pending === 0 ? this.reply : this.scratch;
  }

  /** Puts what was written to speak() in its place: at once, or behind pending commands. */
  said(defer: (bytes: Uint8Array) => void): void {
    const bytes = this.scratch.take();
    if (bytes !== null) defer(bytes);
    if (!this.isDirty) this.host.dirty(this);
  }

  /** Runs `write` and gives back the bytes it wrote, in this connection's protocol. */
  capture(write: (reply: ReplySink) => void): Uint8Array {
    write(this.scratch);
    return this.scratch.take() ?? new Uint8Array(0);
  }

  /** End of the turn: one socket write, then go on with what was held back. */
  flush(): void {
    this.isDirty = false;
    if (this.closed) return;
    this.writeOut();
    if (this.stall === 'drain' && this.pending === 0) this.resume();
    else if (this.stall === null) this.process();
    this.writeOut();
    if (this.closeWhenDrained && this.pending === 0) this.socket.end();
  }

  /** Tries the stalled command again, then goes on. */
  resume(): void {
    if (this.closed) return;
    this.stall = this.host.dispatch(this, this.parser.args);
    if (this.stall === null) this.process();
    if (!this.isDirty && this.reply.byteLength > 0) this.host.dirty(this);
  }

  /** A local command has finished. */
  done(): void {
    this.stall = null;
    this.host.dirty(this);
  }

  /** No more commands; ends when all replies are given. */
  finish(): void {
    this.closeWhenDrained = true;
    this.socket.pause();
    this.host.dirty(this);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.backlog = [];
    this.socket.destroy();
    this.host.closed(this);
  }

  private onData(chunk: Buffer): void {
    this.lastActiveMs = Date.now();
    if (this.closeWhenDrained) return;
    if (this.stall !== null || this.backlog.length > 0 || this.mustPause()) {
      this.backlog.push(chunk);
      this.pauseInput();
      return;
    }
    this.parser.feed(chunk);
    this.process();
  }

  private process(): void {
    for (;;) {
      this.drainParser();
      if (this.stall !== null || this.closeWhenDrained || this.closed) return;
      if (this.mustPause()) return this.pauseInput();
      const chunk = this.backlog.shift();
      if (chunk === undefined) break;
      this.parser.feed(chunk);
    }
    if (this.inputPaused) {
      this.inputPaused = false;
      this.socket.resume();
    }
  }

  private drainParser(): void {
    while (this.stall === null && !this.closeWhenDrained && !this.closed && !this.mustPause()) {
      if (!this.parser.next()) return this.checkInput();
      this.commands++;
      this.stall = this.host.dispatch(this, this.parser.args);
    }
    if (this.stall !== null) this.pauseInput();
  }

  private checkInput(): void {
    if (this.parser.crossProtocol) return this.close();
    if (this.parser.error === null) return;
    // The error has its place behind what is pending; the last answer comes back here.
    if (this.pending > 0) return;
    this.reply.error(`ERR Protocol error: ${this.parser.error}`);
    this.finish();
  }

  private mustPause(): boolean {
    return (
      this.pending >= limits.connectionPendingMax ||
      this.socket.writableLength + this.reply.byteLength > limits.connectionOutputSoftMax
    );
  }

  private pauseInput(): void {
    if (this.inputPaused) return;
    this.inputPaused = true;
    this.socket.pause();
  }

  private writeOut(): void {
    const bytes = this.reply.take();
    if (bytes === null) return;
    this.socket.write(bytes);
    const hardMax = this.host.outputBytesHardMax();
    if (hardMax > 0 && this.socket.writableLength > hardMax) this.close();
  }
}
