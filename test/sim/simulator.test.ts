/** Tests of the simulator itself: a run is a function of its seed, and it can fail. */
import { afterEach, describe, expect, it } from 'vitest';
import { ElectionTimer } from '../../src/raft/election-timer.js';
import type { Fault, FaultKind } from './faults.js';
import { forbidRealTime } from './guard.js';
import { bugs } from './planted/bugs.js';
import { replace } from './planted/plant.js';
import { type Profile, profileOf } from './profile.js';
import { shrink } from './shrink.js';
import { simulate } from './simulation.js';
import { judge } from './verdict.js';

describe('a run', () => {
  it('has the same trace each time, and another one for each seed', async () => {
    const traces = new Set<string>();
    for (const seed of [1, 2, 3, 4]) {
      const first = await simulate(seed);
      expect(await simulate(seed)).toEqual(first);
      traces.add(first.trace);
    }
    expect(traces.size).toBe(4);
  });

  it('has another trace without one of its faults, and the same profile', async () => {
    const { faults } = profileOf(3);
    const whole = await simulate(3);
    const less = await simulate(3, { without: new Set([faults[0]!.number]) });
    expect(less.trace).not.toBe(whole.trace);
    expect(profileOf(3).faults).toEqual(faults);
  });
});

function fault(atMs: number, kind: FaultKind, changes: Partial<Fault> = {}): Fault {
  return { number: 0, atMs, kind, node: 0, other: 0, forMs: 0, amount: 0, ...changes };
}

describe('a process', () => {
  it('that is told to stop while it starts does so afterwards, as the command does', async () => {
    for (let atMs = 6; atMs <= 20; atMs++) {
      const faults = [fault(atMs, 'stop', { node: 2 })];
      const change = (profile: Profile) => ({ ...profile, diskMs: 10, faultsMs: 400, faults });
      await simulate(2, { change });
    }
  });
});

describe('a bare promotion', () => {
  const faults = [
    fault(700, 'wipe', { node: 1, forMs: 50 }),
    fault(900, 'operator-remove'),
    fault(1000, 'add', { node: 1, amount: 1 }),
    fault(1040, 'add', { node: 1, amount: 1 }),
    fault(1046, 'crash-leader', { forMs: 100, amount: 1 }),
  ];

  it('is not made before the new directory knows that it is a member, and has a vote', async () => {
    const change = (profile: Profile): Profile => ({
      ...profile,
      ...{ voters: 3, spares: 0, calm: false, healAll: true, evicting: false, faults },
      ...{ loss: 0, delayMaxMs: 19, diskMs: 6, snapshotBytes: 100_000, faultsMs: 1500 },
      settings: { 'election-timeout-ms': '100', 'heartbeat-interval-ms': '20' },
      limits: { ...profile.limits, appendBytesMax: 64, inflightAppendsMax: 1 },
    });
    for (let seed = 1; seed <= 12; seed++) await simulate(seed, { change });
  });
});

describe('the guard', () => {
  let restore = () => {};
  afterEach(() => restore());

  it('makes clocks, timers and chance throw, and puts them back', () => {
    restore = forbidRealTime();
    const forbidden = [
      () => Date.now(),
      () => new Date(),
      () => performance.now(),
      () => process.hrtime(),
      () => process.hrtime.bigint(),
      () => Math.random(),
      () => setTimeout(() => {}, 1),
      () => setInterval(() => {}, 1),
      () => setImmediate(() => {}),
    ];
    const caught = forbidden.map((use) => {
      try {
        use();
        return 'nothing';
      } catch (error) {
        return String(error);
      }
    });
    restore();
    for (const text of caught) expect(text).toContain('was used inside a simulation');
    expect(new Date(5).getTime()).toBe(5);
    expect(Date.now()).toBeGreaterThan(0);
    expect(Math.random()).toBeLessThan(1);
  });

  it('is off again after a simulation, failed or not', async () => {
    const { now } = Date;
    const remove = bugs['vote not synced']!();
    await expect(simulate(1)).rejects.toThrow();
    remove();
    expect(Date.now).toBe(now);
  });
});

describe('a failure', () => {
  it('is told in one line, with the faults that it does not need left out', async () => {
    const remove = bugs['vote not synced']!();
    try {
      const verdict = await judge(1);
      expect(verdict.ok).toBe(false);
      if (verdict.ok) return;
      expect(verdict.failure.checker).toBe('durable vote');
      expect(verdict.failure.command).toMatch(/^node dist\/test\/sim\/run.js --seed 1\b/);
      // No fault is needed to see this one.
      expect((await shrink(1)).size).toBe(profileOf(1).faults.length);
    } finally {
      remove();
    }
  });

  it('is seen where nobody is ever elected (liveness)', async () => {
    const remove = replace(ElectionTimer, 'expired', () => () => false)();
    try {
      await expect(simulate(1)).rejects.toThrow('liveness');
    } finally {
      remove();
    }
  });
});
