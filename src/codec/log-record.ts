/**
 * A log entry as bytes, the same on disk and between peers:
 * version u8, kind u8, crc32 u32, term f64, index f64, payload. The checksum covers everything
 * but itself. Made once per entry and kept with it.
 */
import { crc32 } from 'node:zlib';
import { TgError } from '../errors.js';
import type { Entry, EntryKind } from '../raft/types.js';
import { decodeConfiguration, encodeConfiguration } from './configuration.js';

const version = 2;
const crcAt = 2;
const termAt = 6;
const indexAt = 14;
export const recordHeaderBytes = 22;

const kinds: readonly EntryKind[] = ['noop', 'command', 'config'];

export function encodeEntry(entry: Entry): Uint8Array {
  if (entry.record !== undefined) return entry.record;
  const { configuration } = entry;
  const payload = configuration === null ? entry.data : encodeConfiguration(configuration);
  const record = Buffer.allocUnsafeSlow(recordHeaderBytes + payload.length);
  record[0] = version;
  record[1] = kinds.indexOf(entry.kind);
  record.writeDoubleLE(entry.term, termAt);
  record.writeDoubleLE(entry.index, indexAt);
  record.set(payload, recordHeaderBytes);
  record.writeUInt32LE(checksum(record), crcAt);
  entry.record = record;
  // Kept for long: once is enough.
  if (configuration === null) entry.data = record.subarray(recordHeaderBytes);
  return record;
}

/** `data` of the entry is a view on `bytes`. `verify` false: the bytes came in a checked frame. */
export function decodeEntry(bytes: Uint8Array, verify: boolean): Entry {
  if (bytes.length < recordHeaderBytes) throw damaged('is too short');
  if (bytes[0] !== version) {
    throw new TgError('UNKNOWN_FORMAT', `a log record of version ${bytes[0]}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (verify && view.getUint32(crcAt, true) !== checksum(bytes)) {
    throw damaged('fails its checksum');
  }
  const kind = kinds[bytes[1]!];
  if (kind === undefined) {
    throw new TgError('UNKNOWN_FORMAT', `a log record of kind ${bytes[1]}`);
  }
  const payload = bytes.subarray(recordHeaderBytes);
  const isConfig = kind === 'config';
  return {
    term: view.getFloat64(termAt, true),
    index: view.getFloat64(indexAt, true),
    kind,
    data: isConfig ? new Uint8Array(0) : payload,
    configuration: isConfig ? decodeConfiguration(payload) : null,
    record: bytes,
  };
}

/** As it is written in the record. */
export function checksumOf(record: Uint8Array): number {
  return new DataView(record.buffer, record.byteOffset, record.byteLength).getUint32(crcAt, true);
}

function checksum(record: Uint8Array): number {
  return crc32(record.subarray(termAt), crc32(record.subarray(0, crcAt)));
}

function damaged(how: string): TgError {
  return new TgError('CORRUPT', `a log record ${how}`);
}
