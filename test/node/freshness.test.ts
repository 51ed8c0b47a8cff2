import { describe, expect, it } from 'vitest';
import { Freshness } from '../../src/node/freshness.js';
import type { Contact } from '../../src/raft/status.js';

function follower() {
  const state = { nowMs: 1000, lastApplied: 5 };
  let contact: Contact | null = null;
  const freshness = new Freshness({
    clock: { monotonicMs: () => state.nowMs },
    contact: () => contact,
    lastApplied: () => state.lastApplied,
  });
  return (change: Partial<typeof state>, told: Partial<Contact> | null = {}) => {
    Object.assign(state, change);
    const before = contact ?? { term: 1, committed: 0, round: 0, confirmed: 0 };
    contact = told === null ? null : { ...before, ...told };
    freshness.tick();
    return freshness.freshAtMs;
  };
}

const never = Number.NEGATIVE_INFINITY;

describe('freshness of a follower', () => {
  it('is not known before a leader told what is committed', () => {
    expect(follower()({}, null)).toBe(never);
  });

  it('is that of the moment before an answer that the leader takes account of', () => {
    const tick = follower();
    expect(tick({}, { committed: 5, round: 1 })).toBe(never);
    expect(tick({ nowMs: 1100 }, { round: 2, confirmed: 1 })).toBe(never);
    expect(tick({ nowMs: 1200 }, { round: 3, confirmed: 2 })).toBe(1000);
  });

  it('a follower that hears its leader and lags is not fresh', () => {
    const tick = follower();
    tick({}, { committed: 5, round: 1 });
    expect(tick({ nowMs: 1100 }, { round: 2, confirmed: 2 })).toBe(1000);
    tick({ nowMs: 2000 }, { committed: 9, round: 3, confirmed: 3 });
    expect(tick({ nowMs: 9000, lastApplied: 8 }, { committed: 20, confirmed: 9 })).toBe(1000);
    expect(tick({ nowMs: 9010, lastApplied: 9 })).toBe(1100);
  });

  it('is not held up by entries that come without pause', () => {
    const tick = follower();
    tick({}, { committed: 7, round: 1 });
    expect(tick({ nowMs: 1010, lastApplied: 6 }, { round: 2, confirmed: 2 })).toBe(never);
    tick({ nowMs: 1020, lastApplied: 10 }, { committed: 11, round: 3, confirmed: 3 });
    expect(tick({ nowMs: 1030 }, { committed: 13, round: 4, confirmed: 4 })).toBe(1000);
    expect(tick({ nowMs: 1040, lastApplied: 13 }, { committed: 15 })).toBe(1020);
  });

  it('heartbeats that the network held back, or that came during a pause, count as old', () => {
    const tick = follower();
    tick({}, { committed: 5, round: 1 });
    expect(tick({ nowMs: 1100 }, { round: 2, confirmed: 2 })).toBe(1000);
    // Sent before the network was cut, read long after: each is answered, none knows of that.
    for (let round = 3; round < 60; round++) {
      expect(tick({ nowMs: 9000 + round }, { round, confirmed: 2 })).toBe(1000);
    }
    // The answer to the first of them was given after the mark of 1100.
    expect(tick({ nowMs: 9100 }, { committed: 5, round: 60, confirmed: 3 })).toBe(1100);
  });

  it('answers of an earlier life or to an earlier leader prove nothing', () => {
    const tick = follower();
    expect(tick({}, { committed: 5, confirmed: 70 })).toBe(never);
    tick({ nowMs: 1100 }, { round: 80 });
    expect(tick({ nowMs: 1200 }, { term: 2, round: 1, confirmed: 90 })).toBe(never);
    expect(tick({ nowMs: 1300 }, { round: 2, confirmed: 2 })).toBe(1200);
  });

  it('what an earlier leader told does not count when contact was lost', () => {
    const tick = follower();
    tick({}, { committed: 9, round: 1 });
    tick({ nowMs: 5000 }, null);
    tick({ nowMs: 8000, lastApplied: 9 }, { committed: 9, round: 5, confirmed: 5 });
    expect(tick({ nowMs: 8100 }, { confirmed: 6 })).toBe(8000);
  });
});
