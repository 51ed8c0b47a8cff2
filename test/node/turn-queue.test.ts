import { expect, it } from 'vitest';
import { TurnQueue } from '../../src/node/turn-queue.js';

it('runs a turn in its stages, and what belongs to an earlier one before it goes on', () => {
  const queue = new TurnQueue();
  const ran: string[] = [];
  queue.push(() => ran.push('clients'), 'clients');
  queue.push(() => {
    ran.push('apply');
    queue.push(() => ran.push('peers again'), 'peers');
    queue.push(() => ran.push('work again'), 'work');
  }, 'apply');
  queue.push(() => ran.push('peers'), 'peers');
  queue.push(() => ran.push('work'), 'work');
  queue.push(() => ran.push('apply too'), 'apply');
  queue.run();
  expect(ran).toEqual('work,peers,apply,work again,peers again,apply too,clients'.split(','));
  queue.run();
  expect(ran).toHaveLength(7);
  expect([queue.push(() => {}, 'peers'), queue.push(() => {}, 'work')]).toEqual([true, false]);
});
