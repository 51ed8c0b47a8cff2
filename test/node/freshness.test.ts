import { describe, expect, it } from 'vitest';
import { Freshness } from '../../src/node/freshness.js';

function follower() {
  const state = { nowMs: 1000, leaderCommit: null as number | null, lastApplied: 5 };
  const freshness = new Freshness({
    clock: { monotonicMs: () => state.nowMs },
    leaderCommit: () => state.leaderCommit,
    lastApplied: () => state.lastApplied,
  });
  const tick = (change: Partial<typeof state>) => {
    Object.assign(state, change);
    freshness.tick();
    return freshness.freshAtMs;
  };
  return tick;
}

describe('freshness of a follower', () => {
  it('is not known before a leader told what is committed', () => {
    expect(follower()({})).toBe(Number.NEGATIVE_INFINITY);
  });

  it('a follower that hears its leader and lags is not fresh', () => {
    const tick = follower();
    expect(tick({ leaderCommit: 5 })).toBe(1000);
    tick({ nowMs: 2000, leaderCommit: 9 });
    expect(tick({ nowMs: 9000, leaderCommit: 20, lastApplied: 8 })).toBe(1000);
    expect(tick({ nowMs: 9010, lastApplied: 9 })).toBe(2000);
  });

  it('is not held up by entries that come without pause', () => {
    const tick = follower();
    tick({ leaderCommit: 7 });
    expect(tick({ nowMs: 1010, leaderCommit: 9, lastApplied: 8 })).toBe(1000);
    tick({ nowMs: 1020, leaderCommit: 11, lastApplied: 10 });
    expect(tick({ nowMs: 1030, leaderCommit: 13, lastApplied: 12 })).toBe(1020);
  });

  it('what an earlier leader told does not count when contact was lost', () => {
    const tick = follower();
    tick({ leaderCommit: 9 });
    tick({ nowMs: 5000, leaderCommit: null });
    expect(tick({ nowMs: 8000, leaderCommit: 9, lastApplied: 9 })).toBe(8000);
  });
});
