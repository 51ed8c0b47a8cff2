/** A small generator seeded by an entry: all replicas draw the same numbers (mulberry32). */
export class Prng {
  private state = 0;

  seed(seed: number): void {
    this.state = seed >>> 0;
  }

  /** Unsigned 32-bit. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
