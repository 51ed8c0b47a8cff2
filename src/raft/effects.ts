/**
 * What the core asks of its driver. Order: roleChange first, then restore, then committed and
 * reads; messages leave at once, beside the write; `write.afterwards` leave when it is durable.
 */
import type { Message } from './messages.js';
import type { Entry, HardState, LogIndex, NodeId, Role, SnapshotMeta, Term } from './types.js';

export interface LogWrite {
  readonly seq: number;
  readonly hardState: HardState | null;
  /** Remove the log from this index on, in the same atomic batch, before appending. */
  readonly truncateFrom: LogIndex | null;
  readonly entries: readonly Entry[];
  /** False when only `commit` moved: nothing rests on it. */
  readonly sync: boolean;
  /** Term, vote and stored entries stay as they are: may be on its way beside others like it. */
  readonly appends: boolean;
  /** Votes and acks that promise what this write makes durable. */
  readonly afterwards: readonly Message[];
}

export interface RoleChange {
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId | null;
}

export interface ReadReady {
  readonly token: number;
  /** Serve the read once this index is applied; -1: could not be confirmed, nothing was read. */
  readonly index: LogIndex;
}

/** A follower needs entries that left the memory window: read them from disk. */
export interface OldEntriesWanted {
  readonly to: NodeId;
  readonly from: LogIndex;
  readonly maxBytes: number;
}

export interface Effects {
  readonly roleChange: RoleChange | null;
  readonly messages: readonly Message[];
  /** Beside one that is on its way only when both append; written(seq) is told in order. */
  readonly write: LogWrite | null;
  /** Apply in order, then call applied(). Bounded in bytes per call. */
  readonly committed: readonly Entry[];
  readonly reads: readonly ReadReady[];
  readonly oldEntries: readonly OldEntriesWanted[];
  /** Stream the newest snapshot to these peers, then call snapshotSent(). */
  readonly snapshots: readonly NodeId[];
  /** Committed entries from here on left the window: read them from disk, then committedRead(). */
  readonly committedWanted: { readonly from: LogIndex; readonly maxBytes: number } | null;
}

export type { SnapshotMeta };
