/** The configurations that a change of one member leads to, and whether one could still decide. */
import type { RaftCore } from '../raft/raft.js';
import type { Configuration, Member, NodeId } from '../raft/types.js';

export function memberOf(configuration: Configuration, id: NodeId): Member | undefined {
  return configuration.members.find((member) => member.id === id);
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
    voters: [...configuration.voters, id].sort(),
    outgoing: [],
    learners: configuration.learners.filter((learner) => learner !== id),
    members: configuration.members.map((member) => (member.id === id ? voterOf(member) : member)),
  };
}

/** Another data directory speaks for this id from now on. It has no vote before it caught up. */
export function rebound(
  configuration: Configuration,
  id: NodeId,
  incarnation: string,
): Configuration {
  return {
    voters: configuration.voters.filter((voter) => voter !== id),
    outgoing: [],
    learners: [...configuration.learners.filter((learner) => learner !== id), id],
    members: configuration.members.map((member) =>
      member.id === id ? { ...member, incarnation } : member,
    ),
  };
}

/**
 * This leader and the nodes it has heard from within an election timeout, unless their connection
 * broke since.
 */
export function reachable(
  core: RaftCore,
  isConnected: (id: NodeId) => boolean,
): ReadonlySet<NodeId> {
  const heard = core.status().peers.filter((peer) => peer.recentlyActive && isConnected(peer.id));
  return new Set([core.id, ...heard.map((peer) => peer.id)]);
}

/** As etcd's strict check: the voters that answer now are a majority of `configuration`. */
export function keepsQuorum({ voters }: Configuration, answering: ReadonlySet<NodeId>): boolean {
  return voters.filter((voter) => answering.has(voter)).length > voters.length / 2;
}

function voterOf({ id, peerAddress, incarnation }: Member): Member {
  return { id, peerAddress, incarnation };
}
