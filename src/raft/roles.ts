/**
 * Which role this node has, and the ways from one to another. Exactly one of candidate and leader
 * is there at a time, or neither. Every change of role, term or leader ends the reads that wait.
 */
import { Candidate } from './candidate.js';
import { Follower } from './follower.js';
import { Leader } from './leader.js';
import type { Message, ReadIndexRequest } from './messages.js';
import type { CoreState } from './state.js';
import type { NodeId, Term } from './types.js';

/** What a role may ask for. */
export interface Transitions {
  becomeFollower(term: Term, leader: NodeId | null): void;
  becomeCandidate(transfer: boolean): void;
  becomeLeader(): void;
  /** The election timer fired: ask first whether there is a chance. */
  campaign(): void;
  /** The leader asked us to stand now. */
  campaignNow(): void;
  /** Hands a message to the role of the moment. */
  step(message: Message): void;
  /** Answers a read index request that reached a node which does not lead. */
  refuseRead(request: ReadIndexRequest): void;
}

export class Roles implements Transitions {
  readonly follower: Follower;
  candidate: Candidate | null = null;
  leader: Leader | null = null;

  constructor(private readonly state: CoreState) {
    this.follower = new Follower(state, this);
  }

  becomeFollower(term: Term, leader: NodeId | null): void {
    const { state } = this;
    const wasLeader = this.leader !== null;
    if (term !== state.term || leader !== state.leader || wasLeader) this.abandonReads();
    if (term !== state.term) state.setTerm(term, null);
    this.leader = null;
    this.candidate = null;
    state.leader = leader;
    state.told = null;
    state.answeredRound = 0;
    state.role = state.restingRole;
    if (!wasLeader) return;
    state.timer.reset();
    state.clearRequests();
  }

  campaign(): void {
    this.standAs('pre-candidate', new Candidate(this.state, this, true, false));
  }

  campaignNow(): void {
    if (this.state.mayCampaign) this.becomeCandidate(true);
  }

  becomeCandidate(transfer: boolean): void {
    this.state.setTerm(this.state.term + 1, this.state.id);
    this.standAs('candidate', new Candidate(this.state, this, false, transfer));
  }

  becomeLeader(): void {
    const { state } = this;
    this.candidate = null;
    state.role = 'leader';
    state.leader = state.id;
    this.leader = new Leader(state, this);
    this.leader.start();
  }

  tick(): void {
    this.state.timer.tick();
    if (this.leader !== null) this.leader.tick();
    else this.follower.tick();
  }

  step(message: Message): void {
    if (this.leader !== null) this.leader.step(message);
    else if (this.candidate !== null) this.candidate.step(message);
    else this.follower.step(message);
  }

  requestRead(token: number): void {
    if (this.leader !== null) this.leader.requestRead(token, null);
    else this.follower.requestRead(token);
  }

  refuseRead(request: ReadIndexRequest): void {
    const { state } = this;
    state.send({
      kind: 'read-index-response',
      group: state.group,
      from: state.id,
      to: request.from,
      term: state.term,
      token: request.token,
      index: -1,
    });
  }

  /** After a write: the own vote or the own share of the log may count now. */
  written(): void {
    if (this.candidate !== null) this.candidate.written();
    else this.leader?.written();
  }

  private standAs(role: 'pre-candidate' | 'candidate', candidate: Candidate): void {
    const { state } = this;
    this.abandonReads();
    if (role === 'candidate') state.timer.voted();
    else state.timer.reset();
    this.candidate = candidate;
    state.role = role;
    state.leader = null;
    candidate.start();
  }

  private abandonReads(): void {
    this.leader?.abandonReads();
    this.follower.abandonReads();
  }
}
