/**
 * The clock of one node: runs a little fast or slow, its wall clock may be wrong and may jump.
 * A turn is one event of the node; what was asked for its end runs shortly after, so that several
 * messages may share a turn, as with real sockets.
 */
import { TurnQueue } from '../../src/node/turn-queue.js';
import type { Clock, TurnStage } from '../../src/ports.js';

/** What the clock asks of its node: work that dies with the process and waits in a pause. */
export interface TurnHost {
  readonly now: number;
  /** Ms of the node per ms of the simulation. */
  readonly rate: number;
  wallOffsetMs: number;
  after(delayMs: number, run: () => void): void;
  /** Something may wait for what just ran. */
  settled(): void;
  /** A short while in ms: until the end of the turn. */
  turnMs(): number;
}

const epochMs = 1_700_000_000_000;

export class SimClock implements Clock {
  private readonly queue = new TurnQueue();

  constructor(private readonly host: TurnHost) {}

  wallMs(): number {
    return epochMs + this.monotonicMs() + this.host.wallOffsetMs;
  }

  monotonicMs(): number {
    return this.host.now * this.host.rate;
  }

  every(periodMs: number, run: () => void): () => void {
    let ended = false;
    const period = periodMs / this.host.rate;
    let due = this.host.now + period;
    const fire = () => {
      if (ended) return;
      run();
      // A pause makes several periods fall due: they count as one.
      due = Math.max(due + period, this.host.now + period / 2);
      this.host.after(due - this.host.now, fire);
    };
    this.host.after(period, fire);
    return () => {
      ended = true;
    };
  }

  after(delayMs: number, run: () => void): () => void {
    let ended = false;
    this.host.after(delayMs / this.host.rate, () => {
      if (ended) return;
      run();
      this.host.settled();
    });
    return () => {
      ended = true;
    };
  }

  endOfTurn(run: () => void, stage: TurnStage = 'work'): void {
    if (!this.queue.push(run, stage)) return;
    this.host.after(this.host.turnMs(), () => this.queue.run());
  }

  nextTurn(run: () => void): void {
    this.host.after(this.host.turnMs(), run);
  }
}
