/** Waiting for a condition by looking at it again and again. */
import type { Clock } from '../ports.js';

const lookMs = 10;

/** Resolves with whether the condition came to hold in time. */
export async function until(
  clock: Clock,
  withinMs: number,
  holds: () => boolean,
): Promise<boolean> {
  const deadline = clock.monotonicMs() + withinMs;
  while (!holds()) {
    if (clock.monotonicMs() >= deadline) return false;
    await new Promise<void>((resolve) => void clock.after(lookMs, resolve));
  }
  return true;
}
