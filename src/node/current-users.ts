/**
 * Rights are checked at the node of the client, with the users as they are applied there. Two
 * places could take what older users still allowed, and ask here: a new leader that has not
 * applied yet what leaders before it acknowledged, and a leader that carries out what a follower
 * forwards.
 */
import { createHash } from 'node:crypto';
import type { RaftCore } from '../raft/raft.js';
import type { LogIndex } from '../raft/types.js';
import { userPrefix } from '../server/acl/user-settings.js';
import { isSettings } from '../statemachine/batch-format.js';
import type { StateMachine } from '../statemachine/state-machine.js';

type Core = Pick<RaftCore, 'lastApplied' | 'lastLogIndex' | 'unappliedEntries'>;

export class CurrentUsers {
  /** Equal on nodes that have applied the same users, u32. */
  mark = 0;
  private floor: LogIndex = 0;
  private waits = false;

  /** This node begins to lead. */
  leads(core: Core): void {
    const unapplied = core.unappliedEntries();
    const changes = unapplied?.some(({ kind, data }) => kind === 'command' && isSettings(data));
    this.floor = core.lastLogIndex;
    this.waits = changes !== false && core.lastApplied < this.floor;
  }

  /** This leader has applied every change of users that leaders before it may have acked. */
  get known(): boolean {
    return !this.waits;
  }

  /** True when `known` becomes true with it. */
  appliedThrough(index: LogIndex): boolean {
    if (!this.waits || index < this.floor) return false;
    this.waits = false;
    return true;
  }

  look(machine: Pick<StateMachine, 'clusterSettings'>): void {
    const users = [...machine.clusterSettings(userPrefix)].sort(([a], [b]) => (a < b ? -1 : 1));
    const hash = createHash('sha256').update(JSON.stringify(users));
    this.mark = users.length === 0 ? 0 : hash.digest().readUInt32BE(0);
  }
}
