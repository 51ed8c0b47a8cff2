import { describe, expect, it } from 'vitest';
import { Exclusion } from '../../src/node/exclusion.js';
import type { PeerHello } from '../../src/ports.js';
import type { Configuration } from '../../src/raft/types.js';
import {
  append,
  Bench,
  configEntry,
  configurationOf,
  heartbeat,
  memberOf,
  restoredLog,
  three,
} from '../raft/support.js';
import { helloOf } from '../transport/peer-fixtures.js';

const two = configurationOf(['n1', 'n2']);
const graceTicks = 5;

/** Node n3, which may have been removed. */
class World {
  readonly bench: Bench;
  readonly peers = new Map<string, PeerHello>();
  readonly exclusion = new Exclusion(memberOf('n3'), graceTicks, () => this.peers.values());

  constructor(configuration: Configuration | null = three, commit = 1) {
    this.bench = new Bench('n3', restoredLog({ configuration, commit }));
    // Past the time in which a started node stands by a leader it may have had.
    this.bench.tick(9).forget();
  }

  says(id: string, configuration: Configuration, configurationIndex: number): this {
    this.peers.set(id, { ...helloOf(id), configuration, configurationIndex });
    return this;
  }

  /** Ticks until it is out; null when that never comes. */
  outAfter(before: (tick: number) => void = () => {}): number | null {
    for (let tick = 1; tick <= 30; tick++) {
      before(tick);
      this.bench.tick();
      if (this.exclusion.tick(this.bench.core)) return tick;
    }
    return null;
  }
}

describe('requirement 54: Exclusion', () => {
  it('a member stays, also when a peer that lags behind does not know it', () => {
    expect(new World().outAfter()).toBeNull();
    expect(new World().says('n1', two, 0).outAfter()).toBeNull();
    expect(new World().says('n1', three, 9).says('n2', two, 7).outAfter()).toBeNull();
  });

  it('hears of its removal from a peer', () => {
    expect(new World().says('n1', two, 9).outAfter()).toBe(5);
  });

  it('knows of its removal from its own log, once that is committed', () => {
    const world = new World();
    append(world.bench, 2, [1, 1], [configEntry(2, 2, two)], 1, 'n1').sync();
    expect(world.outAfter()).toBeNull();
    heartbeat(world.bench, 2, 1, 2, 'n1').tick(10);
    expect(world.outAfter()).toBe(5);
  });

  it('knows of its removal from its own log, once a peer says that it is committed', () => {
    const world = new World();
    append(world.bench, 2, [1, 1], [configEntry(2, 2, two)], 1, 'n1')
      .sync()
      .tick(10);
    expect(world.says('n1', three, 1).outAfter()).toBeNull();
    expect(world.says('n1', two, 2).outAfter()).toBe(5);
  });

  it('goes though its leader still tells it so', () => {
    const world = new World().says('n1', two, 2);
    append(world.bench, 2, [1, 1], [configEntry(2, 2, two)], 2, 'n1').sync();
    expect(world.outAfter((tick) => heartbeat(world.bench, 2, tick, 2, 'n1'))).toBe(5);
  });

  it('stays while a leader that may have added it again speaks to it', () => {
    const world = new World().says('n2', two, 2);
    append(world.bench, 2, [1, 1], [configEntry(2, 2, two)], 2, 'n1').sync();
    expect(world.outAfter((tick) => heartbeat(world.bench, 2, tick, 2, 'n1'))).toBeNull();
    expect(world.says('n1', three, 3).outAfter()).toBeNull();
  });

  it('who was never a member waits to be taken in', () => {
    expect(new World(null, 0).says('n1', two, 9).outAfter()).toBeNull();
    expect(new World(two).says('n1', two, 9).outAfter()).toBeNull();
    // The old directory of a node that was wiped since.
    const members = three.members.map((m) => (m.id === 'n3' ? { ...m, incarnation: 'old' } : m));
    const world = new World(null, 0).says('n1', { ...three, members }, 8);
    expect(world.says('n2', two, 9).outAfter()).toBeNull();
  });

  it('who was taken in and removed before it had anything goes too', () => {
    const world = new World(null, 0).says('n1', three, 8);
    expect(world.outAfter()).toBeNull();
    expect(world.says('n1', two, 9).outAfter()).toBe(5);
  });
});
