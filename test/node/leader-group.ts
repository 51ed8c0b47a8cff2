/** A ReplicatedGroup that leads, on a driver whose proposals a test takes or refuses. */
import { nodeConfig, Settings } from '../../src/config.js';
import type { ReadConsistency } from '../../src/node/admission.js';
import { ClusterView } from '../../src/node/cluster-view.js';
import type { GroupDriver } from '../../src/node/group-driver.js';
import { LogClock } from '../../src/node/log-clock.js';
import { ReplicatedGroup } from '../../src/node/replicated-group.js';
import type { Proposal } from '../../src/raft/proposal.js';
import { StateMachine } from '../../src/statemachine/state-machine.js';
import type { FakeClock } from './fake-clock.js';

export function leaderGroup(
  clock: FakeClock,
  propose: (data: Uint8Array) => Proposal,
  readConsistency: ReadConsistency = 'linearizable',
  more: { readonly leaseValid?: () => boolean; readonly askRound?: () => void } = {},
): ReplicatedGroup {
  const given = Object.entries({ id: 'n1', 'data-dir': 'd' }).map(([name, value]) => ({
    name,
    value,
    from: 'a test',
  }));
  const group = new ReplicatedGroup(new StateMachine(), {
    clock,
    logClock: new LogClock(clock),
    randomU32: () => 0,
    view: new ClusterView(nodeConfig(given)),
    settings: new Settings([]),
    readConsistency: () => readConsistency,
    leaseValid: more.leaseValid ?? (() => false),
    sendApplication: () => false,
  });
  const core = { role: 'leader', leader: 'n1', uncommittedBytes: 0, transferring: false };
  group.attach({ core, propose, act: more.askRound } as unknown as GroupDriver);
  group.loading = false;
  return group;
}
