/**
 * The messages between cores of one group. Every message carries the group, the sender, the
 * receiver and the sender's term; rules on terms are checked before the kind is looked at.
 */
import type { Entry, GroupId, LogIndex, NodeId, Term } from './types.js';

interface Envelope {
  readonly group: GroupId;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

/** RequestVote, Figure 2; `preVote` asks without raising terms (dissertation 9.6). */
export interface VoteRequest extends Envelope {
  readonly kind: 'vote-request';
  readonly preVote: boolean;
  readonly lastLogIndex: LogIndex;
  readonly lastLogTerm: Term;
  /** Set when the leader asked for this election (TimeoutNow): stickiness does not apply. */
  readonly transfer: boolean;
}

export interface VoteResponse extends Envelope {
  readonly kind: 'vote-response';
  readonly preVote: boolean;
  readonly granted: boolean;
  /** The term the request asked for, so that a late answer is not counted for another try. */
  readonly requestTerm: Term;
}

/** AppendEntries, Figure 2. Without entries it is also the probe. */
export interface AppendRequest extends Envelope {
  readonly kind: 'append-request';
  readonly prevLogIndex: LogIndex;
  readonly prevLogTerm: Term;
  readonly leaderCommit: LogIndex;
  readonly entries: readonly Entry[];
}

export interface AppendResponse extends Envelope {
  readonly kind: 'append-response';
  readonly success: boolean;
  /** On success the last index known to match and durable; on a reject the refused prevLogIndex. */
  readonly index: LogIndex;
  /** On a reject: where the leader may look next (conflict-term backtracking). */
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

/** Keeps leadership and confirms read rounds; never waits for a disk. */
export interface HeartbeatRequest extends Envelope {
  readonly kind: 'heartbeat-request';
  /** Never beyond what is known to be in the follower's log. */
  readonly leaderCommit: LogIndex;
  /** Nothing beyond it is committed; tells a follower that lags how far. */
  readonly committed: LogIndex;
  /**
   * Number of the newest read round of this term, never used twice (dissertation 6.4). 0: only
   * the commit index moved, no answer is wanted.
   */
  readonly round: number;
  /**
   * Newest round that the leader has an answer of this follower to: the message was sent after
   * that answer. The network may have held it back since, for any time.
   */
  readonly answered: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly kind: 'heartbeat-response';
  readonly round: number;
}

/** A follower asks the leader for a read index on behalf of its own clients. */
export interface ReadIndexRequest extends Envelope {
  readonly kind: 'read-index-request';
  readonly token: number;
}

export interface ReadIndexResponse extends Envelope {
  readonly kind: 'read-index-response';
  readonly token: number;
  /** -1: refused, the asker may try again with a new token. */
  readonly index: LogIndex;
}

/** Leadership transfer, dissertation 3.10. */
export interface TimeoutNow extends Envelope {
  readonly kind: 'timeout-now';
}

export type Message =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | HeartbeatRequest
  | HeartbeatResponse
  | ReadIndexRequest
  | ReadIndexResponse
  | TimeoutNow;
