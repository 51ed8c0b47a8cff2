/**
 * All reads of one turn see one time, as in Redis: asking the clocks costs as much as a look-up,
 * and their replies leave at the end of the turn anyway.
 * Not for the stamps of entries, which must not lag behind what the clocks say.
 */
import type { Clock } from '../ports.js';

export class TurnTime {
  private known = Number.NaN;
  private readonly forget = () => {
    this.known = Number.NaN;
  };

  constructor(
    private readonly clock: Pick<Clock, 'endOfTurn'>,
    private readonly ask: () => number,
  ) {}

  /** What `ask` gave, at most one turn old. */
  now(): number {
    if (Number.isNaN(this.known)) {
      this.known = this.ask();
      this.clock.endOfTurn(this.forget);
    }
    return this.known;
  }
}
