/**
 * How a new cluster comes to be. Nodes with empty data directories meet; only when every member
 * of --initial-cluster has shown a fresh directory is the first configuration written, and it
 * names the directory (incarnation) each member votes with. A node whose directory was lost finds
 * the others formed with another incarnation: it has no vote and waits to be taken in as a
 * learner (requirement 8).
 */
import { createHash } from 'node:crypto';
import type { PeerHello } from '../ports.js';
import type { LogWrite } from '../raft/effects.js';
import type { Configuration, Member, NodeId } from '../raft/types.js';

export interface InitialMember {
  readonly id: NodeId;
  readonly peerAddress: string;
}

export type FormationVerdict =
  | { readonly kind: 'wait'; readonly missing: readonly NodeId[] }
  /** Write this configuration as the first entry of the log. */
  | {
      readonly kind: 'bootstrap';
      readonly clusterId: string;
      readonly configuration: Configuration;
    }
  /** The others are a cluster already: take their name and wait for their leader. */
  | { readonly kind: 'adopt'; readonly clusterId: string };

/** The name of a cluster follows from its first members, so that all of them find the same one. */
export function clusterIdOf(configuration: Configuration): string {
  const members = [...configuration.members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const text = members.map((m) => `${m.id}=${m.peerAddress}#${m.incarnation}`).join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

export function firstConfiguration(members: readonly Member[]): Configuration {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { voters: sorted.map((m) => m.id), outgoing: [], learners: [], members: sorted };
}

/** The log of a new cluster begins with its first configuration, the same on every member. */
export function firstWrite(configuration: Configuration): LogWrite {
  const data = new Uint8Array(0);
  return {
    seq: 0,
    hardState: { term: 1, votedFor: null, commit: 1 },
    truncateFrom: null,
    entries: [{ term: 1, index: 1, kind: 'config', data, configuration }],
    sync: true,
    appends: false,
    afterwards: [],
  };
}

export class Formation {
  private readonly heard = new Map<NodeId, PeerHello>();

  constructor(
    private readonly self: { readonly id: NodeId; readonly incarnation: string },
    private readonly initial: readonly InitialMember[],
  ) {}

  hear(peer: PeerHello): FormationVerdict {
    this.heard.set(peer.nodeId, peer);
    return this.verdict();
  }

  verdict(): FormationVerdict {
    for (const peer of this.heard.values()) {
      if (peer.clusterId !== null) return this.follow(peer, peer.clusterId);
    }
    const missing = this.initial.filter((m) => m.id !== this.self.id && !this.heard.has(m.id));
    if (missing.length > 0 || this.initial.length === 0) {
      return { kind: 'wait', missing: missing.map((member) => member.id) };
    }
    const configuration = firstConfiguration(
      this.initial.map((member) => ({ ...member, incarnation: this.incarnationOf(member.id) })),
    );
    return { kind: 'bootstrap', clusterId: clusterIdOf(configuration), configuration };
  }

  /** A peer formed a cluster before us: we are a first member of it, or somebody new. */
  private follow(peer: PeerHello, clusterId: string): FormationVerdict {
    const { configuration } = peer;
    const named = configuration?.members.find((member) => member.id === this.self.id);
    const first = configuration !== null && clusterIdOf(configuration) === clusterId;
    if (first && named?.incarnation === this.self.incarnation) {
      return { kind: 'bootstrap', clusterId, configuration };
    }
    return { kind: 'adopt', clusterId };
  }

  private incarnationOf(id: NodeId): string {
    if (id === this.self.id) return this.self.incarnation;
    return this.heard.get(id)!.incarnation;
  }
}
