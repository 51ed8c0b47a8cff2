/** What the commands on members ask of the node. Implemented by src/node. */
import type { Refusal } from './group.js';

export interface MemberRow {
  readonly id: string;
  readonly role: 'leader' | 'follower' | 'learner';
  /** A learner that is not promoted by itself. */
  readonly staysLearner: boolean;
  /** HOST:PEERPORT */
  readonly peerAddress: string;
  /** HOST:PORT; null while it is not known. */
  readonly clientAddress: string | null;
  readonly connected: boolean;
  /** Entries that it lacks; null where the answering node does not know. */
  readonly lag: number | null;
}

/** All changes may be asked for again: what holds already is done. */
export type MemberOutcome =
  /** `note` for people; empty when there is nothing to add. */
  | { readonly kind: 'done'; readonly note: string }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** With its code in front. TRYAGAIN: not done, and worth another try. */
  | { readonly kind: 'error'; readonly text: string };

export interface Membership {
  /** `stale`: as this node knows it, leader or not. */
  list(stale: boolean): readonly MemberRow[] | Refusal;
  /** `address` is HOST:PEERPORT. */
  add(id: string, address: string, staysLearner: boolean): Promise<MemberOutcome>;
  promote(id: string): Promise<MemberOutcome>;
  remove(id: string): Promise<MemberOutcome>;
  /** Null: to the follower that lacks least. */
  transferLeadership(to: string | null): Promise<MemberOutcome>;
}
