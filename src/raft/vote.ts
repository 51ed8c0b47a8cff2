/**
 * Answers to RequestVote and its pre-vote form (Figure 2, sections 5.2 and 5.4.1; dissertation
 * 4.2.3 and 9.6). One vote per term; a granted vote leaves after the hard state is durable; a
 * pre-vote changes nothing.
 */
import type { VoteRequest, VoteResponse } from './messages.js';
import type { CoreState } from './state.js';

/** True while a live leader is known: then nobody may be helped to depose it. */
export function standsByLeader(state: CoreState, request: VoteRequest): boolean {
  if (request.transfer) return false;
  return state.role === 'leader' || state.timer.leaderHeardRecently;
}

/** The term a request asks to be elected for; a pre-vote does not raise its sender's term. */
export function requestedTerm(request: VoteRequest): number {
  return request.preVote ? request.term + 1 : request.term;
}

/** The term rules were applied: a vote request comes at or below our own term. */
export function answerVoteRequest(state: CoreState, request: VoteRequest): void {
  const granted = request.preVote ? grantsPreVote(state, request) : grantsVote(state, request);
  const cast = granted && !request.preVote;
  if (cast) {
    state.vote(request.from);
    state.timer.voted();
  }
  const response: VoteResponse = {
    kind: 'vote-response',
    group: state.group,
    from: state.id,
    to: request.from,
    term: state.term,
    preVote: request.preVote,
    granted,
    requestTerm: requestedTerm(request),
  };
  if (cast && !state.voteIsDurable) state.durability.hold(response);
  else state.send(response);
}

function grantsPreVote(state: CoreState, request: VoteRequest): boolean {
  return state.mayVote && requestedTerm(request) > state.term && isUpToDate(state, request);
}

function grantsVote(state: CoreState, request: VoteRequest): boolean {
  if (!state.mayVote || request.term !== state.term || state.leader !== null) return false;
  const free = state.votedFor === null || state.votedFor === request.from;
  return free && isUpToDate(state, request);
}

/** 5.4.1: later last term, or the same and at least as long. */
function isUpToDate(state: CoreState, request: VoteRequest): boolean {
  const { lastTerm, lastIndex } = state.log;
  if (request.lastLogTerm !== lastTerm) return request.lastLogTerm > lastTerm;
  return request.lastLogIndex >= lastIndex;
}
