/**
 * Decides whether the leader's lease may be trusted right now (`read-consistency lease`). The
 * core counts ticks, and a tick may take longer than it should: a busy or paused process counts
 * too few of them. So each tick is given its time, and the lease is measured with the monotonic
 * clock from the tick at which the answered round was sent (requirements 20, 40).
 */
import type { RaftCore } from '../raft/raft.js';
import type { LogIndex, NodeId } from '../raft/types.js';

/** The share of the others' shortest election timeout that clocks of another rate cannot spoil. */
const driftShare = 0.9;

export interface LeaseGuardOptions {
  readonly monotonicMs: () => number;
  readonly tickMs: number;
  readonly electionTimeoutMs: number;
  /** For how long a node said that it stands by its leader (PeerHello); 0: not at all. */
  readonly promisedMs: (id: NodeId) => number;
}

export class LeaseGuard {
  /** Times of the newest ticks, in a ring. */
  private readonly times: Float64Array;
  private ticks = 0;
  /** What was committed when this leadership could first serve; earlier leaders acked up to it. */
  private floor = { term: 0, index: 0 };
  private readonly leaseMs: number;

  constructor(private readonly options: LeaseGuardOptions) {
    const { tickMs, electionTimeoutMs } = options;
    this.times = new Float64Array(Math.ceil(electionTimeoutMs / tickMs) + 1);
    // Others count whole ticks too, and the first and the last may be cut short.
    this.leaseMs = driftShare * (electionTimeoutMs - 2 * tickMs);
  }

  /** Call right before the core's tick. */
  ticked(): void {
    this.times[this.ticks++ % this.times.length] = this.options.monotonicMs();
  }

  valid(core: RaftCore): boolean {
    const age = core.leaseAgeTicks(this.honours);
    if (age >= Math.min(this.ticks, this.times.length)) return false;
    if (core.lastApplied < Math.max(this.floorOf(core), core.commitTold)) return false;
    const sentAtMs = this.times[(this.ticks - 1 - age) % this.times.length]!;
    return this.options.monotonicMs() - sentAtMs < this.leaseMs;
  }

  /** A lease says who leads, not that this node has applied what leaders before it acked. */
  private floorOf(core: RaftCore): LogIndex {
    if (this.floor.term !== core.term) this.floor = { term: core.term, index: core.commitIndex };
    return this.floor.index;
  }

  private readonly honours = (id: NodeId): boolean =>
    this.options.promisedMs(id) >= this.options.electionTimeoutMs;
}
