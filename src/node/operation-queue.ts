/**
 * Operations of clients between their arrival and their answer, on the node that leads. One
 * ordered queue of segments: the reads of a turn, and batches of writes, each with what came since
 * the batch before; the last one is still forming, for more than a turn while others are on their
 * way (wantsToPropose).
 *
 * - A batch is applied when its entry (index and term) is committed; each command is answered by
 *   that very apply (requirements 27, 29).
 * - Reads run when their round is confirmed, and at the latest just before the next batch is
 *   applied: that entry was proposed after they arrived and committed in the same term, which
 *   proves that this node still led. So the operations of a connection take effect in its order.
 * - A read behind a write of the same connection in the batch that is still forming travels
 *   inside that batch, between its commands.
 */
import { assert } from '../errors.js';
import { limits } from '../limits.js';
import type { LogIndex, Term } from '../raft/types.js';
import { Args } from '../resp/args.js';
import type { Origin, SessionReadSpec } from '../server/group.js';
import type { BatchWriter } from '../statemachine/batch-format.js';
import type { KeyspaceSpec } from '../statemachine/command-spec.js';
import { DeferredOps, type Prefetch } from './deferred-ops.js';

/** Runs one waiting operation and writes its reply. */
export type Execute = (ops: DeferredOps, at: number, args: Args) => void;

const commandMark = -1;
/** Memory of reads that were answered is kept for the next ones. */
const sparesMax = 4;

export interface ReadSegment {
  readonly kind: 'reads';
  readonly ops: DeferredOps;
  token: number;
  confirmed: boolean;
  /** Some read of it may only run once this node, or another, is known to lead still. */
  needsRound: boolean;
}

export interface BatchSegment {
  readonly kind: 'batch';
  readonly number: number;
  /** Whose operation comes next, in order; marks[i] is commandMark or a place in `ops`. */
  readonly origins: Origin[];
  readonly marks: number[];
  readonly ops: DeferredOps;
  /** Of the marks, those that are commands. */
  commands: number;
  index: LogIndex;
  term: Term;
}

export class OperationQueue {
  private segments: (ReadSegment | BatchSegment)[] = [];
  private forming: BatchSegment;
  private formingReads: ReadSegment | null = null;
  private unconfirmed: ReadSegment[] = [];
  /** Number of the newest batch that was applied or failed; all before it are too. */
  private settled = 0;
  /** Batches up to here are on a majority of disks; there may be later ones. */
  private committedIndex: LogIndex = 0;
  /** Reads and deferred replies that wait. */
  waiting = 0;
  /** Their arguments. */
  waitingBytes = 0;
  private readonly args = new Args();
  private readonly executeLoaded: (ops: DeferredOps, at: number) => void;
  private readonly spares: DeferredOps[] = [];

  constructor(
    private readonly writer: BatchWriter,
    execute: Execute,
    private readonly prefetch?: Prefetch,
  ) {
    this.forming = newBatch(1);
    this.executeLoaded = (ops, at) => {
      this.takeWaiting(ops, at);
      execute(ops, at, this.args);
    };
    writer.begin();
  }

  get formingCommands(): number {
    return this.writer.commandCount;
  }

  get batchIsFull(): boolean {
    const { batchBytesMax, batchCommandsMax } = limits;
    return this.writer.byteLength >= batchBytesMax || this.formingCommands >= batchCommandsMax;
  }

  /**
   * Group commit: one entry for many commands costs what one for a few does. So while batches are
   * on their way to the disks the next one grows until it has as many commands as each of them, and
   * while enough are on their way until one of them is committed.
   */
  get wantsToPropose(): boolean {
    if (this.formingCommands === 0) return false;
    let uncommitted = 0;
    let unapplied = 0;
    for (const segment of this.segments) {
      if (segment.kind !== 'batch') continue;
      unapplied++;
      if (segment.index <= this.committedIndex) continue;
      uncommitted++;
      if (segment.commands > this.formingCommands) return false;
    }
    return uncommitted < limits.batchesInFlightMax && unapplied < limits.batchesUnappliedMax;
  }

  /** Nothing was taken that is not answered. */
  get isEmpty(): boolean {
    return this.segments.length === 0 && this.forming.marks.length === 0;
  }

  /** No more of them may wait. */
  get isFull(): boolean {
    const { pendingReadsMax, pendingReadBytesMax } = limits;
    return this.waiting >= pendingReadsMax || this.waitingBytes >= pendingReadBytesMax;
  }

  pushWrite(origin: Origin, spec: KeyspaceSpec, args: Args): void {
    this.writer.append(spec.opcode, args, origin.database);
    this.forming.origins.push(origin);
    this.forming.marks.push(commandMark);
    origin.lastWrite = this.forming.number;
    origin.pending++;
  }

  /**
   * `local`: may be answered from what is applied here. Decided now: who leads may be another one
   * by the end of the turn.
   */
  pushRead(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args, local = false): void {
    if (this.followsForming(origin)) {
      this.interleave(origin, this.forming.ops.push(origin, spec, args, 0));
    } else {
      const reads = this.readsOfThisTurn();
      reads.ops.push(origin, spec, args, origin.lastWrite);
      reads.needsRound ||= !local;
    }
    this.addWaiting(origin, bytesOf(args));
  }

  pushReply(origin: Origin, reply: Uint8Array): void {
    if (this.followsForming(origin)) {
      this.interleave(origin, this.forming.ops.pushReply(origin, reply, 0));
    } else {
      this.readsOfThisTurn().ops.pushReply(origin, reply, origin.lastWrite);
    }
    this.addWaiting(origin, reply.length);
  }

  private addWaiting(origin: Origin, bytes: number): void {
    this.waiting++;
    this.waitingBytes += bytes;
    origin.pending++;
  }

  /** Loads a waiting operation that is carried out, or fails, now. */
  private takeWaiting(ops: DeferredOps, at: number): void {
    ops.load(at, this.args);
    this.waiting--;
    this.waitingBytes -= bytesOf(this.args);
  }

  get hasReadsToConfirm(): boolean {
    return this.unconfirmed.length > 0;
  }

  /**
   * All reads gathered since the last call will be confirmed by the round of this token. False:
   * they need none.
   */
  assignToken(token: number): boolean {
    const gathered = this.unconfirmed;
    for (const reads of gathered) reads.token = token;
    this.unconfirmed = [];
    this.formingReads = null;
    return gathered.some((reads) => reads.needsRound);
  }

  /**
   * The gathered batch becomes the entry that `propose` gives; null: nothing was logged, and each
   * write gets the reply `refusal` in its place.
   */
  closeBatch(
    stampMs: number,
    seed: number,
    propose: (data: Uint8Array) => { index: LogIndex; term: Term } | null,
    refusal: Uint8Array,
  ): void {
    const place = propose(this.writer.finish(stampMs, seed));
    const batch = this.forming;
    batch.commands = this.formingCommands;
    this.writer.begin();
    // Nothing may wait for the number of a batch that is never applied.
    this.forming = newBatch(place === null ? batch.number : batch.number + 1);
    // Reads from now on come after this batch.
    this.formingReads = null;
    if (place === null) return this.putBack(batch, refusal);
    batch.index = place.index;
    batch.term = place.term;
    this.segments.push(batch);
  }

  /** What was gathered waits again, as reads and replies behind the batch before. */
  private putBack(batch: BatchSegment, refusal: Uint8Array): void {
    for (let at = 0; at < batch.origins.length; at++) {
      const origin = batch.origins[at]!;
      const mark = batch.marks[at]!;
      origin.pending--;
      origin.lastWrite = Math.min(origin.lastWrite, batch.number - 1);
      if (mark === commandMark) {
        this.pushReply(origin, refusal);
        continue;
      }
      this.takeWaiting(batch.ops, mark);
      const spec = batch.ops.specAt(mark);
      if (spec === null) this.pushReply(origin, this.args.view(0));
      else this.pushRead(origin, spec, this.args);
    }
  }

  committedThrough(index: LogIndex): void {
    this.committedIndex = index;
  }

  confirm(token: number): void {
    for (const segment of this.segments) {
      if (segment.kind === 'reads' && segment.token === token) segment.confirmed = true;
    }
    this.runConfirmed();
  }

  /** The round of this token was not sent: its reads go with the next one. */
  retryReads(token: number): void {
    for (const segment of this.segments) {
      if (segment.kind === 'reads' && segment.token === token) this.unconfirmed.push(segment);
    }
  }

  /** The round of this token will not be confirmed: its reads were not carried out. */
  failReads(token: number, fail: (origin: Origin) => void): void {
    const lost = this.segments.filter((s) => s.kind === 'reads' && s.token === token);
    this.segments = this.segments.filter((segment) => !lost.includes(segment));
    for (const segment of lost) this.failSegment(segment, fail);
    this.runConfirmed();
  }

  /** Takes the batch of this entry, if it is the next one; runs the reads that came before it. */
  takeBatch(index: LogIndex, term: Term): BatchSegment | null {
    const at = this.segments.findIndex((segment) => segment.kind === 'batch');
    if (at < 0) return null;
    const batch = this.segments[at] as BatchSegment;
    if (batch.index !== index || batch.term !== term) return null;
    const before = this.segments.splice(0, at + 1);
    for (let next = 0; next < at; next++) {
      const reads = before[next] as ReadSegment;
      const done = reads.ops.run(this.settled, this.executeLoaded, this.prefetch);
      assert(done, 'a read waits for a batch behind it');
      this.reuse(reads.ops);
    }
    return batch;
  }

  /** Walks a batch in order: `command` applies the next command of the entry, for `origin`. */
  walk(batch: BatchSegment, command: (origin: Origin) => void): void {
    for (let at = 0; at < batch.origins.length; at++) {
      const origin = batch.origins[at]!;
      const mark = batch.marks[at]!;
      if (mark !== commandMark) {
        this.executeLoaded(batch.ops, mark);
        continue;
      }
      origin.pending--;
      command(origin);
      origin.answered();
    }
    this.settled = batch.number;
    this.runConfirmed();
  }

  /** Answers everything that was not proposed (surely not done) or not settled (unknown). */
  failAll(fail: (origin: Origin, kind: 'unlogged' | 'unknown' | 'read') => void): void {
    const segments = this.segments;
    this.segments = [];
    const forming = this.forming;
    this.formingReads = null;
    this.unconfirmed = [];
    this.forming = newBatch(forming.number + 1);
    this.writer.begin();
    segments.push(forming);
    for (const segment of segments) this.failSegment(segment, fail);
    this.settled = forming.number;
  }

  private failSegment(
    segment: ReadSegment | BatchSegment,
    fail: (origin: Origin, kind: 'unlogged' | 'unknown' | 'read') => void,
  ): void {
    const failRead = (ops: DeferredOps, at: number) => {
      // A deferred reply is no read: it is given as it stands.
      if (ops.specAt(at) === null) this.executeLoaded(ops, at);
      else {
        this.takeWaiting(ops, at);
        fail(ops.originAt(at), 'read');
      }
    };
    if (segment.kind === 'reads') {
      segment.ops.run(Number.MAX_SAFE_INTEGER, failRead);
      return;
    }
    for (let at = 0; at < segment.origins.length; at++) {
      const mark = segment.marks[at]!;
      if (mark !== commandMark) failRead(segment.ops, mark);
      else fail(segment.origins[at]!, segment.index === 0 ? 'unlogged' : 'unknown');
    }
  }

  private followsForming(origin: Origin): boolean {
    return origin.pending > 0 && origin.lastWrite === this.forming.number;
  }

  private interleave(origin: Origin, mark: number): void {
    this.forming.origins.push(origin);
    this.forming.marks.push(mark);
  }

  private readsOfThisTurn(): ReadSegment {
    if (this.formingReads === null) {
      this.formingReads = {
        kind: 'reads',
        ops: this.spares.pop() ?? new DeferredOps(),
        token: 0,
        confirmed: false,
        needsRound: false,
      };
      this.segments.push(this.formingReads);
      this.unconfirmed.push(this.formingReads);
    }
    return this.formingReads;
  }

  /**
   * In order: a reply that waits for nothing, or a read whose round was quicker, may stand behind
   * an earlier read of the same connection.
   */
  private runConfirmed(): void {
    let finished = false;
    for (const segment of this.segments) {
      if (segment.kind !== 'reads') continue;
      if (!segment.confirmed) break;
      if (segment.ops.run(this.settled, this.executeLoaded, this.prefetch)) finished = true;
    }
    if (!finished) return;
    this.segments = this.segments.filter((segment) => {
      const kept = segment.kind !== 'reads' || !segment.confirmed || segment.ops.size > 0;
      if (!kept) this.reuse(segment.ops);
      return kept;
    });
  }

  private reuse(ops: DeferredOps): void {
    if (this.spares.length < sparesMax) this.spares.push(ops.emptied());
  }
}

/** Without what the protocol has between arguments: as many when they come as when they go. */
function bytesOf(args: Args): number {
  let bytes = 0;
  for (let index = 0; index < args.count; index++) bytes += args.length(index);
  return bytes;
}

function newBatch(number: number): BatchSegment {
  return {
    kind: 'batch',
    number,
    origins: [],
    marks: [],
    ops: new DeferredOps(),
    commands: 0,
    index: 0,
    term: 0,
  };
}
