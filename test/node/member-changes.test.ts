/** What an operator is told when voters are silent. */
import { describe, expect, it } from 'vitest';
import type { ClusterView } from '../../src/node/cluster-view.js';
import type { GroupDriver } from '../../src/node/group-driver.js';
import type { Intake } from '../../src/node/intake.js';
import { MemberChanges } from '../../src/node/member-changes.js';
import { configurationOf, leaderBench } from '../raft/support.js';
import { FakeClock } from './fake-clock.js';

/** n1 leads n2, n3 and n4, of which some are connected and some have answered it. */
function leader(connected: readonly string[], answering: readonly string[]) {
  const { core } = leaderBench(configurationOf(['n1', 'n2', 'n3', 'n4']));
  const view = {
    reachable: () => new Set(['n1', ...answering]),
    isConnected: (id: string) => connected.includes(id),
  };
  return new MemberChanges({
    driver: () => ({ core }) as unknown as GroupDriver,
    intake: { decline: () => {} } as unknown as Intake,
    view: view as unknown as ClusterView,
    clients: { hold: () => {}, release: () => {}, isIdle: true },
    clock: new FakeClock(),
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
