/** Remembers at which tick each recent heartbeat round was sent, in a few numbers per tick. */

export class RoundClock {
  private places: { readonly firstRound: number; readonly tick: number }[] = [];

  constructor(private readonly keepTicks: number) {}

  sent(round: number, tick: number): void {
    const last = this.places[this.places.length - 1];
    if (last !== undefined && last.tick === tick) return;
    this.places.push({ firstRound: round, tick });
    if (this.places.length > this.keepTicks) {
      this.places = this.places.filter((place) => tick - place.tick < this.keepTicks);
    }
  }

  /** -Infinity for a round that is too old to matter. */
  sentTick(round: number): number {
    for (let at = this.places.length - 1; at >= 0; at--) {
      if (this.places[at]!.firstRound <= round) return this.places[at]!.tick;
    }
    return Number.NEGATIVE_INFINITY;
  }
}
