/**
 * Which nodes this one keeps connections with, what it tells them, and whom it takes for what they
 * say. Follows the newest configuration that the node knows.
 */
import { formatHostPort, type NodeConfig } from '../config.js';
import type { Logger } from '../log.js';
import type { Clock, PeerHello } from '../ports.js';
import type { RaftCore } from '../raft/raft.js';
import type { Configuration, LogIndex, Member, NodeId } from '../raft/types.js';
import type { Identity } from '../storage/identity-file.js';
import { memberOf } from './configuration-changes.js';
import { idTaken, Joiner } from './joiner.js';

type Peer = Pick<Member, 'id' | 'peerAddress'>;

export interface NeighbourhoodOptions {
  readonly config: NodeConfig;
  readonly identity: () => Identity;
  readonly core: () => RaftCore | null;
  /** This node leads and has just heard from this member. */
  readonly isAlive: (id: NodeId) => boolean;
  /** See PeerHello.leaseMs. */
  readonly leaseMs: () => number;
  readonly introduce: (address: string) => Promise<PeerHello>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info'>;
  /** The nodes to keep connections with, whenever that may have changed. */
  readonly onPeers: (peers: readonly Peer[]) => void;
}

export class Neighbourhood {
  /** The newest one that is committed; before one is known, the newest of the log. */
  configuration: Configuration | null = null;
  private configurationIndex: LogIndex = 0;
  /** Members of the cluster to be joined. */
  private hosts: readonly Peer[] = [];
  private readonly joiner: Joiner;

  constructor(private readonly options: NeighbourhoodOptions) {
    const { config, identity, introduce, clock, logger } = options;
    const peerAddress = formatHostPort(config.peerAdvertise);
    const self = { id: config.id, peerAddress, incarnation: identity().incarnation };
    const found = (hosts: readonly Peer[]) => {
      this.hosts = hosts;
      options.onPeers(this.peers());
    };
    this.joiner = new Joiner({ self, seeds: config.join, introduce, clock, logger, found });
  }

  /** --join counts only while the directory knows of no membership. */
  start(hasMembership: boolean): void {
    this.options.onPeers(this.peers());
    if (hasMembership) this.joiner.end();
    else this.joiner.start();
  }

  stop(): void {
    this.joiner.end();
  }

  /** The log of this node begins to run. */
  started(core: RaftCore): void {
    const { configuration, configurationIndex: index } = core;
    if (configuration.members.length === 0) return;
    this.follow(configuration, index <= core.commitIndex ? index : 0);
  }

  /** False for one that is older than what is known: the log is replayed. */
  committed(configuration: Configuration, index: LogIndex): boolean {
    if (index < this.configurationIndex) return false;
    this.follow(configuration, index);
    return true;
  }

  private follow(configuration: Configuration, index: LogIndex): void {
    const { config, identity, onPeers } = this.options;
    this.configuration = configuration;
    this.configurationIndex = index;
    if (memberOf(configuration, config.id)?.incarnation === identity().incarnation) {
      this.joiner.end();
    }
    onPeers(this.peers());
  }

  /** Without a configuration those that the operator named. This node may be among them. */
  peers(): Peer[] {
    const { core, config } = this.options;
    const members = core()?.configuration.members ?? [];
    const known = new Map<NodeId, string>();
    const add = (peers: readonly Peer[]) => {
      for (const peer of peers) known.set(peer.id, peer.peerAddress);
    };
    if (members.length === 0) add(config.initialCluster);
    if (this.joiner.active) add(this.hosts);
    add(members);
    return [...known].map(([id, peerAddress]) => ({ id, peerAddress }));
  }

  hello(): PeerHello {
    const { config, identity } = this.options;
    const { clusterId, incarnation } = identity();
    return {
      nodeId: config.id,
      clusterId,
      incarnation,
      peerAddress: formatHostPort(config.peerAdvertise),
      configuration: this.configuration,
      configurationIndex: this.configurationIndex,
      joining: this.joiner.active,
      clientAddress: formatHostPort(config.clientAdvertise),
      httpAddress: config.httpAdvertise === null ? null : formatHostPort(config.httpAdvertise),
      zone: config.zone,
      location: config.location,
      leaseMs: this.options.leaseMs(),
    };
  }

  /** An error text refuses the peer. */
  refusal({ nodeId, clusterId, incarnation, peerAddress, joining }: PeerHello): string | null {
    const own = this.options.identity().clusterId;
    if (own !== null && clusterId !== null && own !== clusterId) {
      return `this is cluster ${own}, not ${clusterId}`;
    }
    if (this.configuration === null) return null;
    const named = memberOf(this.configuration, nodeId);
    if (named === undefined || named.incarnation === incarnation) return null;
    // A lost directory comes back without being asked to join, maybe under another address.
    if (joining && named.peerAddress !== peerAddress) return idTaken(named, peerAddress);
    return this.options.isAlive(nodeId) ? `${nodeId} is alive with another data directory` : null;
  }
}
