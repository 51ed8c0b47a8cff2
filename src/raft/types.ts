/**
 * The nouns of the consensus core. Plain data only: everything here can be sent, stored or
 * replayed. Names are those of the Raft paper (Ongaro and Ousterhout 2014) and dissertation.
 */

/** Given once to a node, never reused, never an address. */
export type NodeId = string;
/** One Raft instance. A process may run several; every message and storage key carries it. */
export type GroupId = number;
/** Terms and indexes are safe integers: 2^53 entries outlive any cluster. */
export type Term = number;
export type LogIndex = number;

export type EntryKind = 'noop' | 'command' | 'config';

export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly kind: EntryKind;
  /** Opaque to the core. Empty for `noop` and `config`. The codec makes it a part of `record`. */
  data: Uint8Array;
  /** The new configuration of a `config` entry, null for the others. */
  readonly configuration: Configuration | null;
  /** Memo of the codec: the entry as bytes, made once for the disk and every follower. */
  record?: Uint8Array;
}

/** What the cluster agrees on about one member, beside its role. */
export interface Member {
  readonly id: NodeId;
  /** HOST:PORT of its Raft port, as others reach it. */
  readonly peerAddress: string;
  /**
   * Random name of the data directory the member votes with. A node whose directory was lost
   * comes back with another one and is not believed to be the old member (requirement 8). Empty
   * for a learner that was named before its directory was seen.
   */
  readonly incarnation: string;
  /** A learner that is not promoted by itself. */
  readonly staysLearner?: true;
}

/** Dissertation 4.3. Joint while `outgoing` is not empty. Takes effect when appended. */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** One per id named above. */
  readonly members: readonly Member[];
}

/** What must be durable before a message that rests on it leaves (Figure 2, "persistent state"). */
export interface HardState {
  readonly term: Term;
  readonly votedFor: NodeId | null;
  /** A hint that saves work at restart; not needed for safety. */
  readonly commit: LogIndex;
}

export interface SnapshotMeta {
  readonly lastIncludedIndex: LogIndex;
  readonly lastIncludedTerm: Term;
  readonly configuration: Configuration;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader' | 'learner';

/** What storage hands to the core at start. Entries are contiguous and end the log. */
export interface RestoredLog {
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta | null;
  /**
   * The newest entries, as many as fit the memory window, and always all above the larger of
   * hardState.commit and the snapshot's index: a conflict of terms there must be seen.
   */
  readonly entries: readonly Entry[];
  /** Index and term just before entries[0] (the snapshot's pair, or an entry on disk, or 0, 0). */
  readonly beforeIndex: LogIndex;
  readonly beforeTerm: Term;
  /** First index still on disk, for followers that lag behind the window. */
  readonly firstIndex: LogIndex;
  /** Every configuration entry in the log above the snapshot, oldest first. */
  readonly configurations: readonly Entry[];
}

export interface PeerStatus {
  readonly id: NodeId;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly matchIndex: LogIndex;
  readonly nextIndex: LogIndex;
  readonly inflightBytes: number;
  readonly recentlyActive: boolean;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly group: GroupId;
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId | null;
  readonly votedFor: NodeId | null;
  readonly commitIndex: LogIndex;
  readonly lastApplied: LogIndex;
  readonly lastLogIndex: LogIndex;
  readonly firstLogIndex: LogIndex;
  readonly snapshotIndex: LogIndex;
  /** Bytes proposed here and not yet committed. */
  readonly uncommittedBytes: number;
  readonly configuration: Configuration;
  /** The latest configuration known to be committed. */
  readonly committedConfiguration: Configuration;
  /** Leader only: true once an entry of its own term is committed. */
  readonly readyToServe: boolean;
  readonly transferTarget: NodeId | null;
  readonly peers: readonly PeerStatus[];
}
