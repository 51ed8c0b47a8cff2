/**
 * Followers and learners: take entries from the leader (Figure 2, AppendEntries receiver), answer
 * heartbeats at once, and pass reads on to the leader. Invariants: only a real conflict of terms
 * above the commit index truncates (requirement 21); the commit index never passes what this very
 * message has verified (requirement 23); an ack covers durable entries only.
 */
import { invariant } from './invariant.js';
import type { AppendRequest, HeartbeatRequest, Message, ReadIndexResponse } from './messages.js';
import { ForwardedReads } from './read-index.js';
import type { Transitions } from './roles.js';
import type { CoreState } from './state.js';
import type { NodeId } from './types.js';

/** A peer's place in the queue of those that stand when the leader's connection is gone. */
const ticksPerRank = 4;
const rankJitterTicks = 2;
/** A forwarded read is given up after this many election timeouts. */
const readTimeouts = 2;

export class Follower {
  private readonly reads: ForwardedReads;

  constructor(
    private readonly state: CoreState,
    private readonly roles: Transitions,
  ) {
    this.reads = new ForwardedReads(state.config.readTokensMax);
  }

  tick(): void {
    const { config, timer } = this.state;
    this.failReads(this.reads.takeSentBefore(timer.now - readTimeouts * config.electionTicks));
    if (timer.expired && this.state.mayCampaign) this.roles.campaign();
  }

  step(message: Message): void {
    switch (message.kind) {
      case 'append-request':
        this.follow(message.from);
        this.append(message);
        return;
      case 'heartbeat-request':
        this.follow(message.from);
        this.heartbeat(message);
        return;
      case 'timeout-now':
        this.roles.campaignNow();
        return;
      case 'read-index-request':
        this.roles.refuseRead(message);
        return;
      case 'read-index-response':
        this.readIndex(message);
        return;
      default:
        return;
    }
  }

  requestRead(token: number): void {
    const { state, reads } = this;
    if (state.leader === null || reads.full) {
      this.failReads([token]);
      return;
    }
    reads.add(token, state.timer.now);
    state.send({
      kind: 'read-index-request',
      group: state.group,
      from: state.id,
      to: state.leader,
      term: state.term,
      token,
    });
  }

  /** The leader or the term changed: what was asked may never be answered. */
  abandonReads(): void {
    this.failReads(this.reads.takeSentBefore(Number.POSITIVE_INFINITY));
  }

  /**
   * The connection to our leader broke, most likely because it died: stand sooner than the
   * election timeout.
   */
  leaderConnectionLost(): void {
    this.state.timer.forgetLeader();
    this.standSoon(0);
  }

  /**
   * No leader is known and peers can be reached, as when all nodes start again: a leader that is
   * alive would be heard with its next heartbeat, so there is no election timeout to wait for. Not
   * again while votes are on their way: a peer that comes and goes would cut all elections short.
   */
  campaignSoon(): void {
    const { timer, leader, config } = this.state;
    if (leader !== null || timer.leaderHeardRecently || timer.votedRecently) return;
    this.standSoon(config.heartbeatTicks);
  }

  /** Others notice the same at the same time, so each waits for its rank. */
  private standSoon(afterTicks: number): void {
    const { timer, config, leader, id, configurations } = this.state;
    const others = configurations.latest.voters.filter((voter) => voter !== leader).sort();
    const rank = Math.max(0, others.indexOf(id));
    timer.hurry(afterTicks + rank * ticksPerRank + config.random(rankJitterTicks));
  }

  private follow(leader: NodeId): void {
    if (this.state.leader !== leader) this.roles.becomeFollower(this.state.term, leader);
    this.state.timer.leaderHeard();
  }

  private heartbeat(message: HeartbeatRequest): void {
    const { state } = this;
    state.told = message;
    // The leader knows our log up to leaderCommit: it never sends more than our matchIndex.
    if (state.restoring === null) {
      state.commitTo(Math.min(message.leaderCommit, state.log.lastIndex));
    }
    // Round 0 only tells the commit index and wants no answer.
    if (message.round === 0) return;
    state.answeredRound = Math.max(state.answeredRound, message.round);
    state.send({
      kind: 'heartbeat-response',
      group: state.group,
      from: state.id,
      to: message.from,
      term: state.term,
      round: message.round,
    });
  }

  private append(message: AppendRequest): void {
    const { state } = this;
    const { log } = state;
    if (state.restoring !== null) return;
    const lastNew = message.prevLogIndex + message.entries.length;
    if (message.prevLogIndex < log.committed) {
      if (lastNew <= log.committed) {
        state.acknowledge(message.from, log.committed);
        return;
      }
      this.assertAgrees(message);
    } else if (log.termAt(message.prevLogIndex) !== message.prevLogTerm) {
      this.reject(message);
      return;
    }
    this.appendNew(message);
    state.acknowledge(message.from, lastNew);
    state.commitTo(Math.min(message.leaderCommit, lastNew));
  }

  /** What is committed here is in the leader's log (leader completeness, 5.4.3). */
  private assertAgrees(message: AppendRequest): void {
    const { log } = this.state;
    const entry = message.entries[log.committed - message.prevLogIndex - 1]!;
    invariant(
      entry.term === log.termAt(log.committed),
      'the leader disagrees on what is committed',
    );
  }

  private appendNew(message: AppendRequest): void {
    const { log } = this.state;
    const { entries } = message;
    let at = Math.max(0, log.committed - message.prevLogIndex);
    while (at < entries.length && log.termAt(entries[at]!.index) === entries[at]!.term) at++;
    if (at === entries.length) return;
    if (entries[at]!.index <= log.lastIndex) this.state.truncateFrom(entries[at]!.index);
    for (; at < entries.length; at++) this.state.appendEntry(entries[at]!);
  }

  /** Tells where the logs may agree at best, so that the leader skips whole terms at once. */
  private reject(message: AppendRequest): void {
    const { state } = this;
    const { log } = state;
    invariant(message.prevLogIndex > log.committed, 'the leader disagrees on what is committed');
    const candidate = log.lastIndexWithTermAtMost(message.prevLogIndex, message.prevLogTerm);
    const hintIndex = Math.max(candidate, log.committed);
    const hintTerm = log.termAt(hintIndex) ?? 0;
    state.send(
      state.appendResponse(message.from, false, message.prevLogIndex, hintIndex, hintTerm),
    );
  }

  private readIndex(message: ReadIndexResponse): void {
    if (!this.reads.answered(message.token)) return;
    this.state.reads.push({ token: message.token, index: message.index });
  }

  private failReads(tokens: readonly number[]): void {
    for (const token of tokens) this.state.reads.push({ token, index: -1 });
  }
}
