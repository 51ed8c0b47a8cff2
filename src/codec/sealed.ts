/** Small structured records: version byte and CRC-32 in front of msgpackr fields. */
import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import { TgError } from '../errors.js';

/** Of records that have not changed since. */
const firstVersion = 2;
const headBytes = 5;
const packr = new Packr({ useRecords: false });

export function seal(fields: readonly unknown[], version = firstVersion): Uint8Array {
  const body = packr.pack(fields);
  const sealed = Buffer.alloc(headBytes + body.length);
  sealed[0] = version;
  sealed.set(body, headBytes);
  sealed.writeUInt32LE(crc32(sealed.subarray(headBytes)), 1);
  return sealed;
}

/** `what` names the record in the error; `newest`: earlier versions of it are known too. */
export function unseal(bytes: Uint8Array, what: string, newest = firstVersion): unknown[] {
  const damaged = () => new TgError('CORRUPT', `${what} is damaged`);
  if (bytes.length < headBytes) throw damaged();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0]! < firstVersion || bytes[0]! > newest) {
    throw new TgError('UNKNOWN_FORMAT', `${what} has version ${bytes[0]}, known is ${newest}`);
  }
  if (view.getUint32(1, true) !== crc32(bytes.subarray(headBytes))) throw damaged();
  const fields: unknown = packr.unpack(bytes.subarray(headBytes));
  if (!Array.isArray(fields)) throw damaged();
  return fields;
}
