/** The time of an idle log (requirement 32). */
import { describe, expect, it } from 'vitest';
import { Pulse } from '../../src/node/pulse.js';
import type { ReplicatedGroup } from '../../src/node/replicated-group.js';
import { FakeClock } from './fake-clock.js';
import { leaderGroup } from './leader-group.js';

function world(dueMs: number) {
  const clock = { now: 1000 };
  const machine = {
    nowMs: 1000,
    keyspace: { nowMs: 1000, nextDueMs: () => (clock.now > dueMs ? 0 : dueMs), workOwed: false },
  };
  const stamps: number[] = [];
  const group = {
    isLeader: true,
    loading: false,
    queue: { formingCommands: 0 },
    lastProposedStampMs: 0,
    machine,
    stamp: () => clock.now,
    propose: (_: Uint8Array, stamp: number) => {
      stamps.push(stamp);
      machine.nowMs = stamp;
      machine.keyspace.nowMs = stamp;
      return true;
    },
  };
  const pulse = new Pulse(
    group as unknown as ReplicatedGroup,
    () => clock.now,
    () => 0,
  );
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 100) {
      clock.now += 100;
      pulse.tick();
    }
  };
  return { stamps, pass };
}

describe('Pulse', () => {
  it('proposes nothing for an idle log without deadlines', () => {
    const { stamps, pass } = world(0);
    pass(100_000);
    expect(stamps).toEqual([]);
  });

  it('tells the time to nodes that joined meanwhile while a deadline lies ahead', () => {
    const { stamps, pass } = world(3_600_000);
    pass(60_000);
    expect(stamps).toHaveLength(6);
  });

  it('goes at once when a deadline has passed', () => {
    const { stamps, pass } = world(5000);
    pass(4100);
    expect(stamps).toEqual([5000]);
  });

  it('tries again after a proposal was refused', () => {
    const clock = new FakeClock();
    let free = false;
    const proposed: Uint8Array[] = [];
    const group = leaderGroup(clock, (data) => {
      if (free) proposed.push(data);
      return free ? { ok: true, index: 1, term: 1 } : { ok: false, reason: 'transferring' };
    });
    Object.defineProperty(group.machine.keyspace, 'workOwed', { value: true });
    const pulse = new Pulse(
      group,
      () => clock.wallMs(),
      () => 0,
    );
    for (let tick = 0; tick < 3; tick++) {
      clock.pass(10);
      pulse.tick();
    }
    free = true;
    pulse.tick();
    expect(proposed).toHaveLength(1);
  });
});
