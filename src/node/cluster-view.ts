/** Who is in the cluster as this node sees it: the configuration, and what peers said in hello. */
import { formatHostPort, type NodeConfig, parseHostPort } from '../config.js';
import type { PeerHello } from '../ports.js';
import type { RaftCore } from '../raft/raft.js';
import type { Configuration, NodeId } from '../raft/types.js';
import type { ClusterNode, NodeAddress } from '../server/group.js';
import { reachable } from './configuration-changes.js';

interface Known {
  readonly hello: PeerHello;
  connected: boolean;
}

export class ClusterView {
  configuration: Configuration = { voters: [], outgoing: [], learners: [], members: [] };
  private readonly peers = new Map<NodeId, Known>();

  constructor(private readonly config: NodeConfig) {}

  peerUp(hello: PeerHello): void {
    this.peers.set(hello.nodeId, { hello, connected: true });
  }

  peerDown(id: NodeId): void {
    const known = this.peers.get(id);
    if (known !== undefined) known.connected = false;
    // Of those that left nothing is remembered.
    if (!this.configuration.members.some((member) => member.id === id)) this.peers.delete(id);
  }

  isConnected(id: NodeId): boolean {
    return id === this.config.id || (this.peers.get(id)?.connected ?? false);
  }

  /** From this leader, as configuration-changes.ts says. */
  reachable(core: RaftCore): ReadonlySet<NodeId> {
    return reachable(core, (peer) => this.isConnected(peer));
  }

  /** Hellos of the peers that are connected now. */
  connectedPeers(): PeerHello[] {
    return [...this.peers.values()].flatMap(({ hello, connected }) => (connected ? [hello] : []));
  }

  /** Client address; null while it is not known. */
  address(id: NodeId): NodeAddress | null {
    if (id === this.config.id) return { id, ...this.config.clientAdvertise };
    const known = this.peers.get(id);
    if (known === undefined) return null;
    return { id, ...parse(known.hello.clientAddress) };
  }

  nodes(core: RaftCore | null): ClusterNode[] {
    // Who was named and never seen is no node yet: it has no address for clients.
    const seen = this.configuration.members.filter((member) => member.incarnation !== '');
    const ids = new Set(seen.map((member) => member.id));
    ids.add(this.config.id);
    const matched = new Map(core?.status().peers.map((peer) => [peer.id, peer.matchIndex]));
    return [...ids].sort().map((id) => this.node(id, core, matched.get(id)));
  }

  private node(id: NodeId, core: RaftCore | null, matchIndex: number | undefined): ClusterNode {
    const self = id === this.config.id;
    const address = this.address(id);
    const member = this.configuration.members.find((m) => m.id === id);
    const peerAddress = member?.peerAddress ?? formatHostPort(this.config.peerAdvertise);
    const learner = this.configuration.learners.includes(id);
    return {
      id,
      host: address?.host ?? '',
      port: address?.port ?? 0,
      peerPort: parse(peerAddress).port,
      role: core?.leader === id ? 'leader' : learner ? 'learner' : 'follower',
      self,
      connected: this.isConnected(id),
      zone: self ? this.config.zone : (this.peers.get(id)?.hello.zone ?? null),
      offset: self ? (core?.lastApplied ?? 0) : (matchIndex ?? core?.commitIndex ?? 0),
    };
  }
}

function parse(address: string) {
  return parseHostPort({ name: 'address', value: address, from: 'hello of a peer' });
}
