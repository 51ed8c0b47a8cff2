/** A clock that stands still until it is told to move. */
import type { Clock } from '../../src/ports.js';

export class FakeClock implements Clock {
  wall = 1_700_000_000_000;
  monotonic = 1000;
  private queue: (() => void)[] = [];

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  /** Both clocks run on. */
  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }

  every(): () => void {
    return () => {};
  }

  after(_delayMs: number, run: () => void): () => void {
    this.queue.push(run);
    return () => {
      this.queue = this.queue.filter((each) => each !== run);
    };
  }

  endOfTurn(run: () => void): void {
    this.queue.push(run);
  }

  nextTurn(run: () => void): void {
    this.queue.push(run);
  }

  /** Runs what was asked for until nothing is left. */
  turn(): void {
    while (this.queue.length > 0) {
      const due = this.queue;
      this.queue = [];
      for (const run of due) run();
    }
  }
}
