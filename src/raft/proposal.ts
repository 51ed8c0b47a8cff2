/** What becomes of a proposal. A refusal promises that nothing was appended. */
import type { LogIndex, Term } from './types.js';

interface Accepted {
  readonly ok: true;
  readonly term: Term;
  readonly index: LogIndex;
}

export type Proposal =
  | Accepted
  | { readonly ok: false; readonly reason: 'not-leader' | 'overloaded' | 'transferring' };

/**
 * `change-pending`: the change before is not committed, or this leader has not committed in its
 * own term yet; try again. `illegal`: no voters, a name twice, or a member missing.
 */
export type ChangeProposal =
  | Accepted
  | {
      readonly ok: false;
      readonly reason: 'not-leader' | 'transferring' | 'change-pending' | 'illegal';
    };

/** What the driver does with a received snapshot that is durable. */
export interface SnapshotVerdict {
  readonly action: 'ignore' | 'restore';
  /** The log above the snapshot matched and stays; false: storage drops the whole log. */
  readonly keepsLog: boolean;
}
