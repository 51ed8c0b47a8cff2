/**
 * What waits for the end of a turn, in stages (TurnStage): first what others wait for meanwhile.
 * The disk and the peers then work while this node applies entries and writes to its clients.
 */
import type { TurnStage } from '../ports.js';

export class TurnQueue {
  private readonly work: (() => void)[] = [];
  private readonly peers: (() => void)[] = [];
  private readonly apply: (() => void)[] = [];
  private readonly clients: (() => void)[] = [];

  private begun = false;

  /** True for the first of a turn: somebody must call run() at its end. */
  push(run: () => void, stage: TurnStage): boolean {
    this[stage].push(run);
    const isFirst = !this.begun;
    this.begun = true;
    return isFirst;
  }

  /** Also what asks for the end of the turn while this runs; that may be of an earlier stage. */
  run(): void {
    for (let next = this.take(); next !== undefined; next = this.take()) next();
    this.begun = false;
  }

  private take(): (() => void) | undefined {
    return this.work.shift() ?? this.peers.shift() ?? this.apply.shift() ?? this.clients.shift();
  }
}
