/** A Membership that remembers what it was asked and answers as it is told. */
import type { Refusal } from '../../src/server/group.js';
import type { MemberOutcome, MemberRow, Membership } from '../../src/server/membership.js';

export class FakeMembership implements Membership {
  readonly asked: string[] = [];
  outcome: MemberOutcome = { kind: 'done', note: '' };
  refusal: Refusal | null = null;

  list(stale: boolean): readonly MemberRow[] | Refusal {
    if (this.refusal !== null && !stale) return this.refusal;
    const known = { staysLearner: false, clientAddress: null, connected: true, lag: null };
    return [
      { ...known, id: 'n1', role: 'leader', peerAddress: '127.0.0.1:17001', lag: 0 },
      { ...known, id: 'n4', role: 'learner', peerAddress: '127.0.0.1:17004', staysLearner: true },
    ];
  }

  add(id: string, address: string, staysLearner: boolean): Promise<MemberOutcome> {
    return this.answer(`add ${id} ${address} ${staysLearner}`);
  }

  promote(id: string): Promise<MemberOutcome> {
    return this.answer(`promote ${id}`);
  }

  remove(id: string): Promise<MemberOutcome> {
    return this.answer(`remove ${id}`);
  }

  transferLeadership(to: string | null): Promise<MemberOutcome> {
    return this.answer(`transfer ${to}`);
  }

  private async answer(asked: string): Promise<MemberOutcome> {
    this.asked.push(asked);
    if (this.refusal !== null) return { kind: 'refused', refusal: this.refusal };
    return this.outcome;
  }
}
