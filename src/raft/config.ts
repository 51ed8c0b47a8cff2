/** Settings of one core. All times are counted in ticks; the driver decides how long one is. */
import type { GroupId, NodeId } from './types.js';

export interface RaftConfig {
  readonly id: NodeId;
  readonly group: GroupId;
  /**
   * Name of the data directory. A node whose member entry names another one lost its data: it has
   * neither a vote nor a candidacy (requirement 8). Undefined: directories are not told apart.
   */
  readonly incarnation?: string;
  /**
   * False: no node of this group serves lease reads, so a node that just started need not behave
   * as if it had heard a leader whose lease may rest on an answer it gave before a crash.
   */
  readonly leases?: boolean;
  /** Minimum election timeout; each wait is drawn from [electionTicks, 2 * electionTicks). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Returns an integer in [0, bound). The only source of randomness. */
  readonly random: (bound: number) => number;
  /** Most bytes of entries in one AppendEntries; a single larger entry still travels alone. */
  readonly appendBytesMax: number;
  /** Most unacknowledged bytes and messages towards one follower. */
  readonly inflightBytesMax: number;
  readonly inflightAppendsMax: number;
  /** Proposals are refused ('overloaded') while uncommitted bytes are at or above this. */
  readonly uncommittedBytesMax: number;
  /** Most bytes of committed entries handed out by one takeEffects(). */
  readonly committedBytesMax: number;
  /** The newest bytes stay in memory; older entries, applied and durable, leave it. */
  readonly logWindowBytesMax: number;
  /** Most log writes on their way to the disk at once, when all of them only append. */
  readonly logWritesMax: number;
  /** Most read tokens waiting at one core. */
  readonly readTokensMax: number;
}
