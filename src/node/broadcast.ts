/** Published messages on their way to the subscribers at other nodes; lost where a peer is away. */
import { ApplicationKind, ApplicationWriter } from '../codec/application.js';
import type { ByteReader } from '../codec/byte-cursor.js';
import type { NodeId } from '../raft/types.js';
import type { PublishedMessage } from '../server/pubsub.js';

export interface BroadcastOptions {
  readonly peers: () => readonly NodeId[];
  readonly send: (to: NodeId, payload: Uint8Array) => void;
}

export class Broadcast {
  constructor(private readonly options: BroadcastOptions) {}

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
