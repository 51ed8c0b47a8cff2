/**
 * All reads of one turn see one time, as in Redis: asking the clocks costs as much as a look-up.
 * Not for the stamps of entries, which must not lag behind what the clocks say.
 */
import type { Clock } from '../ports.js';
import type { LogClock } from './log-clock.js';

export class TurnTime {
  private known = Number.NaN;
  private readonly forget = () => {
    this.known = Number.NaN;
  };

  constructor(
    private readonly clock: Pick<Clock, 'endOfTurn'>,
    private readonly logClock: Pick<LogClock, 'now'>,
  ) {}

  /** Unix ms, at most one turn old. */
  now(): number {
    if (Number.isNaN(this.known)) {
      this.known = this.logClock.now();
      this.clock.endOfTurn(this.forget);
    }
    return this.known;
  }
}
