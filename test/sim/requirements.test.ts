/**
 * The requirements that the simulator has to show, each by runs whose faults are all of the kind
 * that it is about. What must hold in each run is said in invariants.ts and simulation.ts:
 * safety after every step, progress after the faults, equal states, linearizable histories.
 */
import { describe, expect, it } from 'vitest';
import { generator } from '../raft/support.js';
import { noTotals, type Totals, withReport } from './covered.js';
import type { Fault, FaultKind } from './faults.js';
import { consensusBugs } from './planted/consensus.js';
import { operationBugs } from './planted/operations.js';
import { stateBugs } from './planted/state.js';
import { type Profile, profileOf } from './profile.js';
import { simulate } from './simulation.js';
import { judge } from './verdict.js';

interface Trouble {
  readonly kinds: readonly FaultKind[];
  readonly faults?: number;
  /** Of each fault; default: any. */
  readonly amounts?: readonly number[];
  readonly profile?: Partial<Profile>;
}

const seedsEach = 4;

function plan(seed: number, trouble: Trouble, lengthMs: number): Fault[] {
  const random = generator(seed ^ 0x2545f491);
  const { kinds, amounts, faults = 12 } = trouble;
  return Array.from({ length: faults }, (_, number) => ({
    number,
    atMs: 300 + Math.floor((number * (lengthMs - 300)) / faults) + random(100),
    kind: kinds[number % kinds.length]!,
    node: random(64),
    other: random(64),
    forMs: 50 + random(400),
    amount: amounts?.[number % amounts.length] ?? random(1000),
  }));
}

/** Seeds with nothing but this trouble; what they met, summed up. */
async function meet(trouble: Trouble): Promise<Totals> {
  let totals = noTotals();
  for (let seed = 1; seed <= seedsEach; seed++) {
    const change = (profile: Profile): Profile => ({
      ...profile,
      calm: false,
      healAll: true,
      ...trouble.profile,
      faults: plan(seed, trouble, profile.faultsMs),
    });
    try {
      totals = withReport(totals, await simulate(seed, { change }));
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  expect(totals.operations).toBeGreaterThan(seedsEach * 100);
  return totals;
}

const settings = {
  'election-timeout-ms': '100',
  'heartbeat-interval-ms': '20',
  'max-staleness-ms': '500',
};
/** Many clients, short of patience: when a leader wakes up late, the others have gone on. */
const busy = {
  ...{ voters: 3, spares: 0, clients: 8, thinkMs: 4, pipelineMax: 2, patienceMs: 60 },
  ...{ loss: 0, delayMaxMs: 3, diskMs: 2 },
} as const;

describe('storage', () => {
  it('requirements 1, 2: power is lost at any time, for one node and for all', async () => {
    const kinds = ['crash', 'crash-all', 'crash-leader'] as const;
    const met = await meet({ kinds, amounts: [1] });
    expect(met.crashes).toBeGreaterThan(seedsEach * 12);
  });

  it('requirements 3, 42: power is lost at each step of writes and snapshots', async () => {
    const amounts = Array.from({ length: 13 }, (_, step) => step);
    const kinds = ['crash-point', 'crash-point', 'isolate-leader'] as const;
    const met = await meet({ kinds, faults: 39, amounts, profile: { snapshotBytes: 300 } });
    expect(met.crashes).toBeGreaterThan(seedsEach * 20);
    expect(met.snapshots).toBeGreaterThan(seedsEach * 5);
  });

  it('requirement 4: the n-th write or fsync fails, or all do for a while', async () => {
    const kinds = ['disk-error', 'sync-error', 'disk-full'] as const;
    const met = await meet({ kinds, faults: 18, amounts: [0, 1, 2, 3, 4, 5, 6] });
    expect(met.diskFaults).toBe(seedsEach * 18);
  });

  it('requirement 8: directories are lost, also one that a majority rests on', async () => {
    const met = await meet({ kinds: ['betray', 'wipe'], profile: { voters: 3, spares: 0 } });
    expect(met.wipes).toBeGreaterThan(seedsEach);
  });

  it('requirement 9: disks take five election timeouts for a write', async () => {
    const met = await meet({ kinds: ['slow-disk'], amounts: [999] });
    expect(met.diskFaults).toBe(seedsEach * 12);
  });
});

describe('elections and replication', () => {
  it('requirements 16, 17: cuts one way, halves and bridges', async () => {
    const kinds = ['cut', 'halves', 'bridge', 'isolate-leader'] as const;
    const met = await meet({ kinds, profile: { voters: 5 } });
    expect(met.partitions).toBe(seedsEach * 12);
  });

  it('requirements 21, 24: messages are lost, doubled, late and in any order', async () => {
    const weather = { loss: 50, duplicate: 200, delayMaxMs: 40 };
    await meet({ kinds: ['clog', 'loss', 'disconnect'], profile: weather });
  });

  it('requirements 28, 29: leaders lose what they appended', async () => {
    const kinds = ['isolate-leader', 'freeze-leader', 'crash-leader'] as const;
    const profile = { ...busy, pipelineMax: 5, patienceMs: 2500 };
    const met = await meet({ kinds, profile });
    expect(met.elections).toBeGreaterThan(seedsEach * 4);
  });

  it.each(['linearizable', 'lease'])(
    'requirements 20, 38, 40: leaders wake up late, clocks run apart: %s',
    async (consistency) => {
      const profile = { ...busy, settings: { ...settings, 'read-consistency': consistency } };
      const met = await meet({ kinds: ['freeze-leader'], faults: 6, profile });
      expect(met.pauses).toBeGreaterThan(seedsEach * 3);
    },
  );

  it('requirements 39, 40: new leaders have much to apply before they may serve', async () => {
    const profile = {
      ...busy,
      settings: { ...settings, 'read-consistency': 'lease' },
      limits: { applyCommandsPerTurnMax: 1, committedBytesMax: 64 },
    };
    const met = await meet({ kinds: ['crash-leader', 'transfer'], faults: 16, profile });
    expect(met.elections).toBeGreaterThan(seedsEach * 8);
  });

  it('requirements 32, 33, 60: wall clocks are hours apart and jump', async () => {
    const kinds = ['wall-jump', 'wall-jump', 'crash-leader', 'transfer'] as const;
    await meet({ kinds, faults: 16, profile: { wildWalls: true } });
  });
});

describe('snapshots and members', () => {
  it('requirements 45, 47: snapshots travel while nodes crash and leaders change', async () => {
    const kinds = ['isolate', 'crash', 'isolate-leader', 'clog', 'crash-point'] as const;
    const met = await meet({ kinds, faults: 20, profile: { snapshotBytes: 300 } });
    expect(met.snapshots).toBeGreaterThan(seedsEach * 10);
  });

  it('requirements 50, 51: members change while leaders come and go', async () => {
    const changes = ['remove', 'add', 'replace', 'operator-remove', 'operator-add'] as const;
    const kinds = [...changes, 'isolate-leader', 'crash-leader'] as const;
    const met = await meet({ kinds, faults: 20, profile: { spares: 1 } });
    expect(met.changes).toBeGreaterThan(seedsEach);
  });
});

describe('the simulator', () => {
  const kinds = ['crash', 'cut', 'pause', 'slow-disk', 'halves'] as const;

  it('requirement 57: when all is healed all nodes have one state', async () => {
    await meet({ kinds, profile: { healAll: true } });
  });

  it('requirement 64: a majority goes on while the others stay broken for ever', async () => {
    await meet({ kinds, profile: { healAll: false, voters: 5 } });
  });

  it('requirement 62: the same seed has the same trace', async () => {
    const first = await simulate(17);
    expect(await simulate(17)).toEqual(first);
    expect((await simulate(18)).trace).not.toBe(first.trace);
  });

  it('requirement 65: rare paths are common, by seed', () => {
    const profiles = Array.from({ length: 60 }, (_, at) => profileOf(at + 1));
    const share = (holds: (profile: Profile) => boolean) => profiles.filter(holds).length;
    expect(share(({ snapshotBytes }) => snapshotBytes <= 1000)).toBeGreaterThan(15);
    expect(share(({ limits }) => limits.batchCommandsMax === 1)).toBeGreaterThan(5);
    expect(share(({ limits }) => limits.appendBytesMax === 64)).toBeGreaterThan(5);
    expect(share(({ limits }) => limits.logTailBytes === 0)).toBeGreaterThan(5);
    expect(share(({ voters, spares }) => voters === 3 && spares === 0)).toBeGreaterThan(5);
    expect(share(({ settings: { 'election-timeout-ms': ms } }) => ms === '100')).toBe(60);
  });
});

describe('tests of the tests', () => {
  const bugs = { ...consensusBugs, ...operationBugs, ...stateBugs };
  /** Sessions are not offered; what else a snapshot must hold are the shared settings. */
  const asked = [
    ...['vote not synced', 'ack before fsync', 'old-term commit by count', 'read without a round'],
    ...['round id reused', 'truncate on any append', 'last term ignored', 'two changes at once'],
    ...['snapshot without configuration', 'TTL by local clock', 'waiter by index only'],
    'settings left out of the snapshot',
  ];

  it('requirement 66: each bug of the list is among the planted ones', () => {
    for (const name of asked) expect(Object.keys(bugs)).toContain(name);
  });

  it.each(['vote not synced', 'ack before fsync'])(
    'requirements 63, 66, 67: %s: caught, and told in one line that repeats it',
    async (name) => {
      const remove = bugs[name]!();
      try {
        const verdict = await judge(1);
        if (verdict.ok) throw new Error('the seed saw nothing');
        expect(verdict.failure.command).toMatch(/^node dist\/test\/sim\/run.js --seed 1\b.*$/);
      } finally {
        remove();
      }
      expect((await judge(1)).ok).toBe(true);
    },
  );
});
