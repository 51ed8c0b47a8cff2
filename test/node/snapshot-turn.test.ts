/** Members take their snapshots one after the other, and none waits for ever. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { SnapshotTurn } from '../../src/node/snapshot-turn.js';
import { FakeClock } from './fake-clock.js';

const stateBytes = 1000 * limits.snapshotTurnBytesPerMs;

class World {
  readonly delays: number[] = [];
  begun = 0;
  readonly clock = new (class extends FakeClock {
    constructor(private readonly delays: number[]) {
      super();
    }

    override after(delayMs: number, run: () => void): () => void {
      this.delays.push(delayMs);
      return super.after(delayMs, run);
    }
  })(this.delays);
  readonly turn: SnapshotTurn;

  constructor(place: number) {
    this.turn = new SnapshotTurn({
      clock: this.clock,
      place: () => place,
      stateBytes: () => stateBytes,
      begin: () => {
        this.begun++;
      },
    });
  }
}

describe('SnapshotTurn', () => {
  it('begins at once in the first place, and only when one is due', () => {
    const world = new World(0);
    world.turn.logGrew(99, 100);
    expect(world.begun).toBe(0);
    world.turn.logGrew(100, 100);
    expect([world.begun, world.delays]).toEqual([1, []]);
  });

  it('waits as long as those before it are likely to write, once', () => {
    const world = new World(2);
    world.turn.logGrew(100, 100);
    world.turn.logGrew(110, 100);
    expect([world.begun, world.delays]).toEqual([0, [2000]]);
    world.clock.turn();
    expect(world.begun).toBe(1);
    world.turn.logGrew(100, 100);
    expect(world.delays).toEqual([2000, 2000]);
  });

  it('waits no longer when the log grows by half of what is written', () => {
    const world = new World(1);
    world.turn.logGrew(100, 100);
    world.turn.logGrew(99 + stateBytes / 2, 100);
    expect(world.begun).toBe(0);
    world.turn.logGrew(100 + stateBytes / 2, 100);
    expect(world.begun).toBe(1);
    world.clock.turn();
    expect(world.begun).toBe(1);
  });

  it('does not begin after a stop', () => {
    const world = new World(1);
    world.turn.logGrew(100, 100);
    world.turn.stop();
    world.clock.turn();
    expect(world.begun).toBe(0);
  });
});
