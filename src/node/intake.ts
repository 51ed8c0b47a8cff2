/**
 * What the leader does about members by itself: it takes in nodes that ask to join, lets another
 * data directory speak for a member whose own was lost (as a learner, requirement 8), and promotes
 * learners that have caught up. One change at a time; each is decided anew from the newest
 * configuration, so that a new leader goes on where the old one stopped.
 */
import type { PeerHello } from '../ports.js';
import type { Message } from '../raft/messages.js';
import type { RaftCore } from '../raft/raft.js';
import type { Configuration, NodeId, RaftStatus } from '../raft/types.js';
import { CatchUp } from './catch-up.js';
import {
  keepsQuorum,
  memberOf,
  promoted,
  reachable,
  rebound,
  withLearner,
} from './configuration-changes.js';

const promises: ReadonlySet<Message['kind']> = new Set([
  'vote-response',
  'append-response',
  'heartbeat-response',
]);

export interface IntakeOptions {
  readonly self: NodeId;
  readonly clusterId: () => string | null;
  readonly electionTicks: number;
}

export class Intake {
  private readonly peers = new Map<NodeId, PeerHello>();
  private readonly catchUps = new Map<NodeId, CatchUp>();
  private readonly caughtUp = new Set<NodeId>();

  constructor(private readonly options: IntakeOptions) {}

  peerUp(peer: PeerHello): void {
    this.peers.set(peer.nodeId, peer);
  }

  peerDown(peer: NodeId): void {
    this.peers.delete(peer);
  }

  /** True for a peer that speaks with the directory the configuration names, or names none. */
  isMember(configuration: Configuration, id: NodeId): boolean {
    const member = memberOf(configuration, id);
    const peer = this.peers.get(id);
    return member === undefined || peer === undefined || member.incarnation === peer.incarnation;
  }

  /**
   * What counts of a peer's messages. A directory that the configuration does not name promises
   * nothing. But it may lead by now, by a configuration that this node does not have yet and gets
   * from this very leader.
   */
  believed(
    configuration: Configuration,
    from: NodeId,
    messages: readonly Message[],
  ): readonly Message[] {
    if (this.isMember(configuration, from)) return messages;
    return messages.filter(({ kind }) => !promises.has(kind));
  }

  /** As isMember(), and connected. */
  isReachable(configuration: Configuration, id: NodeId): boolean {
    return this.peers.has(id) && this.isMember(configuration, id);
  }

  /** See PeerHello.leaseMs. */
  promisedMs(id: NodeId): number {
    return this.peers.get(id)?.leaseMs ?? 0;
  }

  /** The directory of a connected node of this cluster; null: not connected. */
  incarnationOf(id: NodeId): string | null {
    const peer = this.peers.get(id);
    return peer !== undefined && this.isOfCluster(peer) ? peer.incarnation : null;
  }

  /** An operator removed this node: that it asked to join earlier counts no more. */
  decline(id: NodeId): void {
    const peer = this.peers.get(id);
    if (peer !== undefined) this.peers.set(id, { ...peer, joining: false });
  }

  /** As of the last look. */
  isCaughtUp(learner: NodeId): boolean {
    return this.caughtUp.has(learner);
  }

  /** The next configuration to propose, or null. Call on the leader, now and then. */
  look(core: RaftCore, tick: number): Configuration | null {
    const status = core.status();
    this.watchLearners(status, tick);
    if (!status.readyToServe || status.configuration.outgoing.length > 0) return null;
    for (const peer of this.peers.values()) {
      const change = this.changeFor(peer, status.configuration);
      if (change !== null) return change;
    }
    return this.promotion(core, status.configuration);
  }

  private changeFor(peer: PeerHello, configuration: Configuration): Configuration | null {
    const { nodeId: id, peerAddress, incarnation } = peer;
    if (id === this.options.self || !this.isOfCluster(peer)) return null;
    const member = memberOf(configuration, id);
    if (member !== undefined) {
      const elsewhere = peer.joining && member.peerAddress !== peerAddress;
      if (member.incarnation === incarnation || elsewhere) return null;
      // What the lost directory held says nothing of the new one.
      this.forget(id);
      return rebound(configuration, id, incarnation);
    }
    const taken = configuration.members.some((other) => other.peerAddress === peerAddress);
    if (!peer.joining || taken) return null;
    return withLearner(configuration, { id, peerAddress, incarnation });
  }

  private promotion(core: RaftCore, configuration: Configuration): Configuration | null {
    for (const id of configuration.learners) {
      if (!this.caughtUp.has(id) || memberOf(configuration, id)?.staysLearner) continue;
      const next = promoted(configuration, id);
      if (
        keepsQuorum(
          next,
          reachable(core, (peer) => this.peers.has(peer)),
        )
      )
        return next;
    }
    return null;
  }

  private watchLearners({ configuration, lastLogIndex, peers }: RaftStatus, tick: number): void {
    const { learners } = configuration;
    for (const id of [...this.catchUps.keys()]) if (!learners.includes(id)) this.forget(id);
    for (const id of learners) {
      const catchUp = this.catchUps.get(id) ?? new CatchUp(this.options.electionTicks);
      this.catchUps.set(id, catchUp);
      const learner = peers.find((peer) => peer.id === id);
      if (catchUp.look(tick, lastLogIndex, learner)) this.caughtUp.add(id);
      else this.caughtUp.delete(id);
    }
  }

  private forget(id: NodeId): void {
    this.catchUps.delete(id);
    this.caughtUp.delete(id);
  }

  private isOfCluster(peer: PeerHello): boolean {
    return peer.clusterId !== null && peer.clusterId === this.options.clusterId();
  }
}
