/**
 * What the RESP server asks of the replicated keyspace. Implemented by src/node; tests of the
 * server use a single-node one. Everything here is synchronous: the answer to an accepted
 * operation comes later, in order, into the origin's reply sink.
 */
import type { Args } from '../resp/args.js';
import type { ReplySink } from '../resp/reply-sink.js';
import type { KeyspaceSpec, ReadContext, SpecBase } from '../statemachine/command-spec.js';
import type { KeyListener } from '../statemachine/key-listener.js';

/** What is told about a client whose reads lead to registrations (CLIENT TRACKING). */
export interface ReadTracker {
  /** The read has just been carried out at this node. */
  read(spec: SpecBase, args: Args): void;
  /** The transaction with these arguments is about to be applied at this node. */
  beforeTransaction(args: Args): void;
  /** The command is sent to the leader; the result is called when its reply was given. */
  forwarded(spec: SpecBase, args: Args): () => void;
}

/** Who asked: a client connection, or a stream of commands forwarded by a peer. */
export interface Origin {
  /** Replies are written here in the order in which the operations were handed over. */
  readonly reply: ReplySink;
  /** Operations handed over and not answered yet. Counted up and down by the group. */
  pending: number;
  /** Bookkeeping of the group: newest place in the log order that holds a write of this origin. */
  lastWrite: number;
  /** Bookkeeping of the group: newest applied index whose effects the origin may have seen. */
  seenIndex: number;
  /** In which replies of other nodes must be encoded. */
  readonly protocol: 2 | 3;
  /** Null: nobody wants to know what this origin reads. */
  readonly tracker: ReadTracker | null;
  /** After READONLY: reads may be local and stale. */
  readonly stale: boolean;
  /** SELECT. Changes only while nothing is pending. */
  readonly database: number;
  /** After CLIENT NO-TOUCH: reads do not count as a use of their keys. */
  readonly noTouch?: boolean;
  /**
   * Asked when an operation needs the leader and another node leads: whether it is carried out
   * there all the same, whatever `follower-writes` says.
   */
  leadsOn?(): boolean;
  /**
   * Asked when a read that had to wait is carried out, as rights may have changed since: an error
   * text, or null.
   */
  denied?(spec: SpecBase, args: Args): string | null;
  /** The reply to the oldest pending operation is in `reply`; `pending` is already lower. */
  answered(): void;
}

/** A read that needs more than the keyspace: WATCH, which also notes versions in a session. */
export interface SessionReadSpec extends SpecBase {
  readonly kind: 'session-read';
  /** Called before it is handed over, on each try: an error text, or null. */
  begin?(origin: Origin, args: Args): string | null;
  run(origin: Origin, context: ReadContext, args: Args, reply: ReplySink): void;
}

/**
 * Why an operation was not taken. It certainly did not and will not happen, so that replies
 * which clients retry by themselves are honest.
 */
export type Refusal =
  /** Another node leads: MOVED. */
  | 'not-leader'
  /** Nobody is known to lead: wait a little, then CLUSTERDOWN. */
  | 'no-leader'
  /** It must go another way than the operations that are pending: wait until they are answered. */
  | 'after-pending'
  /** A bound is reached: wait a little, then TRYAGAIN. */
  | 'overloaded'
  | 'loading'
  /** maxmemory is reached and nothing may be evicted. */
  | 'out-of-memory'
  /** The value alone is larger than maxmemory. */
  | 'too-large';

/** Null: applied. 'unknown': leadership was lost after the change was logged. */
export type SettingOutcome = Refusal | 'unknown' | null;

export interface NodeAddress {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

export interface ClusterNode extends NodeAddress {
  readonly peerPort: number;
  readonly role: 'leader' | 'follower' | 'learner';
  readonly self: boolean;
  readonly connected: boolean;
  readonly zone: string | null;
  /** Last index known to be applied or matched there; for replication offsets. */
  readonly offset: number;
}

/** Told of every command of a client that is carried out at this node, before and after. */
export interface ExecutionMeter {
  /** Gives what end() is to be called with. */
  begin(spec: SpecBase, args: Args): number;
  end(origin: Origin, spec: SpecBase, args: Args, begun: number): void;
}

export interface SnapshotInfo {
  /** Of this process; null before the first one. */
  readonly lastAtMs: number | null;
  /** How long the last one and the one at work took so far; -1: there is none. */
  readonly lastMs: number;
  readonly currentMs: number;
  readonly taken: number;
  readonly failed: boolean;
}

export interface DatabaseInfo {
  readonly database: number;
  readonly keys: number;
  readonly keysWithTtl: number;
}

export interface Group {
  /** Copies what it needs of `args` before it returns. `spec.check` has passed. */
  write(origin: Origin, spec: KeyspaceSpec, args: Args): Refusal | null;
  /** Why a write would not be taken now; for MULTI, which refuses while it queues. */
  writeRefusal(spec: SpecBase, args: Args, origin?: Origin): Refusal | null;
  /** Runs and is answered at once where that is allowed, else when the read is confirmed. */
  read(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): Refusal | null;
  /**
   * Puts an already encoded reply behind the origin's pending operations. Copies `bytes`. Where
   * none are left it is written at once, and whoever asked ends it as an answer.
   */
  defer(origin: Origin, bytes: Uint8Array): void;
  /** The leader as this node knows it; null when none is known. */
  leader(): NodeAddress | null;
  readonly isLeader: boolean;
  /** `listener` hears of each change to a key as it is applied here; null: nobody does. */
  listen(listener: KeyListener | null): void;
  meter: ExecutionMeter | null;
  snapshotInfo(): SnapshotInfo;
  /** Whose command is being applied; null: that of another node's client, or none. */
  readonly applyingOrigin: Origin | null;
  /** Called when role, term or leader changed, or when room or loading changed. */
  onChange(run: () => void): void;
  /** All members, this node included, in the order of their ids. */
  nodes(): readonly ClusterNode[];
  /** Fields of INFO raft, by name, in order (CONTRACT.md). */
  raftInfo(): ReadonlyMap<string, string | number>;
  /** Applied index and digest of the state at that index. */
  digest(): Promise<{ readonly index: number; readonly digest: string }>;
  keyspaceInfo(): {
    readonly keys: number;
    readonly keysWithTtl: number;
    /** Of those that hold keys. */
    readonly databases: readonly DatabaseInfo[];
    readonly usedBytes: number;
    readonly expired: number;
    readonly evicted: number;
    readonly hits: number;
    readonly misses: number;
  };
  /** CONFIG RESETSTAT: hits and misses count from now on. */
  forgetHits(): void;
  /** Redis Cluster's slots over the local keys. */
  countKeysInSlot(slot: number): number;
  /**
   * Settings that all nodes share and that live in the log; resolves when applied. An empty value
   * removes one. All pairs change at once; none: what was logged before is applied then.
   */
  changeSettings(pairs: readonly (readonly [string, string])[]): Promise<SettingOutcome>;
  clusterSetting(name: string): string | null;
  /** All whose names begin so. */
  clusterSettings(prefix: string): readonly (readonly [string, string])[];
  /** Called when shared settings were applied here, or came with a snapshot. */
  onSettings(run: () => void): void;
  /**
   * How much of the shared settings this node knows after its start: it reads its disk, it knows
   * what it knew when it ended, or it has also heard from a leader.
   */
  readonly settingsKnown: 'loading' | 'recovered' | 'current';
}
