/**
 * What an eviction policy is. The keyspace tells it what happens to keys and asks for a victim
 * when room is needed; it never removes anything itself. A policy has no state outside the
 * keyspace's own, so it can be changed at any time, and it decides from the log alone.
 */

/** Redis: maxmemory-policy. Numbers are part of the snapshot format. */
export const policyNumbers = {
  noeviction: 0,
  'allkeys-tlru': 1,
  'volatile-tlru': 2,
  'tlru-due': 3,
} as const;

export type PolicyName = keyof typeof policyNumbers;

/** Null when no policy has this number. */
export function policyName(number: number): PolicyName | null {
  for (const name of Object.keys(policyNumbers) as PolicyName[]) {
    if (policyNumbers[name] === number) return name;
  }
  return null;
}

/** Why room is needed: decides by what the share of probation is measured. */
export type Shortage = 'bytes' | 'keys';

export interface EvictionPolicy {
  /** A new key has its record, value and due time: give it a place. */
  inserted(slot: number): void;
  /** The key was used (TLRU rule 2). */
  touched(slot: number): void;
  /** The due time is another now; `had` says whether there was one before. */
  dueChanged(slot: number, had: boolean): void;
  /** The key is about to leave because it is due, or because it was deleted. */
  leaving(slot: number): void;
  /** Moves a key that another policy placed to where this one wants it. */
  adopt(slot: number): void;
  /** The key to evict next, never `protectedSlot`; ABSENT when there is none. May reorder. */
  victim(protectedSlot: number, shortage: Shortage): number;
  /** The slot that victim() gave is about to leave. */
  evicting(slot: number): void;
  /** Some key could be evicted. */
  canEvict(): boolean;
  /** Noting a use of this key would change its place. For the local filter of touches. */
  wantsTouch(slot: number): boolean;
}
