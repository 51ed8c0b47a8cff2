/** Settings that all nodes share: proposed by the leader, answered when they are applied. */
import type { Proposal } from '../raft/raft.js';
import type { LogIndex } from '../raft/types.js';
import type { SettingOutcome } from '../server/group.js';
import type { StateMachine } from '../statemachine/state-machine.js';

type Done = (outcome: SettingOutcome) => void;

export class SettingChanges {
  private waiting: { readonly index: LogIndex; readonly done: Done }[] = [];
  private readonly watchers: (() => void)[] = [];
  private seen: StateMachine | null = null;
  private seenVersion = 0;

  get isIdle(): boolean {
    return this.waiting.length === 0;
  }

  /** `run` is called after each change, also when a snapshot brought other settings. */
  onChange(run: () => void): void {
    this.watchers.push(run);
  }

  /** An entry was applied to this machine, or it took the place of another. */
  look(machine: StateMachine): void {
    if (machine === this.seen && machine.settingsVersion === this.seenVersion) return;
    this.seen = machine;
    this.seenVersion = machine.settingsVersion;
    for (const run of this.watchers) run();
  }

  /** Resolves with null when what was proposed is applied. */
  wait(proposal: Proposal): Promise<SettingOutcome> {
    if (!proposal.ok) return Promise.resolve('overloaded');
    const { index } = proposal;
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
