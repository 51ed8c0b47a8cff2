/**
 * While leadership is handed over, clients' operations wait instead of being lost with it: none is
 * taken, and those that were taken are answered before another node is asked to lead.
 */
import type { Clock } from '../ports.js';
import { until } from './until.js';

/** What waits. */
export interface Holdable {
  /** From now on operations are refused with 'overloaded', which lets them wait. */
  hold(): void;
  /** As often as hold() was called. */
  release(): void;
  /** Everything that was taken is answered. */
  readonly isIdle: boolean;
}

export class Holds implements Holdable {
  private count = 0;

  constructor(
    private readonly options: { readonly isIdle: () => boolean; readonly onRelease: () => void },
  ) {}

  get isActive(): boolean {
    return this.count > 0;
  }

  get isIdle(): boolean {
    return this.options.isIdle();
  }

  hold(): void {
    this.count++;
  }

  release(): void {
    this.count--;
    if (this.count === 0) this.options.onRelease();
  }
}

export interface HoldOptions {
  readonly clients: Holdable;
  readonly clock: Clock;
  /** Afterwards `action` begins although operations are unanswered: a majority may be slow. */
  readonly idleWithinMs: number;
}

/** Runs `action` when nothing is in flight, and lets operations go on after it. */
export async function whileHeld<T>(options: HoldOptions, action: () => Promise<T>): Promise<T> {
  const { clients, clock, idleWithinMs } = options;
  clients.hold();
  try {
    await until(clock, idleWithinMs, () => clients.isIdle);
    return await action();
  } finally {
    clients.release();
  }
}
