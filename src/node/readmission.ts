/**
 * Takes back a member whose data directory was lost. Its new directory shows another incarnation
 * than the configuration names: the leader removes the old member, adds the new directory as a
 * learner and promotes it when it has caught up. One change at a time; each step is decided anew
 * from the newest configuration, so that a new leader goes on where the old one stopped.
 */
import type { PeerHello } from '../ports.js';
import type { RaftCore } from '../raft/raft.js';
import type { Configuration, Member, NodeId } from '../raft/types.js';

/** A learner is caught up when it lacks fewer entries than this. */
const caughtUpEntries = 1000;

export class Readmission {
  private readonly peers = new Map<NodeId, PeerHello>();

  /** `expected`: ids that belong to the cluster by the operator's word (--initial-cluster). */
  constructor(
    private readonly self: NodeId,
    private readonly clusterId: () => string | null,
    private readonly expected: ReadonlySet<NodeId>,
  ) {}

  peerUp(peer: PeerHello): void {
    this.peers.set(peer.nodeId, peer);
  }

  peerDown(peer: NodeId): void {
    this.peers.delete(peer);
  }

  /** True for a peer that speaks with the directory the configuration names, or names none. */
  isMember(configuration: Configuration, id: NodeId): boolean {
    const member = configuration.members.find((m) => m.id === id);
    const peer = this.peers.get(id);
    return member === undefined || peer === undefined || member.incarnation === peer.incarnation;
  }

  /** As isMember(), and connected. */
  isReachable(configuration: Configuration, id: NodeId): boolean {
    return this.peers.has(id) && this.isMember(configuration, id);
  }

  /** See PeerHello.leaseMs. */
  promisedMs(id: NodeId): number {
    return this.peers.get(id)?.leaseMs ?? 0;
  }

  /** The next configuration to propose, or null. Call on the leader, now and then. */
  nextChange(core: RaftCore): Configuration | null {
    const status = core.status();
    if (!status.readyToServe || status.configuration.outgoing.length > 0) return null;
    const { configuration } = status;
    for (const peer of this.peers.values()) {
      const change = this.changeFor(peer, configuration, status);
      if (change !== null) return change;
    }
    return null;
  }

  private changeFor(
    peer: PeerHello,
    configuration: Configuration,
    status: ReturnType<RaftCore['status']>,
  ): Configuration | null {
    if (peer.nodeId === this.self || peer.clusterId !== this.clusterId()) return null;
    const member = configuration.members.find((m) => m.id === peer.nodeId);
    if (member === undefined) {
      return this.expected.has(peer.nodeId) ? withLearner(configuration, memberOf(peer)) : null;
    }
    if (member.incarnation !== peer.incarnation) return without(configuration, member.id);
    if (!configuration.learners.includes(member.id)) return null;
    const progress = status.peers.find((p) => p.id === member.id);
    const caughtUp =
      progress?.recentlyActive === true &&
      progress.matchIndex > 0 &&
      status.lastLogIndex - progress.matchIndex < caughtUpEntries;
    return caughtUp ? promoted(configuration, member.id) : null;
  }
}

function memberOf(peer: PeerHello): Member {
  return { id: peer.nodeId, peerAddress: peer.peerAddress, incarnation: peer.incarnation };
}

export function withLearner(configuration: Configuration, member: Member): Configuration {
  return {
    ...configuration,
    learners: [...configuration.learners, member.id],
    members: [...configuration.members, member],
  };
}

export function without(configuration: Configuration, id: NodeId): Configuration {
  return {
    voters: configuration.voters.filter((voter) => voter !== id),
    outgoing: [],
    learners: configuration.learners.filter((learner) => learner !== id),
    members: configuration.members.filter((member) => member.id !== id),
  };
}

export function promoted(configuration: Configuration, id: NodeId): Configuration {
  return {
    ...configuration,
    voters: [...configuration.voters, id].sort(),
    learners: configuration.learners.filter((learner) => learner !== id),
  };
}
