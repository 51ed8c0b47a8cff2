/** Settings that all nodes share: proposed by the leader, answered when they are applied. */
import type { LogIndex } from '../raft/types.js';
import type { SettingOutcome } from '../server/group.js';

type Done = (outcome: SettingOutcome) => void;

export class SettingChanges {
  private waiting: { readonly index: LogIndex; readonly done: Done }[] = [];

  /** Resolves with null when the entry at `index` is applied. */
  wait(index: LogIndex): Promise<SettingOutcome> {
    return new Promise((done) => this.waiting.push({ index, done }));
  }

  appliedThrough(index: LogIndex): void {
    while (this.waiting.length > 0 && this.waiting[0]!.index <= index) {
      this.waiting.shift()!.done(null);
    }
  }

  /** Leadership is lost: the changes may or may not take effect. */
  failAll(): void {
    for (const { done } of this.waiting.splice(0)) done('unknown');
  }
}
