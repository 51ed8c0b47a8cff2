import { describe, expect, it } from 'vitest';
import { Joiner } from '../../src/node/joiner.js';
import type { PeerHello } from '../../src/ports.js';
import { configurationOf, three } from '../raft/support.js';
import { helloOf } from '../transport/peer-fixtures.js';
import { FakeClock } from './fake-clock.js';

class World {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  readonly found: string[][] = [];
  readonly answers = new Map<string, PeerHello>();
  readonly joiner: Joiner;
  asked = 0;

  constructor(...seeds: string[]) {
    this.joiner = new Joiner({
      self: { id: 'n4', peerAddress: '10.0.0.4:1', incarnation: 'fresh' },
      seeds,
      introduce: async (address) => {
        this.asked++;
        const hello = this.answers.get(address);
        if (hello === undefined) throw new Error(`no introduction from ${address}`);
        return hello;
      },
      clock: this.clock,
      logger: { info: ((text: string) => this.lines.push(text)) as never },
      found: (members) => this.found.push(members.map(({ id }) => id)),
    });
  }

  /** One more try of all addresses. */
  async round(): Promise<void> {
    this.clock.turn();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

function member(id: string, changes: Partial<PeerHello> = {}): PeerHello {
  return { ...helloOf(id), configuration: three, configurationIndex: 1, ...changes };
}

describe('Joiner', () => {
  it('tries again until somebody belongs to a cluster, and says each news once', async () => {
    const world = new World('a', 'b');
    world.joiner.start();
    await world.round();
    await world.round();
    world.answers.set('b', member('n2', { clusterId: null, configuration: null }));
    await world.round();
    world.answers.set('b', member('n2'));
    await world.round();
    expect(world.found).toEqual([['n1', 'n2', 'n3']]);
    expect(world.lines).toContain('cannot join yet: no introduction from a');
    expect(world.lines).toContain('cannot join yet: b (node n2) belongs to no cluster so far');
    expect(world.lines.at(-1)).toBe('asks cluster cluster-1 to be taken in');
  });

  it('believes the newest configuration', async () => {
    const world = new World('a', 'b');
    world.answers.set('a', member('n1'));
    const newer = configurationOf(['n2', 'n5']);
    world.answers.set('b', member('n2', { configuration: newer, configurationIndex: 7 }));
    world.joiner.start();
    await world.round();
    expect(world.found).toEqual([['n2', 'n5']]);
  });

  it('joins neither of two clusters', async () => {
    const world = new World('a', 'b');
    world.answers.set('a', member('n1'));
    world.answers.set('b', member('n2', { clusterId: 'another' }));
    world.joiner.start();
    await world.round();
    expect(world.found).toEqual([]);
    expect(world.lines).toEqual([expect.stringContaining('different clusters')]);
  });

  it('says when its id is taken', async () => {
    const world = new World('a');
    world.answers.set('a', member('n1', { configuration: configurationOf(['n1', 'n4']) }));
    world.joiner.start();
    await world.round();
    expect(world.found).toEqual([]);
    expect(world.lines).toEqual([expect.stringContaining('choose another id')]);
  });

  it('ends when this node is a member', async () => {
    const world = new World('a');
    world.joiner.start();
    await world.round();
    const { asked } = world;
    world.joiner.end();
    await world.round();
    expect([world.joiner.active, world.asked]).toEqual([false, asked]);
  });
});
