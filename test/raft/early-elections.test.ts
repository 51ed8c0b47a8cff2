/** Elections that need not wait for the election timeout. */
import { describe, expect, test } from 'vitest';
import { awake, Bench, generator, heartbeat, restoredLog, three } from './support.js';

function follower(): Bench {
  return awake(new Bench('n1', restoredLog({ configuration: three, commit: 1 })));
}

describe('lost connection to the leader', () => {
  test.each([
    ['n2', 0],
    ['n3', 4],
  ])('%s stands after %i ticks when the leader n1 is gone', (id, ticks) => {
    const bench = new Bench(id, restoredLog({ configuration: three }), { random: () => 0 });
    heartbeat(bench, 1, 1, 0, 'n1');
    bench.core.peerConnectionLost('n1');
    bench.tick(ticks);
    if (ticks > 0) expect(bench.core.role).toBe('pre-candidate');
    else expect(bench.tick().core.role).toBe('pre-candidate');
  });

  test('only the leader matters, and a heartbeat makes good', () => {
    const bench = heartbeat(follower(), 1);
    bench.core.peerConnectionLost('n3');
    expect(bench.core.recentLeaderContact).toBe(true);
    bench.core.peerConnectionLost('n2');
    expect(bench.core.recentLeaderContact).toBe(false);
    heartbeat(bench, 1);
    expect(bench.tick(9).core.role).toBe('follower');
  });
});

describe('nobody is known to lead and peers can be reached', () => {
  const started = (id: string, leases: boolean) =>
    new Bench(id, restoredLog({ configuration: three }), {
      random: () => 0,
      heartbeatTicks: 1,
      leases,
    });

  test.each([
    ['n1', 1],
    ['n2', 5],
    ['n3', 9],
  ])('%s stands after %i ticks: a live leader would have been heard', (id, ticks) => {
    const bench = started(id, false);
    bench.core.campaignSoon();
    expect(bench.tick(ticks - 1).core.role).toBe('follower');
    expect(bench.tick().core.role).toBe('pre-candidate');
  });

  test('not while it may have promised to stand by a leader', () => {
    const bench = started('n1', true);
    bench.core.campaignSoon();
    expect(bench.tick(9).core.role).toBe('follower');
  });

  test('not once a leader was heard', () => {
    const bench = started('n1', false);
    bench.core.campaignSoon();
    heartbeat(bench, 1);
    bench.core.campaignSoon();
    expect(bench.tick(9).core.role).toBe('follower');
  });
});

/** Two of three nodes whose writes take `diskTicks`; they reach the third every `comesTicks`. */
class Pair {
  private readonly nodes: readonly Bench[];
  private readonly writtenAt: readonly number[][] = [[], []];
  private now = 0;

  constructor(
    seed: number,
    private readonly diskTicks: number,
    private readonly comesTicks: number,
  ) {
    this.nodes = ['n1', 'n2'].map((id, at) => {
      const random = generator(2 * seed + at);
      const changes = { random, electionTicks: 100, heartbeatTicks: 10, leases: false };
      return new Bench(id, restoredLog({ configuration: three }), changes);
    });
  }

  get led(): boolean {
    return this.nodes.some(({ core }) => core.role === 'leader');
  }

  tick(): void {
    for (const [at, node] of this.nodes.entries()) {
      if (this.now % this.comesTicks === 0) node.core.campaignSoon();
      node.tick();
      const due = this.writtenAt[at]!;
      while (due.length < node.inFlight.length) due.push(this.now + this.diskTicks);
      if (due[0] === this.now) {
        due.shift();
        node.syncOnce();
      }
    }
    this.now++;
    for (const node of this.nodes) {
      for (const message of node.sent.splice(0)) {
        this.nodes.find(({ id }) => id === message.to)?.step(message);
      }
    }
  }
}

test('a peer that comes and goes does not cut short elections that slow disks make long', () => {
  for (let seed = 0; seed < 20; seed++) {
    const pair = new Pair(seed, 30, 30);
    for (let ticks = 0; ticks < 1000 && !pair.led; ticks++) pair.tick();
    expect(pair.led, `seed ${seed}`).toBe(true);
  }
});
