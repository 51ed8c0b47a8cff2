/**
 * The arguments of one command as positions in a byte array, so that a command travels from the
 * socket to the log and from the log to the keyspace without a Buffer or string per argument.
 * Filled by the request parser and by the batch reader; valid only until they move on.
 * Argument 0 is the command name, as in Redis' argv; commands read from the log leave it empty.
 */
export class Args {
  bytes: Uint8Array = new Uint8Array(0);
  count = 0;
  /** Pairs of start and end. */
  private positions = new Int32Array(32);

  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.count = 0;
  }

  push(start: number, end: number): void {
    const at = this.count * 2;
    if (at + 2 > this.positions.length) {
      const wider = new Int32Array(this.positions.length * 2);
      wider.set(this.positions);
      this.positions = wider;
    }
    this.positions[at] = start;
    this.positions[at + 1] = end;
    this.count++;
  }

  /** The same bytes now lie `delta` further in another array. */
  rebase(bytes: Uint8Array, delta: number): void {
    this.bytes = bytes;
    for (let at = 0; at < this.count * 2; at++) this.positions[at]! += delta;
  }

  /** The arguments from one on, as a command of their own, in the same bytes. */
  from(first: number): Args {
    const rest = new Args();
    rest.reset(this.bytes);
    for (let index = first; index < this.count; index++) {
      rest.push(this.start(index), this.end(index));
    }
    return rest;
  }

  /** A copy that stays valid. */
  clone(): Args {
    const copy = new Args();
    const from = this.count === 0 ? 0 : this.start(0);
    const to = this.count === 0 ? 0 : this.end(this.count - 1);
    // Not slice(): of a Node Buffer that would be a view.
    copy.reset(new Uint8Array(this.bytes.subarray(from, to)));
    for (let index = 0; index < this.count; index++) {
      copy.push(this.start(index) - from, this.end(index) - from);
    }
    return copy;
  }

  start(index: number): number {
    return this.positions[index * 2]!;
  }

  end(index: number): number {
    return this.positions[index * 2 + 1]!;
  }

  length(index: number): number {
    return this.positions[index * 2 + 1]! - this.positions[index * 2]!;
  }

  /** Of all, with what lies between them. */
  get byteLength(): number {
    return this.count === 0 ? 0 : this.end(this.count - 1) - this.start(0);
  }

  /** A view, not a copy: copy what is kept. */
  view(index: number): Uint8Array {
    return this.bytes.subarray(this.start(index), this.end(index));
  }

  /** The argument as latin1: one char per byte, lossless. */
  text(index: number): string {
    let text = '';
    for (let at = this.start(index); at < this.end(index); at++) {
      text += String.fromCharCode(this.bytes[at]!);
    }
    return text;
  }

  /** As C prints it in an error text: up to the first zero byte. */
  printed(index: number): string {
    const text = this.text(index);
    const end = text.indexOf('\0');
    return end < 0 ? text : text.slice(0, end);
  }

  /** Compares with an upper-case ASCII word, ignoring case, as Redis does with options. */
  is(index: number, upperCaseWord: string): boolean {
    const start = this.start(index);
    if (this.end(index) - start !== upperCaseWord.length) return false;
    for (let at = 0; at < upperCaseWord.length; at++) {
      const byte = this.bytes[start + at]!;
      const upper = byte >= 97 && byte <= 122 ? byte - 32 : byte;
      if (upper !== upperCaseWord.charCodeAt(at)) return false;
    }
    return true;
  }
}
