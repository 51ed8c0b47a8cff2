/**
 * The received pieces of one payload, used by the frame reader. They are copied out of the buffer
 * that the sockets of all peers are read into; a payload of one block is copied once, and each ends
 * up in memory of just its size: it may live as long as a log entry. Memory stays near the bytes
 * added, whatever the size of the pieces and frames: a block more at most, which the bytes that are
 * expected have room in.
 */
const blockBytesMax = 1024 * 1024;
const noBlock = new Uint8Array(0);

export class PieceList {
  readonly #blockBytesMin: number;
  #full: Uint8Array[] = [];
  /** Bytes of the full blocks. */
  #fullBytes = 0;
  #block: Uint8Array = noBlock;
  #used = 0;

  /** At least so much at a time: for payloads of many frames, which may be small. */
  constructor(blockBytesMin: number) {
    this.#blockBytesMin = blockBytesMin;
  }

  get bytes(): number {
    return this.#fullBytes + this.#used;
  }

  /** Copies `piece`; with it, `expected` bytes of its frame are still to come. */
  add(piece: Uint8Array, expected: number): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#used === this.#block.length) this.#openBlock(expected - at);
      const bytes = Math.min(piece.length - at, this.#block.length - this.#used);
      this.#block.set(piece.subarray(at, at + bytes), this.#used);
      this.#used += bytes;
      at += bytes;
    }
  }

  /** All bytes in one buffer that nobody else writes to; the list is empty afterwards. */
  take(): Uint8Array {
    const whole = this.#full.length === 0 && this.#used === this.#block.length;
    const payload = whole ? this.#block : this.#join();
    this.#full = [];
    this.#fullBytes = 0;
    this.#block = noBlock;
    this.#used = 0;
    return payload;
  }

  #openBlock(expected: number): void {
    if (this.#used > 0) this.#full.push(this.#block);
    this.#fullBytes += this.#used;
    const wanted = Math.max(expected, this.#blockBytesMin);
    this.#block = allocate(Math.min(wanted, blockBytesMax));
    this.#used = 0;
  }

  #join(): Uint8Array {
    const joined = allocate(this.bytes);
    let at = 0;
    for (const block of this.#full) {
      joined.set(block, at);
      at += block.length;
    }
    joined.set(this.#block.subarray(0, this.#used), at);
    return joined;
  }
}

/** Not from the shared pool of Buffer, of which a small part would keep the whole. */
function allocate(bytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(bytes);
}
