import { describe, expect, it } from 'vitest';
import { TouchWindow } from '../../src/node/touches.js';

/** Ticks until the window ends, while `evictedPerTick` of 1000 keys are evicted. */
function ticksUntilOver(window: TouchWindow, evictedPerTick: number, evictedBefore = 0): number {
  for (let ticks = 1; ; ticks++) {
    const evicted = evictedBefore + ticks * evictedPerTick;
    if (window.tick({ evicted, size: 1000 })) return ticks;
  }
}

describe('TouchWindow', () => {
  it('lasts a second while nothing is evicted', () => {
    expect(ticksUntilOver(new TouchWindow(), 0)).toBe(100);
  });

  it('ends early when a fifth of the keys was evicted, each time anew', () => {
    const window = new TouchWindow();
    expect(ticksUntilOver(window, 50)).toBe(4);
    expect(ticksUntilOver(window, 50, 200)).toBe(4);
    expect(ticksUntilOver(window, 0, 400)).toBe(100);
  });

  it('goes on with the counts of another state machine', () => {
    const window = new TouchWindow();
    expect(ticksUntilOver(window, 500)).toBe(1);
    expect(ticksUntilOver(window, 0)).toBe(100);
    expect(ticksUntilOver(window, 50)).toBe(4);
  });
});
