/**
 * The Group that the RESP server talks to: admission, the order of operations, and what becomes
 * of them when leadership changes. Never lies: a refusal means the command did not and will not
 * happen; what was logged and not settled when leadership goes is answered with UNCERTAIN.
 */
import { assert } from '../errors.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports.js';
import type { ReadReady, RoleChange } from '../raft/effects.js';
import type { Entry, LogIndex } from '../raft/types.js';
import type { Args } from '../resp/args.js';
import { nullSink } from '../resp/reply-sink.js';
import type { Origin, Refusal, SessionReadSpec } from '../server/group.js';
import { BatchWriter } from '../statemachine/batch-format.js';
import type { KeyspaceSpec, SpecBase } from '../statemachine/command-spec.js';
import type { StateMachine } from '../statemachine/state-machine.js';
import type { DeferredOps } from './deferred-ops.js';
import type { GroupDriver } from './group-driver.js';
import type { LogClock } from './log-clock.js';
import { OperationQueue } from './operation-queue.js';

export type ReadConsistency = 'linearizable' | 'lease' | 'local';

export interface ReplicatedGroupOptions {
  readonly clock: Clock;
  readonly logClock: LogClock;
  readonly randomU32: () => number;
  readonly readConsistency: () => ReadConsistency;
  /** Monotonic ms until which a lease may be trusted; 0 when there is none. */
  readonly leaseValid: () => boolean;
  /** True while local reads after READONLY are fresh enough. */
  readonly freshEnough: () => boolean;
}

const uncertainText =
  'UNCERTAIN leadership was lost after the command was logged; it may or may not take effect';
const readLostText = 'TRYAGAIN leadership changed before the read could be confirmed';
const unloggedText = 'TRYAGAIN leadership changed before the command was logged';

export class ReplicatedGroup {
  readonly queue: OperationQueue;
  machine: StateMachine;
  loading = true;
  hits = 0;
  misses = 0;
  /** Payload stamps at or below this were proposed here in this term. */
  lastProposedStampMs = 0;
  private driver: GroupDriver | null = null;
  private nextToken = 1;
  /** Confirmed rounds whose index is not applied yet. */
  private waiting: ReadReady[] = [];
  private flushScheduled = false;
  private readonly watchers: (() => void)[] = [];
  private readonly flushNow = () => this.flush();

  constructor(
    machine: StateMachine,
    private readonly options: ReplicatedGroupOptions,
  ) {
    this.machine = machine;
    this.queue = new OperationQueue(new BatchWriter(), (ops, at, args) =>
      this.execute(ops, at, args),
    );
  }

  /** A snapshot was installed: the state is another one. */
  replaceMachine(machine: StateMachine): void {
    this.machine = machine;
    this.changed();
  }

  attach(driver: GroupDriver): void {
    this.driver = driver;
  }

  get isLeader(): boolean {
    return this.driver?.core.role === 'leader';
  }

  onChange(run: () => void): void {
    this.watchers.push(run);
  }

  changed(): void {
    for (const run of this.watchers) run();
  }

  write(origin: Origin, spec: KeyspaceSpec, args: Args): Refusal | null {
    const refusal = this.writeRefusal(spec, args);
    if (refusal !== null) return refusal;
    this.queue.pushWrite(origin, spec, args);
    const full =
      this.queue.formingBytes >= limits.batchBytesMax ||
      this.queue.formingCommands >= limits.batchCommandsMax;
    if (full) this.proposeBatch();
    this.scheduleFlush();
    return null;
  }

  read(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): Refusal | null {
    if (this.loading) return 'loading';
    const refusal = this.refuseRead(origin);
    if (refusal !== null) return refusal;
    if (origin.pending === 0 && this.mayReadNow(origin)) {
      this.runRead(origin, spec, args);
      return null;
    }
    if (this.queue.waiting >= limits.pendingReadsMax) return 'overloaded';
    this.queue.pushRead(origin, spec, args);
    this.scheduleFlush();
    return null;
  }

  defer(origin: Origin, bytes: Uint8Array): void {
    this.queue.pushReply(origin, bytes);
    this.scheduleFlush();
  }

  /** Reads and deferred replies of a turn get one round; writes of a turn become one entry. */
  private flush(): void {
    this.flushScheduled = false;
    if (this.queue.formingCommands > 0) this.proposeBatch();
    if (this.queue.hasReadsToConfirm) this.requestRound();
  }

  private scheduleFlush(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    this.options.clock.endOfTurn(this.flushNow);
  }

  private requestRound(): void {
    const token = this.nextToken++;
    this.queue.assignToken(token);
    if (this.localReads()) this.queue.confirm(token);
    else this.driver?.act((core) => core.requestRead(token));
  }

  private proposeBatch(): void {
    const stamp = this.stamp();
    const logged = this.queue.closeBatch(stamp, this.options.randomU32(), (data) => {
      const proposal = this.driver!.propose(data);
      return proposal.ok ? { index: proposal.index, term: proposal.term } : null;
    });
    if (!logged) this.failAll();
  }

  /** Also for pulses and touches: proposes a payload made by this node. */
  proposeInternal(data: Uint8Array, stampMs: number): boolean {
    this.lastProposedStampMs = stampMs;
    return this.driver!.propose(data).ok;
  }

  /** The stamp of an entry proposed now: the log's time never goes back. */
  stamp(): number {
    const stamp = Math.max(
      this.options.logClock.now(),
      this.machine.nowMs,
      this.lastProposedStampMs,
    );
    this.lastProposedStampMs = stamp;
    return stamp;
  }

  writeRefusal(spec: SpecBase, args: Args): Refusal | null {
    if (this.loading || this.driver === null) return this.loading ? 'loading' : 'no-leader';
    const { core } = this.driver;
    if (core.role !== 'leader') return core.leader === null ? 'no-leader' : 'not-leader';
    const full = core.transferring || core.uncommittedBytes >= limits.uncommittedBytesMax;
    return full ? 'overloaded' : this.refuseForMemory(spec, args);
  }

  /** Before anything is logged: apply never answers OOM, or replicas could differ. */
  private refuseForMemory(spec: SpecBase, args: Args): Refusal | null {
    const { keyspace } = this.machine;
    if (keyspace.maxmemory === 0 && keyspace.maxkeys === 0) return null;
    if (!spec.flags.includes('denyoom')) return null;
    if (!keyspace.canMakeRoom()) return 'out-of-memory';
    if (keyspace.maxmemory === 0) return null;
    const size = args.end(args.count - 1) - args.start(0);
    return size > keyspace.maxmemory ? 'too-large' : null;
  }

  private refuseRead(origin: Origin): Refusal | null {
    if (this.driver === null) return 'no-leader';
    const { core } = this.driver;
    if (core.role === 'leader') return null;
    if (origin.stale || this.options.readConsistency() === 'local') {
      return this.options.freshEnough() ? null : 'overloaded';
    }
    return core.leader === null ? 'no-leader' : 'not-leader';
  }

  private localReads(): boolean {
    return this.driver!.core.role !== 'leader' || this.options.readConsistency() === 'local';
  }

  private mayReadNow(_origin: Origin): boolean {
    const core = this.driver!.core;
    // refuseRead let a follower through only where local data may be served.
    if (core.role !== 'leader') return true;
    const consistency = this.options.readConsistency();
    if (consistency === 'local') return true;
    return consistency === 'lease' && this.options.leaseValid();
  }

  private execute(ops: DeferredOps, at: number, args: Args): void {
    const origin = ops.originAt(at);
    const spec = ops.specAt(at);
    origin.pending--;
    if (spec === null) origin.reply.raw(args.view(0));
    else this.runRead(origin, spec, args);
    origin.answered();
  }

  private runRead(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): void {
    const context = this.machine.readContext(
      Math.max(this.machine.nowMs, this.options.logClock.now()),
      this.options.randomU32,
    );
    if (spec.kind === 'session-read') spec.run(origin, context, args, origin.reply);
    else {
      assert(spec.kind === 'read', `${spec.name} is no read`);
      spec.read(context, args, origin.reply);
    }
  }

  // What the driver tells.

  applyEntry(entry: Entry): number {
    if (entry.kind !== 'command') {
      this.machine.skipEntry(entry.index);
      return 0;
    }
    const batch = this.queue.takeBatch(entry.index, entry.term);
    const { machine } = this;
    const commands = machine.beginEntry(entry.index, entry.data);
    if (batch === null) {
      for (let at = 0; at < commands; at++) machine.applyNext(nullSink);
    } else {
      this.queue.walk(batch, (reply) => machine.applyNext(reply));
    }
    machine.endEntry();
    return commands;
  }

  readReady(read: ReadReady): void {
    if (read.index < 0) this.unconfirmed(read.token);
    else if (read.index <= this.machine.appliedIndex) this.queue.confirm(read.token);
    else this.waiting.push(read);
  }

  /** A leader asks again, with a new token; elsewhere the client is told to. */
  private unconfirmed(token: number): void {
    if (this.isLeader) {
      this.queue.retryReads(token);
      this.options.clock.nextTurn(() => this.scheduleFlush());
    } else this.queue.failReads(token, (origin) => this.answerLost(origin, readLostText));
  }

  appliedThrough(index: LogIndex): void {
    if (this.waiting.length === 0) return;
    const ready = this.waiting.filter((read) => read.index <= index);
    this.waiting = this.waiting.filter((read) => read.index > index);
    for (const read of ready) this.queue.confirm(read.token);
  }

  roleChanged(change: RoleChange): void {
    if (change.role !== 'leader') this.failAll();
    this.lastProposedStampMs = 0;
    this.changed();
  }

  private failAll(): void {
    this.waiting = [];
    this.queue.failAll((origin, kind) => {
      const text =
        kind === 'unknown' ? uncertainText : kind === 'unlogged' ? unloggedText : readLostText;
      this.answerLost(origin, text);
    });
  }

  private answerLost(origin: Origin, text: string): void {
    origin.pending--;
    origin.reply.error(text);
    origin.answered();
  }
}
