/** What an operator is told when voters are silent. */
import { describe, expect, it } from 'vitest';
import type { ClusterView } from '../../src/node/cluster-view.js';
import type { GroupDriver } from '../../src/node/group-driver.js';
import type { Intake } from '../../src/node/intake.js';
import { MemberChanges } from '../../src/node/member-changes.js';
import { ack, configurationOf, leaderBench } from '../raft/support.js';
import { FakeClock } from './fake-clock.js';

const voters = ['n1', 'n2', 'n3', 'n4'];

/** n1 leads n2, n3 and n4, of which some are connected and some have answered it. */
function leader(
  connected: readonly string[],
  answering: readonly string[],
  bench = leaderBench(configurationOf(voters)),
  clock = new FakeClock(),
) {
  const { core } = bench;
  const view = {
    reachable: () => new Set(['n1', ...answering]),
    isConnected: (id: string) => connected.includes(id),
  };
  return new MemberChanges({
    driver: () => ({ core, schedule: () => {} }) as unknown as GroupDriver,
    intake: { decline: () => {} } as unknown as Intake,
    view: view as unknown as ClusterView,
    clients: { hold: () => {}, release: () => {}, isIdle: true },
    clock,
  });
}

async function textOf(outcome: Promise<unknown>): Promise<string> {
  return ((await outcome) as { text: string }).text;
}

describe('a leader that did not hear of all voters', () => {
  it('refuses a removal that would leave only a minority', async () => {
    const changes = leader(['n2'], ['n2']);
    expect(await textOf(changes.remove('n2'))).toMatch(/^ERR .* \(not now: n3, n4\)/);
    expect(await textOf(changes.transferLeadership('n3'))).toBe('ERR n3 is not reachable');
  });

  it('asks to try again while those that are connected may answer yet', async () => {
    const changes = leader(['n2', 'n3'], ['n2']);
    expect(await textOf(changes.remove('n2'))).toMatch(/^TRYAGAIN .* \(not now: n3, n4\)/);
    expect(await textOf(changes.transferLeadership('n3'))).toBe('TRYAGAIN n3 is not reachable');
  });
});

it('says that a change took effect also when its entry has left the memory', async () => {
  const bench = leaderBench(configurationOf(voters), { logWindowBytesMax: 1000 });
  const clock = new FakeClock();
  const removed = leader(voters, voters, bench, clock).remove('n4');
  const index = bench.core.lastLogIndex;
  for (let at = 0; at < 20; at++) {
    bench.core.propose(new Uint8Array(500));
    bench.sync();
    for (const peer of ['n2', 'n3', 'n4']) ack(bench, peer, bench.core.lastLogIndex);
  }
  bench.sync().tick(1);
  expect(bench.core.termAt(index)).toBeNull();
  clock.turn();
  expect(await removed).toEqual({ kind: 'done', note: 'n4 is no member any more' });
});
