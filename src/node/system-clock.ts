/**
 * The real clock. Timers only ask for work and the work runs at the end of the turn, after the
 * sockets were read: after a pause Node may run timers first, and a follower would then call an
 * election while its leader's heartbeats lie unread (FACTS.md).
 */
import type { Clock, TurnStage } from '../ports.js';
import { TurnQueue } from './turn-queue.js';

export class SystemClock implements Clock {
  private readonly queue = new TurnQueue();
  private readonly runTurn = () => this.queue.run();

  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  every(periodMs: number, run: () => void): () => void {
    let asked = false;
    const atEnd = () => {
      asked = false;
      run();
    };
    const timer = setInterval(() => {
      // A pause makes several periods fall due: they count as one.
      if (asked) return;
      asked = true;
      this.endOfTurn(atEnd);
    }, periodMs);
    return () => clearInterval(timer);
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(() => this.endOfTurn(run), delayMs);
    return () => clearTimeout(timer);
  }

  endOfTurn(run: () => void, stage: TurnStage = 'work'): void {
    if (this.queue.push(run, stage)) setImmediate(this.runTurn);
  }

  nextTurn(run: () => void): void {
    setImmediate(run);
  }
}
