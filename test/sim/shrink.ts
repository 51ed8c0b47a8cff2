/** Leaves faults of a failing seed out, one by one, as long as it still fails. */
import { profileOf } from './profile.js';
import { simulate } from './simulation.js';

/** The numbers of the faults that are not needed. */
export async function shrink(seed: number): Promise<ReadonlySet<number>> {
  let without = new Set<number>();
  for (const { number } of profileOf(seed).faults) {
    const fewer = new Set(without).add(number);
    if (await fails(seed, fewer)) without = fewer;
  }
  return without;
}

async function fails(seed: number, without: ReadonlySet<number>): Promise<boolean> {
  try {
    await simulate(seed, { without });
    return false;
  } catch {
    return true;
  }
}
