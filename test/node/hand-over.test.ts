/** SIGTERM on a leader (requirement 59): a reachable heir, or no waiting at all. */
import { describe, expect, it } from 'vitest';
import type { GroupDriver } from '../../src/node/group-driver.js';
import { handOver } from '../../src/node/hand-over.js';
import { type Holdable, Holds } from '../../src/node/hold.js';
import { ack, type Bench, heartbeat, leaderBench } from '../raft/support.js';
import { FakeClock } from './fake-clock.js';

function leader(): Bench {
  const bench = leaderBench();
  bench.tick(2);
  const { round } = bench.take('heartbeat-request').at(-1)!;
  for (const from of ['n2', 'n3']) {
    bench.step({ kind: 'heartbeat-response', from, term: bench.core.term, round });
  }
  return bench.forget();
}

const idle: Holdable = { hold: () => {}, release: () => {}, isIdle: true };

async function run(
  bench: Bench,
  reachable: readonly string[],
  turns: (clock: FakeClock) => void,
  clients: Holdable = idle,
) {
  const clock = new FakeClock();
  const act = (action: (core: typeof bench.core) => void) => {
    action(bench.core);
    bench.pump();
  };
  const driver = { core: bench.core, stopped: false, act } as unknown as GroupDriver;
  let done = false;
  const ended = handOver({
    withinMs: 1500,
    driver,
    clients,
    clock,
    reachable: (id) => reachable.includes(id),
  }).then(() => {
    done = true;
  });
  for (let turn = 0; turn < 400 && !done; turn++) {
    turns(clock);
    clock.pass(10);
    clock.turn();
    await Promise.resolve();
    await Promise.resolve();
  }
  await ended;
  return clock.monotonicMs() - new FakeClock().monotonicMs();
}

describe('handOver', () => {
  it('requirement 59: asks a connected voter although another has more of the log', async () => {
    const bench = leader();
    bench.core.propose(Uint8Array.of(1));
    ack(bench.sync(), 'n2', bench.core.lastLogIndex);
    await run(bench, ['n3'], () => {
      if (bench.core.transferTarget === 'n3') ack(bench, 'n3', bench.core.lastLogIndex);
      if (bench.take('timeout-now').some((m) => m.to === 'n3')) heartbeat(bench, 9, 1, 0, 'n3');
    });
    expect(bench.core.role).toBe('follower');
  });

  it('lets operations wait, and asks nobody before all are answered', async () => {
    const bench = leader();
    let unanswered = 5;
    let released = 0;
    const clients = new Holds({ isIdle: () => unanswered === 0, onRelease: () => released++ });
    await run(
      bench,
      ['n2'],
      () => {
        if (bench.core.role === 'leader') expect(clients.isActive).toBe(true);
        if (unanswered > 0) {
          expect(bench.core.transferTarget).toBe(null);
          unanswered--;
        }
        if (bench.core.transferTarget === 'n2') ack(bench, 'n2', bench.core.lastLogIndex);
        if (bench.take('timeout-now').length > 0) heartbeat(bench, 9, 1, 0, 'n2');
      },
      clients,
    );
    expect(bench.core.leader).toBe('n2');
    expect([clients.isActive, released]).toEqual([false, 1]);
  });

  it('hands over all the same when a majority is too slow to answer', async () => {
    const bench = leader();
    const clients = new Holds({ isIdle: () => false, onRelease: () => {} });
    await run(
      bench,
      ['n2'],
      () => {
        if (bench.core.transferTarget === 'n2') ack(bench, 'n2', bench.core.lastLogIndex);
        if (bench.take('timeout-now').length > 0) heartbeat(bench, 9, 1, 0, 'n2');
      },
      clients,
    );
    expect(bench.core.role).toBe('follower');
  });

  it('does not wait when nobody can take over', async () => {
    const bench = leader();
    expect(await run(bench, [], () => {})).toBeLessThan(100);
    expect(bench.core.transferTarget).toBe(null);
  });

  it('requirement 59: does not wait for an heir whose connection breaks', async () => {
    const bench = leader();
    const reachable = ['n2'];
    const waited = await run(bench, reachable, () => {
      if (bench.core.transferTarget === 'n2') reachable.pop();
    });
    expect(waited).toBeLessThan(100);
  });
});
