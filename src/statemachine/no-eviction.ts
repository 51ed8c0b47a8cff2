/**
 * `noeviction`: nothing goes. The leader refuses writes beyond the limit before they are logged.
 * Keys keep their places as under `allkeys-tlru`, so that a change to that policy starts informed.
 */
import type { EvictionPolicy } from './eviction.js';
import { ABSENT } from './keyspace-view.js';
import type { TlruPolicy } from './tlru.js';

export class NoEvictionPolicy implements EvictionPolicy {
  constructor(private readonly places: TlruPolicy) {}

  inserted(slot: number): void {
    this.places.inserted(slot);
  }

  touched(slot: number): void {
    this.places.touched(slot);
  }

  dueChanged(slot: number, had: boolean): void {
    this.places.dueChanged(slot, had);
  }

  leaving(slot: number): void {
    this.places.leaving(slot);
  }

  adopt(slot: number): void {
    this.places.adopt(slot);
  }

  victim(): number {
    return ABSENT;
  }

  evicting(_slot: number): void {}

  canEvict(): boolean {
    return false;
  }

  wantsTouch(_slot: number): boolean {
    return false;
  }
}
