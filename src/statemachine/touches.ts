/**
 * How the uses that a node sees become entries of the log. The collector is the node's own and no
 * part of the state: it notes each slot once per window, and only where the use would change
 * something. The encoded batch holds what the slots were valid at, then sorted slots as deltas.
 */
import { TgError } from '../errors.js';
import { limits } from '../limits.js';

/** What the collector asks of the keyspace. */
export interface TouchedKeyspace {
  readonly slotLimit: number;
  wantsTouch(slot: number): boolean;
  version(slot: number): number;
}

export class TouchCollector {
  private readonly slots = new Int32Array(limits.touchSlotsMax);
  private readonly versions = new Float64Array(limits.touchSlotsMax);
  private held = 0;
  /** One bit per slot: noted in this window. */
  private noted = new Uint32Array(1024);

  /** Slots noted in this window. */
  get count(): number {
    return this.held;
  }

  /** A read used the key in this slot. */
  note(keyspace: TouchedKeyspace, slot: number): void {
    if (this.held === limits.touchSlotsMax) return;
    const word = slot >>> 5;
    if (word >= this.noted.length) this.widen(word);
    const bit = 1 << (slot & 31);
    if ((this.noted[word]! & bit) !== 0 || !keyspace.wantsTouch(slot)) return;
    this.noted[word] = this.noted[word]! | bit;
    this.slots[this.held] = slot;
    this.versions[this.held] = keyspace.version(slot);
    this.held++;
  }

  /**
   * Ends the window: the slots in order that still hold what was read, for a batch that is valid
   * at the keyspace's present count of changes.
   */
  drain(keyspace: TouchedKeyspace): Int32Array {
    let kept = 0;
    for (let at = 0; at < this.held; at++) {
      const slot = this.slots[at]!;
      this.noted[slot >>> 5] = 0;
      if (slot >= keyspace.slotLimit || keyspace.version(slot) !== this.versions[at]) continue;
      this.slots[kept++] = slot;
    }
    this.held = 0;
    return this.slots.slice(0, kept).sort();
  }

  private widen(word: number): void {
    const wider = new Uint32Array(Math.max(word + 1, this.noted.length * 2));
    wider.set(this.noted);
    this.noted = wider;
  }
}

export interface TouchBatch {
  /** Keyspace.changes when the slots were drained. */
  readonly validAt: number;
  readonly slots: Int32Array;
}

const VARINT_BYTES_MAX = 5;

/** `slots` in ascending order without repetition. */
export function encodeTouches({ validAt, slots }: TouchBatch): Uint8Array {
  const bytes = new Uint8Array((slots.length + 2) * VARINT_BYTES_MAX);
  let at = writeVarint(bytes, 0, validAt >>> 0);
  at = writeVarint(bytes, at, slots.length);
  let previous = -1;
  for (let index = 0; index < slots.length; index++) {
    at = writeVarint(bytes, at, slots[index]! - previous - 1);
    previous = slots[index]!;
  }
  return bytes.slice(0, at);
}

/** Bytes start..end must be one batch, or CORRUPT is thrown. */
export function decodeTouches(bytes: Uint8Array, start: number, end: number): TouchBatch {
  const reader = new VarintReader(bytes, start, end);
  const validAt = reader.next();
  const count = reader.next();
  if (count > limits.touchSlotsMax) throw damaged();
  const slots = new Int32Array(count);
  let previous = -1;
  for (let index = 0; index < count; index++) {
    previous += reader.next() + 1;
    if (previous > 0x7fffffff) throw damaged();
    slots[index] = previous;
  }
  reader.finish();
  return { validAt, slots };
}

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 128) {
    bytes[at++] = (rest & 127) | 128;
    rest = rest >>> 7;
  }
  bytes[at++] = rest;
  return at;
}

function damaged(): TgError {
  return new TgError('CORRUPT', 'a batch of touches is damaged');
}

class VarintReader {
  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly end: number,
  ) {}

  /** Unsigned 32 bits. */
  next(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.end) throw damaged();
      const byte = this.bytes[this.at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        if (value > 0xffffffff) throw damaged();
        return value;
      }
    }
    throw damaged();
  }

  finish(): void {
    if (this.at !== this.end) throw damaged();
  }
}
