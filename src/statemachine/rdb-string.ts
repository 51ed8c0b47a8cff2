/**
 * The payload of DUMP and RESTORE for a string, as Redis' rdb.c lays it out: type, the string, RDB
 * version u16, CRC-64 of all before it. A string is a length and its bytes, a small integer, or
 * compressed with LZF; we write the first two.
 */
import { latin1Bytes } from './batch-format.js';
import { crc64 } from './crc64.js';
import { unpackLzf } from './lzf.js';
import { parseInt64 } from './numbers.js';

/** Of Redis 7.0, so that it and all later versions read what we write. */
const rdbVersion = 10;
const stringType = 0;
const footerBytes = 10;
/** Longer strings are not looked at as integers: sign and ten digits. */
const integerBytesMax = 11;

const Encoding = { int8: 0, int16: 1, int32: 2, lzf: 3 } as const;

export function dumpString(value: Uint8Array): Uint8Array {
  const integer = smallInteger(value);
  const head = integer ?? lengthBytes(value.length);
  const body = integer === null ? value : new Uint8Array(0);
  const payload = new Uint8Array(1 + head.length + body.length + footerBytes);
  payload[0] = stringType;
  payload.set(head, 1);
  payload.set(body, 1 + head.length);
  const end = payload.length - 8;
  payload[end - 2] = rdbVersion;
  payload.set(crc64(payload, 0, end), end);
  return payload;
}

/** The whole of an integer that fits 32 bits, or null. */
function smallInteger(value: Uint8Array): Uint8Array | null {
  if (value.length > integerBytesMax) return null;
  const integer = parseInt64(value, 0, value.length);
  if (typeof integer !== 'number' || integer !== (integer | 0)) return null;
  const bytes = new Uint8Array(5);
  const view = new DataView(bytes.buffer);
  view.setInt32(1, integer, true);
  const encoding =
    integer === (integer << 24) >> 24
      ? Encoding.int8
      : integer === (integer << 16) >> 16
        ? Encoding.int16
        : Encoding.int32;
  bytes[0] = 0xc0 | encoding;
  return bytes.subarray(0, 1 + 2 ** encoding);
}

function lengthBytes(length: number): Uint8Array {
  if (length < 64) return Uint8Array.of(length);
  if (length < 16_384) return Uint8Array.of(0x40 | (length >> 8), length & 0xff);
  const bytes = new Uint8Array(5);
  bytes[0] = 0x80;
  new DataView(bytes.buffer).setUint32(1, length);
  return bytes;
}

/** Version and checksum are right. Strings look alike in all versions, so any will do. */
export function isDump(payload: Uint8Array): boolean {
  if (payload.length < footerBytes) return false;
  const end = payload.length - 8;
  return crc64(payload, 0, end).every((byte, at) => byte === payload[end + at]);
}

/** The string in a payload that isDump(), or null where it holds none. */
export function stringOfDump(payload: Uint8Array, bytesMax: number): Uint8Array | null {
  if (payload[0] !== stringType) return null;
  return new StringReader(payload.subarray(1, payload.length - footerBytes), bytesMax).read();
}

class StringReader {
  private at = 0;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly bytesMax: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  read(): Uint8Array | null {
    const first = this.bytes[this.at];
    if (first === undefined) return null;
    if (first < 0xc0) return this.take(this.length());
    this.at++;
    return first === (0xc0 | Encoding.lzf) ? this.compressed() : this.integer(first & 0x3f);
  }

  /** -1: damaged, or longer than allowed. */
  private length(): number {
    const first = this.bytes[this.at++];
    if (first === undefined || first >= 0xc0) return -1;
    if (first < 0x40) return first;
    if (first < 0x80) return ((first & 0x3f) << 8) | (this.bytes[this.at++] ?? 0);
    const wide = first === 0x81;
    if ((first !== 0x80 && !wide) || this.at + (wide ? 8 : 4) > this.bytes.length) return -1;
    const from = this.at;
    this.at += wide ? 8 : 4;
    const length = wide ? Number(this.view.getBigUint64(from)) : this.view.getUint32(from);
    return length <= this.bytesMax ? length : -1;
  }

  private take(length: number): Uint8Array | null {
    if (length < 0 || this.at + length > this.bytes.length) return null;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  private integer(encoding: number): Uint8Array | null {
    if (encoding > Encoding.int32 || this.at + 2 ** encoding > this.bytes.length) return null;
    const { view, at } = this;
    if (encoding === Encoding.int8) return latin1Bytes(String(view.getInt8(at)));
    const wide = encoding === Encoding.int32;
    return latin1Bytes(String(wide ? view.getInt32(at, true) : view.getInt16(at, true)));
  }

  private compressed(): Uint8Array | null {
    const packed = this.length();
    const length = this.length();
    const input = length < 0 ? null : this.take(packed);
    return input === null ? null : unpackLzf(input, length);
  }
}
