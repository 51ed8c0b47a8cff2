/**
 * Bounds-checked reading and exact-size writing of hand-laid bytes between peers. Numbers are
 * big-endian. A read that does not fit or a number out of range is a TgError PROTOCOL, never a
 * wrong value: what is read comes from outside.
 */
import { TgError } from '../errors.js';

const nullLength = 0xffff;

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#bytes[this.#advance(1)]!;
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  /** A whole number from 0, or from -1 where `lowest` says so, up to 2^53 - 1. */
  integer(lowest: 0 | -1 = 0): number {
    const value = this.#bytes.readDoubleBE(this.#advance(8));
    if (!Number.isSafeInteger(value) || value < lowest) damaged('a number out of range');
    return value;
  }

  flag(): boolean {
    const value = this.u8();
    if (value > 1) damaged('a flag that is neither 0 nor 1');
    return value === 1;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Bytes that were not read. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** Moves over `length` bytes and returns where they began. */
  skip(length: number): number {
    return this.#advance(length);
  }

  /** A view on the input. */
  view(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  textOrNull(): string | null {
    const length = this.u16();
    if (length === nullLength) return null;
    const at = this.#advance(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  text(): string {
    return this.textOrNull() ?? damaged('a missing text');
  }

  rest(): Uint8Array {
    return this.view(this.#bytes.length - this.#at);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) damaged('bytes left over');
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) damaged('bytes are missing');
    this.#at = at + length;
    return at;
  }
}

export class ByteWriter {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(length: number) {
    this.#bytes = Buffer.allocUnsafeSlow(length);
  }

  get length(): number {
    return this.#at;
  }

  u8(value: number): void {
    this.#at = this.#bytes.writeUInt8(value, this.#at);
  }

  u16(value: number): void {
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
  }

  u32(value: number): void {
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
  }

  integer(value: number): void {
    this.#at = this.#bytes.writeDoubleBE(value, this.#at);
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  text(value: string | null): void {
    if (value === null) {
      this.u16(nullLength);
      return;
    }
    const length = Buffer.byteLength(value);
    if (length >= nullLength) throw new TgError('INVARIANT', 'a text too long for a peer');
    this.u16(length);
    this.#at += this.#bytes.write(value, this.#at);
  }

  /** The bytes written from `from` on; a view. */
  since(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.#at);
  }
}

/** Bytes that ByteWriter.text() takes. */
export function textBytes(value: string | null): number {
  return 2 + (value === null ? 0 : Buffer.byteLength(value));
}

export function damaged(what: string): never {
  throw new TgError('PROTOCOL', `${what} in a message of a peer`);
}
