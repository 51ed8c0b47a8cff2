/**
 * Changes of users at the leader, one after the other: each is made from what the one before
 * left, so that none is lost, whoever sends them.
 */
import { limits } from '../../limits.js';
import type { Group, SettingOutcome } from '../group.js';

export type SettingPairs = readonly (readonly [string, string])[];
/** As of changeSettings, or an error text of the command itself. */
export type AclOutcome = SettingOutcome | { readonly error: string };

export class AclChanges {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly group: Pick<Group, 'changeSettings'>) {}

  /** `make` is called when this node leads and has applied all that was logged before. */
  run(make: () => SettingPairs | { readonly error: string }): Promise<AclOutcome> {
    if (this.waiting >= limits.aclChangesMax) return Promise.resolve('overloaded');
    this.waiting++;
    const turn = this.last.then(() => this.carryOut(make));
    const end = () => {
      this.waiting--;
    };
    // Whoever asked hears of an error; the next one goes on.
    this.last = turn.then(end, end);
    return turn;
  }

  private async carryOut(make: Parameters<AclChanges['run']>[0]): Promise<AclOutcome> {
    const known = await this.group.changeSettings([]);
    // Nothing was changed yet, so nothing is uncertain.
    if (known !== null) return known === 'unknown' ? 'overloaded' : known;
    const pairs = make();
    if ('error' in pairs) return pairs;
    return pairs.length === 0 ? null : this.group.changeSettings(pairs);
  }
}
