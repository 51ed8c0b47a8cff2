/**
 * Where the search has been: a hash table of equally long records in one array of integers. A
 * place is also covered by one that is equal but for having used fewer of the unknown operations,
 * since these can be left out for ever.
 */
import type { StateId } from './states.js';

/** A record: the next one with that hash, returned, state, known bits, unknown bits. */
const header = 3;
const recordsMin = 256;

export class Visited {
  private readonly width: number;
  private records: Int32Array;
  private heads: Int32Array;
  private count = 0;

  constructor(
    private readonly knownWords: number,
    unknownWords: number,
  ) {
    this.width = header + knownWords + unknownWords;
    this.records = new Int32Array(recordsMin * this.width);
    this.heads = new Int32Array(recordsMin).fill(-1);
  }

  get bytes(): number {
    return this.records.byteLength + this.heads.byteLength;
  }

  /** False if this place, or one that can do as much, was added before. */
  add(returned: number, state: StateId, bits: Int32Array): boolean {
    const hash = this.hash(returned, state, bits);
    const head = hash & (this.heads.length - 1);
    for (let at = this.heads[head]!; at >= 0; at = this.records[at * this.width]!) {
      if (this.covers(at * this.width, returned, state, bits)) return false;
    }
    this.insert(head, returned, state, bits);
    return true;
  }

  private covers(offset: number, returned: number, state: StateId, bits: Int32Array): boolean {
    const { records, knownWords } = this;
    if (records[offset + 1] !== returned || records[offset + 2] !== state) return false;
    for (let word = 0; word < knownWords; word++) {
      if (records[offset + header + word] !== bits[word]) return false;
    }
    for (let word = knownWords; word < bits.length; word++) {
      if ((records[offset + header + word]! & ~bits[word]!) !== 0) return false;
    }
    return true;
  }

  private hash(returned: number, state: StateId, bits: Int32Array): number {
    let hash = Math.imul(returned, 0x9e3779b1) ^ Math.imul(state, 0x85ebca6b);
    for (let word = 0; word < this.knownWords; word++) {
      hash = Math.imul(hash ^ bits[word]!, 0xc2b2ae35);
      hash ^= hash >>> 15;
    }
    return hash ^ (hash >>> 13);
  }

  private insert(head: number, returned: number, state: StateId, bits: Int32Array): void {
    if ((this.count + 1) * this.width > this.records.length) this.growRecords();
    const offset = this.count * this.width;
    this.records[offset] = this.heads[head]!;
    this.records[offset + 1] = returned;
    this.records[offset + 2] = state;
    this.records.set(bits, offset + header);
    this.heads[head] = this.count++;
    if (this.count > this.heads.length) this.growHeads();
  }

  private growRecords(): void {
    const longer = new Int32Array(this.records.length * 2);
    longer.set(this.records);
    this.records = longer;
  }

  private growHeads(): void {
    this.heads = new Int32Array(this.heads.length * 4).fill(-1);
    for (let at = 0; at < this.count; at++) {
      const offset = at * this.width;
      const bits = this.records.subarray(offset + header, offset + this.width);
      const hash = this.hash(this.records[offset + 1]!, this.records[offset + 2]!, bits);
      const head = hash & (this.heads.length - 1);
      this.records[offset] = this.heads[head]!;
      this.heads[head] = at;
    }
  }
}
