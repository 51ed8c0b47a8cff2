/**
 * What all nodes are told beside the log: published messages on their way to subscribers, lost
 * where a peer is away, and which clients know the map of the cluster.
 */
import { ApplicationKind, ApplicationWriter } from '../codec/application.js';
import type { ByteReader } from '../codec/byte-cursor.js';
import type { NodeId } from '../raft/types.js';
import { ClusterClients } from '../server/cluster-clients.js';
import type { PublishedMessage } from '../server/pubsub.js';

export interface BroadcastOptions {
  readonly peers: () => readonly NodeId[];
  readonly send: (to: NodeId, payload: Uint8Array) => void;
}

export class Broadcast {
  readonly clusterClients = new ClusterClients((who) => {
    for (const peer of this.options.peers()) this.sendClients(peer, who);
  });

  constructor(private readonly options: BroadcastOptions) {}

  /** It may have missed what was told before. */
  peerUp(peer: NodeId): void {
    const { all } = this.clusterClients;
    if (all.length > 0) this.sendClients(peer, all);
  }

  /** What sendClients() of a peer sent, behind its kind. */
  heardClients(reader: ByteReader): void {
    this.clusterClients.heard(Buffer.from(reader.rest()).toString().split('\n'));
  }

  private sendClients(to: NodeId, who: readonly string[]): void {
    const names = Buffer.from(who.join('\n'));
    const writer = new ApplicationWriter();
    writer.u8(ApplicationKind.clusterClients);
    writer.bytes(names, 0, names.length);
    this.options.send(to, writer.take());
  }

  readonly publish = ({ kind, channel, payload }: PublishedMessage): void => {
    const peers = this.options.peers();
    if (peers.length === 0) return;
    const name = Buffer.from(channel, 'latin1');
    const writer = new ApplicationWriter();
    writer.u8(ApplicationKind.publish);
    writer.u8(kind === 'shard' ? 1 : 0);
    writer.u32(name.length);
    writer.bytes(name, 0, name.length);
    writer.bytes(payload, 0, payload.length);
    const bytes = writer.take();
    for (const peer of peers) this.options.send(peer, bytes);
  };

  /** What a peer's publish() sent, behind its kind. @throws TgError PROTOCOL on damage. */
  decode(reader: ByteReader): PublishedMessage {
    const kind = reader.flag() ? 'shard' : 'channel';
    const name = reader.view(reader.u32());
    const channel = Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1');
    return { kind, channel, payload: reader.rest() };
  }
}
