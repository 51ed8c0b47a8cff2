/**
 * Notices that this node was removed from the cluster, by its own log or by what its peers say, so
 * that it stops by itself and stays out (requirement 54). Waits a while, since a node that was
 * added again may hear of its removal first: from its own log, or from a peer that lags behind.
 */
import type { PeerHello } from '../ports.js';
import type { RaftCore } from '../raft/raft.js';
import type { Configuration, LogIndex, Member } from '../raft/types.js';
import { memberOf } from './configuration-changes.js';

interface Known {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

export class Exclusion {
  private outTicks = 0;
  /** A peer knew of this node as a member, maybe before its own log did. */
  private wasTakenIn = false;

  constructor(
    private readonly self: Pick<Member, 'id' | 'incarnation'>,
    private readonly graceTicks: number,
    /** Hellos of the connected peers. */
    private readonly peers: () => Iterable<PeerHello>,
  ) {}

  /** Call at each tick; true once this node has been out for the whole time. */
  tick(core: RaftCore): boolean {
    this.outTicks = this.isOut(core) ? this.outTicks + 1 : 0;
    return this.outTicks >= this.graceTicks;
  }

  private isOut(core: RaftCore): boolean {
    const own = { index: core.configurationIndex, configuration: core.configuration };
    const heard = [...this.peers()].map(committedOf);
    this.wasTakenIn ||= heard.some((each) => this.directoryIn(each) === this.self.incarnation);
    // Who was never named waits to be taken in.
    if (!core.wasMember && !this.wasTakenIn) return false;
    const newest = heard.reduce((best, each) => (each.index >= best.index ? each : best), own);
    if (this.isNamed(newest)) return false;
    if (newest === own && own.index > core.commitIndex) return false;
    return !core.recentLeaderContact || this.leaderExcludes(core);
  }

  /** A leader goes on for a while with those that left, and at once with those it took in. */
  private leaderExcludes(core: RaftCore): boolean {
    for (const hello of this.peers()) {
      if (hello.nodeId !== core.leader) continue;
      const known = committedOf(hello);
      return known.index >= core.configurationIndex && !this.isNamed(known);
    }
    return false;
  }

  private isNamed(known: Known): boolean {
    return this.directoryIn(known) !== undefined;
  }

  /** The directory that speaks for this node's id there. */
  private directoryIn({ configuration }: Known): string | undefined {
    return memberOf(configuration, this.self.id)?.incarnation;
  }
}

const nothing: Known = {
  index: 0,
  configuration: { voters: [], outgoing: [], learners: [], members: [] },
};

function committedOf({ configuration, configurationIndex }: PeerHello): Known {
  if (configuration === null || configurationIndex === 0) return nothing;
  return { index: configurationIndex, configuration };
}
