/** Reads under a lease: no round, and carried out together at the end of the turn. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ReplicatedGroup } from '../../src/node/replicated-group.js';
import { argsOf, specOf } from '../statemachine/words.js';
import { FakeClock } from './fake-clock.js';
import { leaderGroup } from './leader-group.js';
import { type PlainOrigin, plainOrigin } from './plain-origin.js';

let clock: FakeClock;
let group: ReplicatedGroup;
let origin: PlainOrigin;
let leaseValid: boolean;
let rounds: number;
const proposed: Uint8Array[] = [];

beforeEach(() => {
  clock = new FakeClock();
  leaseValid = true;
  rounds = 0;
  proposed.length = 0;
  origin = plainOrigin();
  const propose = (data: Uint8Array) =>
    ({ ok: true, term: 1, index: proposed.push(data) }) as const;
  const askRound = () => {
    rounds++;
  };
  group = leaderGroup(clock, propose, 'lease', { leaseValid: () => leaseValid, askRound });
});

const read = () => expect(group.read(origin, specOf('get'), argsOf('get', 'k'))).toBe(null);
const write = (value: string) =>
  expect(group.write(origin, specOf('set'), argsOf('set', 'k', value))).toBe(null);
const replies = () => origin.reply.take()?.toString() ?? '';

function applyNext(index: number): void {
  const data = proposed[index - 1]!;
  group.applyEntry({ index, term: 1, kind: 'command', data, configuration: null });
  group.appliedThrough(index);
}

describe('reads under a lease', () => {
  it('are answered in their turn without a round', () => {
    read();
    read();
    expect(replies()).toBe('');
    clock.turn();
    expect([replies(), rounds]).toEqual(['$-1\r\n$-1\r\n', 0]);
  });

  it('are answered when the lease ends in the turn, and see what is applied meanwhile', () => {
    write('1');
    clock.turn();
    const other = origin;
    origin = plainOrigin();
    read();
    leaseValid = false;
    applyNext(1);
    clock.turn();
    expect([other.reply.take()?.toString(), replies(), rounds]).toEqual([
      '+OK\r\n',
      '$1\r\n1\r\n',
      0,
    ]);
  });

  it('ask a round without a valid lease', () => {
    leaseValid = false;
    read();
    clock.turn();
    expect([replies(), rounds]).toEqual(['', 1]);
  });

  it('wait for what the same client wrote before', () => {
    write('2');
    read();
    clock.turn();
    expect(replies()).toBe('');
    applyNext(1);
    clock.turn();
    expect(replies()).toMatch(/^\+OK\r\n/);
  });
});
