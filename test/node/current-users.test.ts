import { describe, expect, it } from 'vitest';
import { CurrentUsers } from '../../src/node/current-users.js';
import type { Entry } from '../../src/raft/types.js';
import { BatchWriter, encodeSettings } from '../../src/statemachine/batch-format.js';
import { StateMachine } from '../../src/statemachine/state-machine.js';

const settings = encodeSettings(1, 1, [['user:bob', 'on']]);
const batch = new BatchWriter().finish(1, 1);
const entry = (index: number, data: Uint8Array): Entry => ({
  index,
  term: 1,
  kind: 'command',
  data,
  configuration: null,
});
const noop: Entry = {
  index: 12,
  term: 2,
  kind: 'noop',
  data: new Uint8Array(0),
  configuration: null,
};

function leading(unapplied: readonly Entry[] | null): CurrentUsers {
  const users = new CurrentUsers();
  users.leads({ lastApplied: 10, lastLogIndex: 12, unappliedEntries: () => unapplied });
  return users;
}

describe('the users that a new leader knows', () => {
  it('are current when nothing that it has not applied changes them', () => {
    expect(leading([entry(11, batch), noop]).known).toBe(true);
    expect(leading([]).known).toBe(true);
  });

  it.each([
    ['it has not applied a change', [entry(11, settings), noop]],
    ['it cannot see what it has not applied', null],
  ])('are not, until its own first entry is applied, when %s', (_, unapplied) => {
    const users = leading(unapplied);
    expect(users.known).toBe(false);
    expect(users.appliedThrough(11)).toBe(false);
    expect(users.known).toBe(false);
    expect(users.appliedThrough(12)).toBe(true);
    expect(users.known).toBe(true);
    expect(users.appliedThrough(13)).toBe(false);
  });
});

describe('the mark of the users', () => {
  const markOf = (pairs: readonly (readonly [string, string])[]) => {
    const users = new CurrentUsers();
    users.look(new StateMachine(undefined, 0, pairs));
    return users.mark;
  };

  it('depends on names and rules, not on their order, nor on other settings', () => {
    const both = markOf([
      ['user:a', 'on'],
      ['user:b', 'off'],
    ]);
    const turned = markOf([
      ['user:b', 'off'],
      ['maxkeys', '5'],
      ['user:a', 'on'],
    ]);
    expect(turned).toBe(both);
    expect(markOf([['user:a', 'on']])).not.toBe(both);
    expect(markOf([['maxkeys', '5']])).toBe(0);
  });
});
