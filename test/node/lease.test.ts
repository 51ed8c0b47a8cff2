/** Leases (requirements 20, 40): measured in time, resting only on nodes that gave a promise. */
import { describe, expect, it } from 'vitest';
import { LeaseGuard } from '../../src/node/lease-guard.js';
import { LeasePromise } from '../../src/node/lease-promise.js';
import { ack, type Bench, leaderBench, three } from '../raft/support.js';
import { FakeClock } from './fake-clock.js';

const electionTimeoutMs = 100;
const tickMs = 10;

class Lease {
  readonly clock = new FakeClock();
  readonly bench: Bench = leaderBench(three);
  readonly promises = new Map([
    ['n2', electionTimeoutMs],
    ['n3', electionTimeoutMs],
  ]);
  private readonly guard = new LeaseGuard({
    monotonicMs: () => this.clock.monotonicMs(),
    tickMs,
    electionTimeoutMs,
    promisedMs: (id) => this.promises.get(id) ?? 0,
  });

  /** `realMs`: what a tick took, which is 10 ms when all is well. */
  tick(times: number, realMs = tickMs): this {
    for (let at = 0; at < times; at++) {
      this.clock.pass(realMs);
      this.guard.ticked();
      this.bench.tick();
    }
    return this;
  }

  /** The newest heartbeat is answered now. */
  answered(from = 'n2'): this {
    const { round } = this.bench.take('heartbeat-request').at(-1)!;
    const { term } = this.bench.core;
    this.bench.step({ kind: 'heartbeat-response', from, term, round });
    return this;
  }

  get valid(): boolean {
    return this.guard.valid(this.bench.core);
  }
}

describe('LeaseGuard', () => {
  it('requirement 40: trusts a round just answered, for less than an election timeout', () => {
    const lease = new Lease().tick(2).answered();
    expect(lease.valid).toBe(true);
    lease.clock.pass(70);
    expect(lease.valid).toBe(true);
    lease.clock.pass(10);
    expect(lease.valid).toBe(false);
  });

  it('counts time and not ticks: slow ticks make it no longer', () => {
    const lease = new Lease().tick(2).answered();
    // Four ticks of 30 ms each: no long gap anywhere, but others may have elected a leader.
    expect(lease.tick(4, 30).valid).toBe(false);
  });

  it('requirement 39: waits until everything that leaders before acked is applied', () => {
    const lease = new Lease().tick(2).answered();
    const { core } = lease.bench;
    let applied = core.commitIndex - 1;
    Object.defineProperty(core, 'lastApplied', { get: () => applied });
    expect(lease.valid).toBe(false);
    applied++;
    expect(lease.valid).toBe(true);
  });

  it('waits until what followers were told to be committed is applied here', () => {
    const lease = new Lease().tick(2).answered();
    const { core } = lease.bench;
    let applied = core.commitIndex;
    Object.defineProperty(core, 'lastApplied', { get: () => applied });
    core.propose(Uint8Array.of(1));
    ack(lease.bench.sync(), 'n2', core.lastLogIndex);
    // A read on a follower may have shown it already.
    expect(core.commitTold).toBeGreaterThan(applied);
    expect(lease.valid).toBe(false);
    applied = core.commitIndex;
    expect(lease.valid).toBe(true);
  });

  it('requirements 20, 40: trusts no answer that waited in the socket during a pause', () => {
    const lease = new Lease().tick(2);
    lease.clock.pass(10_000);
    expect(lease.answered().valid).toBe(false);
  });

  it('counts only nodes that promised to stand by their leader for as long', () => {
    const lease = new Lease();
    lease.promises.set('n2', 0);
    expect(lease.tick(2).answered('n2').valid).toBe(false);
    lease.promises.set('n2', electionTimeoutMs / 2);
    expect(lease.valid).toBe(false);
    lease.promises.set('n2', electionTimeoutMs);
    expect(lease.valid).toBe(true);
  });
});

describe('requirement 40: LeasePromise', () => {
  function promise(storedMs: number, wanted: { now: boolean }) {
    const clock = new FakeClock();
    const saved: number[] = [];
    const made = new LeasePromise({
      clock,
      electionTimeoutMs,
      wanted: () => wanted.now,
      storedMs,
      save: async (ms) => {
        saved.push(ms);
      },
    });
    return { made, clock, saved };
  }

  it('is durable before it is said, and holds for the life of the process', async () => {
    const wanted = { now: true };
    const { made, saved } = promise(0, wanted);
    const renewing = made.renew();
    expect([made.ms, saved]).toEqual([0, [electionTimeoutMs]]);
    expect(await renewing).toBe(true);
    wanted.now = false;
    expect(await made.renew()).toBe(false);
    expect([made.ms, made.binds]).toEqual([electionTimeoutMs, true]);
  });

  it('binds the next process for as long as it was given, whatever its settings', async () => {
    const { made, clock, saved } = promise(300, { now: false });
    expect([made.ms, made.binds, made.startDelayMs]).toEqual([0, true, 200]);
    await made.renew();
    expect(saved).toEqual([]);
    clock.pass(300);
    expect(made.binds).toBe(false);
    await made.renew();
    expect(saved).toEqual([0]);
  });

  it('keeps a longer promise of the process before while that still binds', async () => {
    const { made, saved } = promise(300, { now: true });
    await made.renew();
    expect(saved).toEqual([]);
    expect(made.ms).toBe(electionTimeoutMs);
  });
});
