/**
 * The received pieces of one payload, used by the frame reader. Memory stays near the bytes
 * added, whatever the size of the pieces: large ones are kept as views, small ones are gathered
 * in blocks. A payload that came in one piece is not copied at all, others once or twice.
 */
const smallPieceBytes = 4 * 1024;
const blockBytes = 16 * 1024;

export class PieceList {
  #pieces: Uint8Array[] = [];
  #block: Uint8Array | null = null;
  #blockUsed = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a view of `piece`. */
  add(piece: Uint8Array): void {
    const first = this.#bytes === 0;
    this.#bytes += piece.length;
    // The first piece is often the whole payload.
    if (first || piece.length >= smallPieceBytes) {
      this.#seal();
      this.#pieces.push(piece);
    } else {
      this.#gather(piece);
    }
  }

  /** All bytes in one buffer that nobody else writes to; the list is empty afterwards. */
  take(): Uint8Array {
    this.#seal();
    const pieces = this.#pieces;
    const payload = pieces.length === 1 ? pieces[0]! : join(pieces, this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
    return payload;
  }

  #gather(piece: Uint8Array): void {
    if (this.#block !== null && this.#blockUsed + piece.length > blockBytes) this.#seal();
    this.#block ??= new Uint8Array(blockBytes);
    this.#block.set(piece, this.#blockUsed);
    this.#blockUsed += piece.length;
  }

  #seal(): void {
    if (this.#block === null) return;
    this.#pieces.push(this.#block.subarray(0, this.#blockUsed));
    this.#block = null;
    this.#blockUsed = 0;
  }
}

function join(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  // Not from the shared pool of Buffer: the result may live as long as a log entry.
  const joined = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
