/**
 * When each known operation can take effect: while the one that returns next has not returned,
 * each of those that are open at its return. Each has a bit among the open ones; a bit is used
 * again when its operation has returned, so sets of taken operations stay as small as the number
 * of clients.
 */
import type { Step } from './steps.js';

export interface Windows {
  /** By place in order of return: the places of those open at that return, ascending. */
  readonly open: readonly (readonly number[])[];
  /** By place in order of return. */
  readonly bits: readonly number[];
  readonly bitCount: number;
  /** By place in order of return: how many of the unknown ones were called until then. */
  readonly unknown: readonly number[];
}

export function windowsOf(known: readonly Step[], unknown: readonly Step[]): Windows {
  const byCall = known.map((_, at) => at).sort((a, b) => callOf(known, a) - callOf(known, b));
  const open: number[][] = [];
  const unknownUntil: number[] = [];
  const bits: number[] = new Array(known.length).fill(0);
  const free: number[] = [];
  let bitCount = 0;
  let called = 0;
  let unknownCalled = 0;
  for (const [at, { operation }] of known.entries()) {
    const now = (open.at(-1) ?? []).filter((place) => place >= at);
    if (at > 0) free.push(bits[at - 1]!);
    while (called < byCall.length && callOf(known, byCall[called]!) <= operation.ret) {
      const place = byCall[called++]!;
      bits[place] = free.pop() ?? bitCount++;
      now.push(place);
    }
    while ((unknown[unknownCalled]?.operation.call ?? Infinity) <= operation.ret) unknownCalled++;
    open.push(now.sort((a, b) => a - b));
    unknownUntil.push(unknownCalled);
  }
  return { open, bits, bitCount, unknown: unknownUntil };
}

function callOf(steps: readonly Step[], at: number): number {
  return steps[at]!.operation.call;
}
