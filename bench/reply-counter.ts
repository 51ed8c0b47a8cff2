/**
 * Counts complete RESP2 replies in a stream without looking at what they hold. An error reply
 * ends the run: a bench of errors measures nothing.
 */
const [plus, minus, colon, dollar, star, newline] = [43, 45, 58, 36, 42, 10];

export class ReplyCounter {
  /** Bytes of a bulk string, with its line end, that have not come yet. */
  private skip = 0;
  /** Elements of arrays still to come before the reply is complete. */
  private elements = 0;
  private line = '';

  /** Complete replies that `chunk` ended. */
  feed(chunk: Buffer): number {
    let done = 0;
    for (let at = 0; at < chunk.length; ) {
      if (this.skip > 0) {
        const step = Math.min(this.skip, chunk.length - at);
        this.skip -= step;
        at += step;
        if (this.skip === 0) done += this.ended();
        continue;
      }
      const end = chunk.indexOf(newline, at);
      if (end < 0) {
        this.line += chunk.toString('latin1', at);
        return done;
      }
      done += this.header(chunk, at, end);
      at = end + 1;
    }
    return done;
  }

  private header(chunk: Buffer, at: number, end: number): number {
    const whole = this.line === '' ? null : this.line + chunk.toString('latin1', at, end);
    this.line = '';
    const type = whole === null ? chunk[at]! : whole.charCodeAt(0);
    if (type === plus || type === colon) return this.ended();
    const text = whole ?? chunk.toString('latin1', at, end);
    if (type === minus) throw new Error(`an error reply: ${text.trim()}`);
    const length = Number(text.slice(1));
    if (type === dollar && length >= 0) {
      this.skip = length + 2;
      return 0;
    }
    if (type === star && length > 0) {
      this.elements += length;
      return 0;
    }
    return this.ended();
  }

  private ended(): number {
    if (this.elements === 0) return 1;
    this.elements--;
    return this.elements === 0 ? 1 : 0;
  }
}
