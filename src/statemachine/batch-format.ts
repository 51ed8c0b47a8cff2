/**
 * The payload of a 'command' entry: what a leader stamps and every replica applies.
 * Header: version u8, kind u8, stampMs f64, seed u32, count u32. A batch goes on with its
 * commands: code (see commandCode), number of arguments, then length and bytes of each, all numbers
 * as varints.
 */
import { TgError } from '../errors.js';
import type { Args } from '../resp/args.js';

export const batchVersion = 1;
export const payloadHeaderBytes = 18;

export const PayloadKind = { batch: 1, pulse: 2, touches: 3, settings: 4 } as const;

/** In a batch a command of another database than 0 has that in front of its opcode. */
const databaseShift = 10;

export function commandCode(opcode: number, database: number): number {
  return opcode | (database << databaseShift);
}

export function opcodeOf(code: number): number {
  return code & ((1 << databaseShift) - 1);
}

export function databaseOf(code: number): number {
  return code >>> databaseShift;
}

/** Whether a payload changes shared settings. */
export function isSettings(payload: Uint8Array): boolean {
  return payload[1] === PayloadKind.settings;
}

const initialBytes = 64 * 1024;
/** Shorter arguments are copied byte by byte: a view would cost more. */
const loopBytesMax = 48;
/** A number has five bytes at most. */
const varintFactorMax = 2 ** 35;
/** A buffer that served one huge batch is not kept. */
const keptBytesMax = 4 * 1024 * 1024;

/** Gathers the commands of one turn. */
export class BatchWriter {
  private buffer = new Uint8Array(initialBytes);
  private used = payloadHeaderBytes;
  commandCount = 0;

  get byteLength(): number {
    return this.used;
  }

  begin(): void {
    this.used = payloadHeaderBytes;
    this.commandCount = 0;
    if (this.buffer.length > keptBytesMax) this.buffer = new Uint8Array(initialBytes);
  }

  /** Copies the arguments behind the name. */
  append(opcode: number, args: Args, database = 0): void {
    this.room(10);
    this.varint(commandCode(opcode, database));
    this.varint(args.count - 1);
    for (let index = 1; index < args.count; index++) {
      this.argument(args.bytes, args.start(index), args.end(index));
    }
    this.commandCount++;
  }

  /** The payload, a copy of its own. */
  finish(stampMs: number, seed: number): Uint8Array {
    writeHeader(this.buffer, PayloadKind.batch, stampMs, seed, this.commandCount);
    return this.buffer.slice(0, this.used);
  }

  private argument(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.room(5 + length);
    this.varint(length);
    const { buffer } = this;
    let at = this.used;
    if (length <= loopBytesMax) {
      for (let from = start; from < end; from++) buffer[at++] = source[from]!;
    } else buffer.set(source.subarray(start, end), at);
    this.used += length;
  }

  private varint(value: number): void {
    let left = value;
    while (left > 127) {
      this.buffer[this.used++] = (left & 127) | 128;
      left >>>= 7;
    }
    this.buffer[this.used++] = left;
  }

  private room(bytes: number): void {
    const needed = this.used + bytes;
    if (needed <= this.buffer.length) return;
    const wider = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    wider.set(this.buffer.subarray(0, this.used));
    this.buffer = wider;
  }
}

function writeHeader(
  target: Uint8Array,
  kind: number,
  stampMs: number,
  seed: number,
  count: number,
): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  target[0] = batchVersion;
  target[1] = kind;
  view.setFloat64(2, stampMs, true);
  view.setUint32(10, seed >>> 0, true);
  view.setUint32(14, count, true);
}

const peekedBytesMax = 256;

/** Reads a payload in place. */
export class PayloadReader {
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  kind = 0;
  stampMs = 0;
  seed = 0;
  count = 0;

  open(bytes: Uint8Array): void {
    if (bytes.length < payloadHeaderBytes || bytes[0] !== batchVersion) {
      throw new TgError('UNKNOWN_FORMAT', `an entry's payload of version ${bytes[0]}`);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.bytes = bytes;
    this.kind = bytes[1]!;
    this.stampMs = view.getFloat64(2, true);
    this.seed = view.getUint32(10, true);
    this.count = view.getUint32(14, true);
    this.at = payloadHeaderBytes;
  }

  /** Points `args` at the next command's arguments; argument 0 is empty. Returns its code. */
  next(args: Args): number {
    const code = this.varint();
    const count = this.varint();
    args.reset(this.bytes);
    // Where the others are: who looks at the first and the last sees how long the command is.
    args.push(this.at, this.at);
    for (let index = 0; index < count; index++) {
      const length = this.varint();
      const start = this.at;
      this.at += length;
      if (this.at > this.bytes.length) throw tooShort();
      args.push(start, this.at);
    }
    return code;
  }

  /**
   * The first argument of each of the next `commands`, most often a key, without moving on. Long
   * ones are left out: who asks wants to look at them all.
   */
  peek(commands: number, firsts: Args): void {
    const { at } = this;
    firsts.reset(this.bytes);
    for (let left = commands; left > 0; left--) {
      this.varint();
      const count = this.varint();
      for (let index = 0; index < count; index++) {
        const length = this.varint();
        if (index === 0 && length <= peekedBytesMax) firsts.push(this.at, this.at + length);
        this.at += length;
      }
    }
    this.at = at;
  }

  /** What follows the header of a payload that is no batch. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.at);
  }

  private varint(): number {
    let value = 0;
    for (let factor = 1; factor < varintFactorMax; factor *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw tooShort();
      if (byte < 128) return value + byte * factor;
      value += (byte & 127) * factor;
    }
    throw tooShort();
  }
}

function tooShort(): TgError {
  return new TgError('CORRUPT', "an entry's payload is damaged");
}

function payload(
  kind: number,
  stampMs: number,
  seed: number,
  count: number,
  body: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(payloadHeaderBytes + body.length);
  writeHeader(bytes, kind, stampMs, seed, count);
  bytes.set(body, payloadHeaderBytes);
  return bytes;
}

/** Moves the log's time where no command does. */
export function encodePulse(stampMs: number, seed: number): Uint8Array {
  return payload(PayloadKind.pulse, stampMs, seed, 0, new Uint8Array(0));
}

/** Recency of reads, as touches.ts encodes it. */
export function encodeTouchEntry(stampMs: number, seed: number, touches: Uint8Array): Uint8Array {
  return payload(PayloadKind.touches, stampMs, seed, 0, touches);
}

/**
 * Settings that all replicas share, as lines of name=value in latin1: a name holds no '=', and
 * neither a line break. An empty value removes the setting.
 */
export function encodeSettings(
  stampMs: number,
  seed: number,
  pairs: readonly (readonly [string, string])[],
): Uint8Array {
  const text = pairs.map(([name, value]) => `${name}=${value}\n`).join('');
  return payload(PayloadKind.settings, stampMs, seed, pairs.length, latin1Bytes(text));
}

export function decodeSettings(body: Uint8Array): [string, string][] {
  return latin1Text(body)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
}

export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

export function latin1Text(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
