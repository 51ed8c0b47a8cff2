import { describe, expect, it } from 'vitest';
import { LogClock } from '../../src/node/log-clock.js';
import { FakeClock } from './fake-clock.js';

const hourMs = 3_600_000;

describe('LogClock', () => {
  it('takes the wall clock when no leader was heard since the start', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    log.replayed(clock.wall - 5000);
    expect(log.now()).toBe(clock.wall);
  });

  it('does not go behind what its own disk holds', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    log.replayed(clock.wall + hourMs);
    expect(log.now()).toBe(clock.wall + hourMs);
  });

  it('takes the wall clock when all it heard are entries that it missed, a while ago', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    log.replayed(clock.wall - 5000, 20_000);
    expect(log.now()).toBe(clock.wall);
  });

  it('requirement 32: does not believe a wall clock that makes such entries too old', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    log.replayed(clock.wall - hourMs, 20_000);
    expect(log.now()).toBe(clock.wall - hourMs);
  });

  it('requirement 32: goes on from the last stamps, its own wall clock an hour ahead', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    const stamp = clock.wall - hourMs;
    log.observed(stamp);
    clock.pass(10_000);
    const now = log.now();
    expect(now).toBeGreaterThanOrEqual(stamp + 10_000);
    expect(now).toBeLessThanOrEqual(stamp + 10_100);
  });

  it('goes on from what an earlier leader stamped an hour ahead, once that is applied', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    const stamp = log.now() + hourMs;
    log.led(stamp);
    clock.pass(10_000);
    expect(log.now()).toBeGreaterThanOrEqual(stamp + 9900);
    const before = log.now();
    log.led(before - 1000);
    expect(log.now()).toBe(before);
  });

  it('goes on from what its own disk held and only the next leader committed', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    const stamp = log.now() + hourMs;
    log.replayed(stamp);
    clock.pass(10_000);
    expect(log.now()).toBeGreaterThanOrEqual(stamp + 9900);
  });

  it('does not go back to a stamp that comes late, as its entry waited for a leader', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    const stamp = clock.wall;
    log.observed(stamp);
    clock.pass(10_000);
    log.observed(stamp + 1);
    expect(log.now()).toBeGreaterThanOrEqual(stamp + 9800);
    expect(log.now()).toBeLessThanOrEqual(stamp + 10_000);
  });

  it('does not go back to a stamp of its own that is applied after it was deposed', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    const first = log.now();
    log.led(first);
    clock.pass(10_000);
    log.observed(first + 1);
    expect(log.now()).toBeGreaterThanOrEqual(first + 9800);
  });

  it('counts how long an entry waited here for the leader that committed it', () => {
    for (const heard of ['led', 'observed'] as const) {
      const clock = new FakeClock();
      const log = new LogClock(clock);
      const stamp = clock.wall + hourMs;
      const cameMs = clock.monotonicMs();
      clock.pass(10_000);
      log[heard](stamp, cameMs);
      expect(log.now()).toBeGreaterThanOrEqual(stamp + 9800);
      expect(log.now()).toBeLessThanOrEqual(stamp + 10_000);
    }
  });

  it('goes with stamps that stay behind: that is the time of the log', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    log.observed(clock.wall);
    const behind = () => clock.wall - 300_000;
    for (let second = 0; second < 21; second++) {
      log.observed(behind());
      expect(log.now()).toBeGreaterThan(clock.wall - 1000);
      clock.pass(1000);
    }
    log.observed(behind());
    expect(log.now()).toBe(behind());
    clock.pass(1000);
    log.observed(behind());
    expect(log.now()).toBe(behind());
  });

  it('takes its own wall clock back when a leader turns up that is an hour behind', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    const stamp = log.now() - hourMs;
    clock.pass(1000);
    log.observed(stamp);
    expect(log.now()).toBe(stamp);
  });

  it('is not faster than a leader that leans towards an earlier wall clock', () => {
    const [slow, fast] = [new FakeClock(), new FakeClock()];
    const [leader, follower] = [new LogClock(slow), new LogClock(fast)];
    leader.led(leader.now());
    slow.wall -= hourMs;
    fast.wall += hourMs;
    for (let second = 0; second < 3600; second++) {
      slow.pass(995);
      fast.pass(1005);
      follower.observed(leader.now());
      expect(follower.now() - leader.now()).toBeLessThanOrEqual(1);
    }
  });

  it('requirements 32, 60: keeps its rate when the wall clock jumps', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    const start = log.now();
    for (let second = 1; second <= 100; second++) {
      clock.pass(1000);
      if (second === 10) clock.wall -= hourMs;
      if (second === 50) clock.wall += 3 * hourMs;
      const elapsed = log.now() - start;
      expect(Math.abs(elapsed - second * 1000)).toBeLessThanOrEqual(second * 10 + 1);
    }
  });

  it('never goes back while it leans towards an earlier wall clock', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    let last = log.now();
    clock.wall -= hourMs;
    for (let step = 0; step < 1000; step++) {
      clock.pass(step % 7);
      const now = log.now();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });

  it('comes to the wall clock in the end', () => {
    const clock = new FakeClock();
    const log = new LogClock(clock);
    log.observed(clock.wall - 1000);
    clock.pass(101_000);
    expect(Math.abs(log.now() - clock.wall)).toBeLessThanOrEqual(1);
  });
});
