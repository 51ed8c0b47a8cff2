/** A bar on a terminal; nothing elsewhere. */
import type { WriteStream } from 'node:tty';

const cells = 30;

export class Progress {
  private total = 1;
  private done = 0;

  constructor(private readonly stream: WriteStream) {}

  expect(steps: number): void {
    this.total = steps;
  }

  step(what: string): void {
    this.done++;
    if (!this.stream.isTTY) return;
    const full = Math.round((cells * this.done) / this.total);
    const bar = '#'.repeat(full).padEnd(cells, '.');
    this.stream.write(`\r\u001b[K[${bar}] ${this.done}/${this.total} ${what}`);
  }

  clear(): void {
    if (this.stream.isTTY) this.stream.write('\r\u001b[K');
  }

  end(): void {
    this.clear();
  }
}
