/** Writes of several turns become one entry while the disks are busy with those before. */
import { beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import type { ReplicatedGroup } from '../../src/node/replicated-group.js';
import { argsOf, specOf } from '../statemachine/words.js';
import { FakeClock } from './fake-clock.js';
import { leaderGroup } from './leader-group.js';
import { type PlainOrigin, plainOrigin } from './plain-origin.js';

let clock: FakeClock;
let proposed: Uint8Array[];
let refuses: boolean;
let group: ReplicatedGroup;
let applied: number;
let origin: PlainOrigin;

beforeEach(() => {
  clock = new FakeClock();
  proposed = [];
  refuses = false;
  applied = 0;
  group = leaderGroup(clock, (data) => {
    if (refuses) return { ok: false, reason: 'transferring' };
    return { ok: true, term: 1, index: proposed.push(data) };
  });
  origin = plainOrigin();
});

/** One write in a turn of its own. */
function write(value: number): void {
  expect(group.write(origin, specOf('set'), argsOf('set', 'k', String(value)))).toBe(null);
  clock.turn();
}

function applyNext(): void {
  const index = ++applied;
  const data = proposed[index - 1]!;
  group.applyEntry({ index, term: 1, kind: 'command', data, configuration: null });
  group.appliedThrough(index);
  clock.turn();
}

const replies = () => origin.reply.take()?.toString() ?? '';

describe('group commit', () => {
  it('has a bounded number of batches on their way, and gathers meanwhile', () => {
    const most = limits.batchesInFlightMax;
    for (let value = 0; value < most + 2; value++) write(value);
    expect(proposed).toHaveLength(most);
    applyNext();
    expect(proposed).toHaveLength(most + 1);
    while (applied < proposed.length) applyNext();
    expect(replies()).toBe('+OK\r\n'.repeat(most + 2));
    expect(group.machine.appliedIndex).toBe(most + 1);
  });

  it('proposes what was gathered as soon as a batch is committed, before that is applied', () => {
    const most = limits.batchesInFlightMax;
    for (let value = 0; value < most + 1; value++) write(value);
    expect(proposed).toHaveLength(most);
    group.committedThrough(1);
    clock.turn();
    expect([proposed.length, applied]).toEqual([most + 1, 0]);
  });

  it('answers what was gathered when it cannot be proposed any more', () => {
    const most = limits.batchesInFlightMax;
    for (let value = 0; value < most + 1; value++) write(value);
    refuses = true;
    while (applied < proposed.length) applyNext();
    expect(replies()).toMatch(/^(\+OK\r\n){3}-TRYAGAIN [^\r]*\r\n$/);
    expect(group.queue.isEmpty).toBe(true);
  });
});
