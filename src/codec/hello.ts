/**
 * The first bytes of every connection between peers: who speaks, for which cluster, and what the
 * connection is for. They come from anyone who can reach the port, so they are hand-laid and
 * checked field by field; only the configuration goes through a general decoder.
 *
 * Layout: magic, protocol version u16, purpose u8, sequence u32, the fields of PeerHello. Magic
 * and version keep their place in all future versions, so that a mismatch can be named.
 */
import { TgError } from '../errors.js';
import type { PeerHello } from '../ports.js';
import type { Configuration } from '../raft/types.js';
import { ByteReader, ByteWriter, damaged, textBytes } from './byte-cursor.js';
import { decodeConfiguration, encodeConfiguration } from './configuration.js';

/** 'peer' carries messages, 'snapshot' one snapshot, 'introduction' only the two hellos. */
export type HelloPurpose = 'peer' | 'snapshot' | 'introduction';

export interface SaidHello {
  readonly hello: PeerHello;
  readonly purpose: HelloPurpose;
  /** Higher in what the same process said later, on whichever connection. */
  readonly sequence: number;
}

const magic = 0x5447_5052; // TGPR
export const peerProtocolVersion = 1;
const purposes: readonly HelloPurpose[] = ['peer', 'snapshot', 'introduction'];

export function encodeHello({ hello, purpose, sequence }: SaidHello): Uint8Array {
  const configuration =
    hello.configuration === null ? new Uint8Array(0) : encodeConfiguration(hello.configuration);
  const texts = textsOf(hello);
  let bytes = 4 + 2 + 1 + 4 + 4 + 8 + 1 + 4 + configuration.length;
  for (const text of texts) bytes += textBytes(text);
  const writer = new ByteWriter(bytes);
  writer.u32(magic);
  writer.u16(peerProtocolVersion);
  writer.u8(purposes.indexOf(purpose));
  writer.u32(sequence);
  for (const text of texts) writer.text(text);
  writer.u32(hello.leaseMs);
  writer.integer(hello.configurationIndex);
  writer.flag(hello.joining);
  writer.u32(configuration.length);
  writer.raw(configuration);
  return writer.since(0);
}

function textsOf(hello: PeerHello): readonly (string | null)[] {
  const { nodeId, clusterId, incarnation, peerAddress } = hello;
  const { clientAddress, httpAddress, zone, location } = hello;
  return [nodeId, clusterId, incarnation, peerAddress, clientAddress, httpAddress, zone, location];
}

/** @throws TgError PROTOCOL with a text fit for the other side's log. */
export function decodeHello(bytes: Uint8Array): SaidHello {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== magic) throw new TgError('PROTOCOL', 'not a tgcache peer');
  const version = reader.u16();
  if (version !== peerProtocolVersion) {
    throw new TgError(
      'PROTOCOL',
      `peer protocol version ${version}, this node speaks ${peerProtocolVersion}`,
    );
  }
  const purpose = purposes[reader.u8()] ?? damaged('an unknown purpose');
  const sequence = reader.u32();
  const hello: PeerHello = {
    nodeId: reader.text(),
    clusterId: reader.textOrNull(),
    incarnation: reader.text(),
    peerAddress: reader.text(),
    clientAddress: reader.text(),
    httpAddress: reader.textOrNull(),
    zone: reader.textOrNull(),
    location: reader.textOrNull(),
    leaseMs: reader.u32(),
    configurationIndex: reader.integer(),
    joining: reader.flag(),
    configuration: takeConfiguration(reader.view(reader.u32())),
  };
  reader.end();
  if (hello.nodeId === '') damaged('an empty node id');
  return { hello, purpose, sequence };
}

function takeConfiguration(bytes: Uint8Array): Configuration | null {
  if (bytes.length === 0) return null;
  try {
    return decodeConfiguration(bytes);
  } catch (error) {
    throw new TgError('PROTOCOL', 'an unreadable configuration in a hello', { cause: error });
  }
}
