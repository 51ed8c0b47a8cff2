/**
 * The frames of one snapshot on its way to a peer. Start: group u32, term f64, last included
 * index f64 and term f64, configuration. Chunk: number u32, offset f64, bytes. End: chunks u32,
 * bytes f64, CRC-32 of all chunks u32. Result: flag, then the reason of a refusal.
 */
import { TgError } from '../errors.js';
import type { Configuration, GroupId, SnapshotMeta, Term } from '../raft/types.js';
import { ByteReader, ByteWriter } from './byte-cursor.js';
import { decodeConfiguration, encodeConfiguration } from './configuration.js';

export interface SnapshotStart {
  readonly group: GroupId;
  readonly term: Term;
  readonly meta: SnapshotMeta;
}

export interface SnapshotPlace {
  readonly chunks: number;
  readonly bytes: number;
}

export interface SnapshotEnd extends SnapshotPlace {
  readonly checksum: number;
}

export function encodeSnapshotStart({ group, term, meta }: SnapshotStart): Uint8Array[] {
  const writer = new ByteWriter(28);
  writer.u32(group);
  writer.integer(term);
  writer.integer(meta.lastIncludedIndex);
  writer.integer(meta.lastIncludedTerm);
  return [writer.since(0), encodeConfiguration(meta.configuration)];
}

/** @throws TgError PROTOCOL, as all of these. */
export function decodeSnapshotStart(bytes: Uint8Array): SnapshotStart {
  const reader = new ByteReader(bytes);
  const group = reader.u32();
  const term = reader.integer();
  const lastIncludedIndex = reader.integer();
  const lastIncludedTerm = reader.integer();
  const configuration = takeConfiguration(reader.rest());
  return { group, term, meta: { lastIncludedIndex, lastIncludedTerm, configuration } };
}

function takeConfiguration(bytes: Uint8Array): Configuration {
  try {
    return decodeConfiguration(bytes);
  } catch (error) {
    const text = 'an unreadable configuration in a snapshot';
    throw new TgError('PROTOCOL', text, { cause: error });
  }
}

/** What goes before the bytes of a chunk: its place in the stream. */
export function encodeChunkPlace(place: SnapshotPlace): Uint8Array {
  const writer = new ByteWriter(12);
  writer.u32(place.chunks);
  writer.integer(place.bytes);
  return writer.since(0);
}

/** `chunk` is a view on `bytes`. */
export function decodeChunk(bytes: Uint8Array): { place: SnapshotPlace; chunk: Uint8Array } {
  const reader = new ByteReader(bytes);
  const place = { chunks: reader.u32(), bytes: reader.integer() };
  return { place, chunk: reader.rest() };
}

export function encodeSnapshotEnd(end: SnapshotEnd): Uint8Array {
  const writer = new ByteWriter(16);
  writer.u32(end.chunks);
  writer.integer(end.bytes);
  writer.u32(end.checksum);
  return writer.since(0);
}

export function decodeSnapshotEnd(bytes: Uint8Array): SnapshotEnd {
  const reader = new ByteReader(bytes);
  const end = { chunks: reader.u32(), bytes: reader.integer(), checksum: reader.u32() };
  reader.end();
  return end;
}

/** `refusal` null: the snapshot is durable. */
export function encodeSnapshotResult(refusal: string | null): Uint8Array {
  return Buffer.concat([Buffer.from([refusal === null ? 1 : 0]), Buffer.from(refusal ?? '')]);
}

export function decodeSnapshotResult(bytes: Uint8Array): string | null {
  const reader = new ByteReader(bytes);
  return reader.flag() ? null : Buffer.from(reader.rest()).toString();
}
