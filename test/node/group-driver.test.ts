/** What the driver owes the core, at each point where it waits (requirements 4, 9, 46, 47). */
import { describe, expect, it } from 'vitest';
import { TgError } from '../../src/errors.js';
import { limits } from '../../src/limits.js';
import { configEntry, configurationOf, restoredLog, three } from '../raft/support.js';
import { DriverWorld, settle } from './fake-drives.js';

const meta = { lastIncludedIndex: 50, lastIncludedTerm: 3, configuration: three };

function follower(terms: readonly number[] = [1, 1, 1], commit = 1): DriverWorld {
  const world = new DriverWorld(restoredLog({ configuration: three, terms, commit }));
  world.driver.schedule();
  world.clock.turn();
  return world;
}

/** Its no-op is durable here and nowhere else. */
async function leader(): Promise<DriverWorld> {
  const world = follower();
  const { driver, clock } = world;
  const settled = async () => {
    clock.turn();
    world.endWrite?.();
    await settle();
    clock.turn();
  };
  for (let tick = 0; tick < 19; tick++) driver.tick();
  await settled();
  for (const preVote of [true, false]) {
    const { term } = driver.core;
    const vote = { kind: 'vote-response', group: 1, from: 'n2', to: 'n1', term } as const;
    driver.step([{ ...vote, preVote, granted: true, requestTerm: preVote ? term + 1 : term }]);
    await settled();
  }
  expect(driver.core.role).toBe('leader');
  return world;
}

function appendTo(world: DriverWorld, term: number, index: number): void {
  world.driver.step([
    {
      kind: 'append-request',
      group: 1,
      from: 'n2',
      to: 'n1',
      term,
      prevLogIndex: index - 1,
      prevLogTerm: 1,
      leaderCommit: 1,
      entries: [{ term, index, kind: 'command', data: new Uint8Array(1), configuration: null }],
    },
  ]);
  world.clock.turn();
}

describe('GroupDriver', () => {
  it('tells followers of a commit when no append has done so meanwhile', async () => {
    const world = await leader();
    const { core } = world.driver;
    const index = core.lastLogIndex;
    world.sent.length = 0;
    world.driver.step([
      {
        kind: 'append-response',
        ...{ group: 1, from: 'n2', to: 'n1', term: core.term },
        ...{ success: true, index, hintIndex: 0, hintTerm: 0 },
      },
    ]);
    world.clock.turn();
    expect(world.applied.at(-1)).toBe(index);
    const told = world.sent.filter(({ to }) => to === 'n2');
    expect(told).toMatchObject([{ kind: 'heartbeat-request', round: 0, leaderCommit: index }]);
  });

  it('requirement 9: applies a bounded number of commands in one turn', async () => {
    const entries = 64;
    const terms = new Array<number>(entries).fill(1);
    // Each batch of the core is one entry: the bound must hold over all batches of the turn.
    const restored = restoredLog({ configuration: three, terms, commit: entries + 1 });
    const world = new DriverWorld(restored, { committedBytesMax: 1 });
    world.commandsPerEntry = 1000;
    world.driver.schedule();
    let most = 0;
    const { clock } = world;
    const applyInTurn = clock.nextTurn.bind(clock);
    let before = 0;
    clock.nextTurn = (run) => {
      most = Math.max(most, world.applied.length - before);
      before = world.applied.length;
      applyInTurn(run);
    };
    clock.turn();
    expect(world.applied).toHaveLength(entries + 1);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(Math.ceil(limits.applyCommandsPerTurnMax / 1000));
  });

  it('requirements 46, 47: installs a snapshot after the write in flight', async () => {
    const world = follower();
    appendTo(world, 2, 5);
    expect(world.writes).toHaveLength(1);
    let swapped = false;
    const installing = world.driver.install('n2', 3, meta, () => {
      swapped = true;
    });
    await settle();
    expect([swapped, world.resets]).toEqual([false, []]);
    world.endWrite?.();
    expect(await installing).toBe(true);
    expect([swapped, world.resets]).toEqual([true, [meta]]);
    world.clock.turn();
    // The term of the snapshot's leader is written after the log was replaced.
    expect(world.writes.at(-1)?.hardState?.term).toBe(3);
    expect(world.driver.core.lastApplied).toBe(50);
  });

  it('stops although a snapshot waits for the same write', async () => {
    const world = follower();
    appendTo(world, 2, 5);
    let stopped = false;
    const stopping = world.driver.stop().then(() => {
      stopped = true;
    });
    const installing = world.driver.install('n2', 3, meta, () => {});
    await settle();
    expect(stopped).toBe(false);
    world.endWrite?.();
    await stopping;
    expect(await installing).toBe(false);
    expect(world.resets).toEqual([]);
  });

  it('requirement 4: acks nothing once a write failed, and never writes again', async () => {
    const world = follower();
    appendTo(world, 2, 5);
    const sent = world.sent.length;
    world.endWrite?.(new Error('no space left'));
    await settle();
    appendTo(world, 2, 5);
    world.driver.tick();
    world.clock.turn();
    expect(world.fault?.code).toBe('STORAGE_FAILED');
    expect([world.sent.length, world.writes.length]).toEqual([sent, 1]);
    const refused = { ok: false, reason: 'not-leader' };
    expect(world.driver.propose(new Uint8Array(1))).toEqual(refused);
  });

  it.each([
    ['an entry of an unknown kind', new TgError('UNKNOWN_FORMAT', 'kind 9'), 'UNKNOWN_FORMAT'],
    ['an invariant that does not hold', new Error('impossible'), 'INVARIANT'],
  ])('requirements 33, 63: %s ends the service, nothing goes on', (_, thrown, code) => {
    const restored = restoredLog({ configuration: three, terms: [1, 1], commit: 3 });
    const world = new DriverWorld(restored);
    Object.defineProperty(world, 'commandsPerEntry', {
      get: () => {
        throw thrown;
      },
    });
    world.driver.schedule();
    world.clock.turn();
    expect(world.fault?.code).toBe(code);
    appendTo(world, 2, 4);
    world.driver.tick();
    world.clock.turn();
    expect([world.sent, world.writes, world.applied]).toEqual([[], [], [1]]);
  });

  it('requirement 43: a snapshot names the members of its index, not the newest ones', () => {
    const wider = configurationOf(['n1', 'n2', 'n3', 'n4']);
    const restored = restoredLog({ configuration: three, terms: [1], commit: 2 });
    const change = configEntry(1, 3, wider);
    const world = new DriverWorld({
      ...restored,
      entries: [...restored.entries, change],
      configurations: [...restored.configurations, change],
    });
    world.driver.schedule();
    world.clock.turn();
    expect(world.driver.core.configuration).toEqual(wider);
    const taken = () => world.driver.snapshotMeta();
    expect(taken()).toEqual({
      lastIncludedIndex: 2,
      lastIncludedTerm: 1,
      configuration: three,
    });
    const { core } = world.driver;
    const message = { kind: 'heartbeat-request', group: 1, from: 'n2', to: 'n1' } as const;
    world.driver.step([
      { ...message, term: 1, round: 1, answered: 0, leaderCommit: 3, committed: 3 },
    ]);
    world.clock.turn();
    expect([core.lastApplied, taken()]).toEqual([
      3,
      { lastIncludedIndex: 3, lastIncludedTerm: 1, configuration: wider },
    ]);
  });
});
