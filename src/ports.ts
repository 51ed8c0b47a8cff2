/**
 * The interfaces between the parts; types only. Each has a real adapter and an in-memory twin
 * for the simulator, and both pass one conformance suite.
 */
import type { LogWrite } from './raft/effects.js';
import type { Message } from './raft/messages.js';
import type {
  Configuration,
  Entry,
  GroupId,
  LogIndex,
  Member,
  NodeId,
  RestoredLog,
  SnapshotMeta,
} from './raft/types.js';

export interface LogStore {
  /** Checks everything it reads; throws TgError CORRUPT rather than give less than was promised. */
  load(windowBytesMax: number): Promise<RestoredLog>;
  /**
   * Atomic, and durable when it resolves if `write.sync`. While one is on its way another may come
   * if both append; they end in order. A rejection is final: later calls are refused.
   */
  write(write: LogWrite): Promise<void>;
  /** Entries from `from`, at least one, up to maxBytes. Rejects when `from` was compacted away. */
  read(from: LogIndex, maxBytes: number): Promise<readonly Entry[]>;
  /**
   * Forgets entries up to and including `through`; `snapshot` is durable. Does nothing when the
   * log already rests on a newer one.
   */
  compact(through: LogIndex, snapshot: SnapshotMeta): Promise<void>;
  /** A received snapshot takes the place of the whole log (requirement 46). */
  reset(snapshot: SnapshotMeta): Promise<void>;
  close(): Promise<void>;
}

/** A staged snapshot is unseen until commit(); abort() leaves nothing. */
export interface SnapshotStore {
  stage(meta: SnapshotMeta): Promise<SnapshotWriter>;
  /** Newest by (index, term) as numbers. */
  latest(): Promise<SnapshotMeta | null>;
  /** Chunks as written, each verified. Rejects with CORRUPT on damage. */
  read(meta: SnapshotMeta): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export interface SnapshotWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** Durable and visible; older snapshots may go. */
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** What a node tells the other end of every peer connection. */
export interface PeerHello {
  readonly nodeId: NodeId;
  /** Null until the node belongs to a cluster. */
  readonly clusterId: string | null;
  readonly incarnation: string;
  /** HOST:PORT of its Raft port, as others reach it. */
  readonly peerAddress: string;
  /** The newest configuration the node knows; null before it has one. */
  readonly configuration: Configuration | null;
  /** Where that configuration is committed; 0 while the node does not know that it is. */
  readonly configurationIndex: LogIndex;
  /** The node has nothing yet and asks to be taken in as a learner. */
  readonly joining: boolean;
  readonly clientAddress: string;
  readonly httpAddress: string | null;
  readonly zone: string | null;
  /** "LAT,LON" */
  readonly location: string | null;
  /**
   * For so many ms after each answer to a leader, restarts included, this node neither stands for
   * election nor votes for another. 0: no such promise, so no lease may rest on its answers.
   */
  readonly leaseMs: number;
}

export interface TransportHandler {
  /** Asked for each connection: what to tell the peer now. */
  hello(): PeerHello;
  /** An error text refuses the peer; null takes it. */
  admit(peer: PeerHello): string | null;
  /** The first working connection to or from the peer, or a new hello of it. */
  onPeerUp(peer: PeerHello): void;
  /** The last connection to the peer is gone. */
  onPeerDown(peer: NodeId): void;
  onMessages(from: NodeId, messages: readonly Message[]): void;
  /** Bytes of the layer above Raft (forwarded commands, touches). */
  onApplication(from: NodeId, group: GroupId, payload: Uint8Array): void;
  /** A snapshot arrives: resolve when it is durable, reject to refuse it. One at a time. */
  onSnapshot(
    from: NodeId,
    group: GroupId,
    term: number,
    meta: SnapshotMeta,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void>;
}

export interface Transport {
  start(handler: TransportHandler): Promise<void>;
  stop(): Promise<void>;
  /** The peers to keep connections with (this node itself is skipped). */
  setPeers(members: readonly Pick<Member, 'id' | 'peerAddress'>[]): void;
  /** May drop; never waits or throws. What one turn hands over leaves as one write per peer. */
  send(to: NodeId, messages: readonly Message[]): void;
  /** As send(). False: surely not sent. */
  sendApplication(to: NodeId, group: GroupId, payload: Uint8Array): boolean;
  /** Resolves when the peer has the snapshot durable. */
  sendSnapshot(
    to: NodeId,
    group: GroupId,
    term: number,
    meta: SnapshotMeta,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void>;
}

/**
 * The end of a turn, in this order. `work`: decisions, and what goes to the disk and to peers;
 * `peers`: one write to each of them; `apply`: what was committed, and reads; `clients`: one write
 * to each of them.
 */
export type TurnStage = 'work' | 'peers' | 'apply' | 'clients';

export interface Clock {
  /** Unix ms. May jump. */
  wallMs(): number;
  /** Ms since some start; never jumps back. */
  monotonicMs(): number;
  /** Calls `run` about every periodMs, never twice for a pause; returns the way to end it. */
  every(periodMs: number, run: () => void): () => void;
  after(delayMs: number, run: () => void): () => void;
  /** Once, after the input of this event loop turn was read; `stage` is work if not given. */
  endOfTurn(run: () => void, stage?: TurnStage): void;
  /** Once, after the sockets had their turn. */
  nextTurn(run: () => void): void;
}
