import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { Arrivals } from '../../src/node/arrivals.js';
import { append, range } from '../conformance/log-store.js';

describe('Arrivals', () => {
  it('tells when the write that brought an entry came', () => {
    const arrivals = new Arrivals();
    arrivals.came(append(range(5, 6, 1)), 100);
    arrivals.came(append([]), 150);
    arrivals.came(append(range(7, 7, 1)), 200);
    expect([5, 6, 7, 8].map((index) => arrivals.take(index))).toEqual([100, 100, 200, undefined]);
  });

  it('forgets what was truncated, with what came with it', () => {
    const arrivals = new Arrivals();
    arrivals.came(append(range(1, 2, 1)), 100);
    arrivals.came(append(range(3, 5, 1)), 200);
    arrivals.came(append(range(5, 5, 2), { truncateFrom: 5 }), 300);
    expect([1, 4, 5].map((index) => arrivals.take(index))).toEqual([100, 300, 300]);
  });

  it('is bounded: without a place an entry came when a later one did', () => {
    const arrivals = new Arrivals();
    for (let index = 1; index <= limits.arrivalsMax + 1; index++) {
      arrivals.came(append(range(index, index, 1)), index);
    }
    expect(arrivals.take(1)).toBe(2);
    arrivals.clear();
    expect(arrivals.take(3)).toBe(undefined);
  });
});
