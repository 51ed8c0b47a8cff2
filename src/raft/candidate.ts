/**
 * Standing for election. First as a pre-candidate, which asks whether it could win and raises no
 * term (dissertation 9.6), then for real. The own vote counts when it is durable, and the requests
 * leave no earlier. One object is one try: answers to another try are not counted.
 */

import type { AppendRequest, HeartbeatRequest, Message, VoteResponse } from './messages.js';
import { voteOutcome } from './quorum.js';
import type { Transitions } from './roles.js';
import type { CoreState } from './state.js';
import type { NodeId, Term } from './types.js';

export class Candidate {
  private readonly votes = new Map<NodeId, boolean>();

  /** `preVote`: only ask. `transfer`: the leader wants this election (3.10). */
  constructor(
    private readonly state: CoreState,
    private readonly roles: Transitions,
    private readonly preVote: boolean,
    private readonly transfer: boolean,
  ) {}

  start(): void {
    this.requestVotes();
    if (this.preVote) this.count(this.state.id, true);
  }

  /** The hard state is durable: the own vote counts from here on. */
  written(): void {
    if (!this.preVote && this.state.voteIsDurable) this.count(this.state.id, true);
  }

  step(message: Message): void {
    switch (message.kind) {
      case 'vote-response':
        this.voteResponse(message);
        return;
      case 'append-request':
      case 'heartbeat-request':
        this.leaderFound(message);
        return;
      case 'read-index-request':
        this.roles.refuseRead(message);
        return;
      case 'timeout-now':
        this.roles.campaignNow();
        return;
      default:
        return;
    }
  }

  private voteResponse(response: VoteResponse): void {
    const mine = response.preVote === this.preVote && response.requestTerm === this.askedTerm;
    if (mine) this.count(response.from, response.granted);
  }

  private leaderFound(message: AppendRequest | HeartbeatRequest): void {
    this.roles.becomeFollower(this.state.term, message.from);
    this.roles.step(message);
  }

  private count(from: NodeId, granted: boolean): void {
    if (!this.votes.has(from)) this.votes.set(from, granted);
    const outcome = voteOutcome(this.state.configurations.latest, this.votes);
    if (outcome === 'lost') this.roles.becomeFollower(this.state.term, null);
    else if (outcome === 'won' && this.preVote) this.roles.becomeCandidate(false);
    else if (outcome === 'won') this.roles.becomeLeader();
  }

  private get askedTerm(): Term {
    return this.preVote ? this.state.term + 1 : this.state.term;
  }

  private requestVotes(): void {
    const { voters, outgoing } = this.state.configurations.latest;
    for (const to of voters) this.requestVote(to);
    for (const to of outgoing) if (!voters.includes(to)) this.requestVote(to);
  }

  private requestVote(to: NodeId): void {
    const { state } = this;
    if (to === state.id) return;
    state.send({
      kind: 'vote-request',
      group: state.group,
      from: state.id,
      to,
      term: state.term,
      preVote: this.preVote,
      lastLogIndex: state.log.lastIndex,
      lastLogTerm: state.log.lastTerm,
      transfer: this.transfer,
    });
  }
}
