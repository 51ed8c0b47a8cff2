/**
 * One leadership, from election to stepping down (Figure 2, "Leaders"). Invariants: only entries
 * of the own term are committed by counting (5.4.2), in both halves of a joint configuration; the
 * leader counts itself as far as its own disk has it; without answers from a majority for one
 * election timeout it steps down (check-quorum, dissertation 6.2).
 */
import { finalConfiguration, isJoint, isVoter, planChange } from './configuration.js';
import { invariant } from './invariant.js';
import { entryBytes } from './log.js';
import type { AppendResponse, HeartbeatResponse, Message, ReadIndexRequest } from './messages.js';
import type { Progress } from './progress.js';
import type { ChangeProposal, Proposal } from './proposal.js';
import { quorumValue } from './quorum.js';
import { LeaderReads, QuickVoters } from './read-index.js';
import { type Beat, Replicator } from './replicator.js';
import type { Transitions } from './roles.js';
import { RoundClock } from './round-clock.js';
import type { CoreState } from './state.js';
import type { Contact } from './status.js';
import { Transfer } from './transfer.js';
import type { Configuration, Entry, EntryKind, LogIndex, NodeId } from './types.js';

const noBytes = new Uint8Array(0);

export class Leader {
  readonly replicator: Replicator;
  readonly transfer: Transfer;
  /** Bytes proposed and not yet committed. */
  uncommittedBytes = 0;
  /** True once an entry of this term is committed: reads and changes may go on. */
  readyToServe = false;
  private readonly reads: LeaderReads;
  private readonly rounds: RoundClock;
  private readonly quick = new QuickVoters();
  /** The newest round asked these only. */
  private askedFew = false;
  private flushWanted = false;
  /** A commit index up to here has a message of its own, a later one goes with the next append. */
  private commitDue: LogIndex = 0;
  private beatWanted = true;
  private lastBeatTick: number;

  constructor(
    private readonly state: CoreState,
    private readonly roles: Transitions,
  ) {
    this.replicator = new Replicator(state);
    this.transfer = new Transfer(state);
    this.reads = new LeaderReads(state.config.readTokensMax);
    this.rounds = new RoundClock(2 * state.config.electionTicks);
    this.lastBeatTick = state.timer.now;
  }

  /** Figure 2: a no-op at once, since entries of earlier terms are committed only with it. */
  start(): void {
    const { log } = this.state;
    for (const entry of log.slice(log.committed + 1, log.lastIndex, Number.POSITIVE_INFINITY)) {
      this.uncommittedBytes += entryBytes(entry);
    }
    this.append('noop', noBytes, null);
  }

  get flushDue(): boolean {
    return this.flushWanted || this.beatWanted;
  }

  tick(): void {
    const { timer, config } = this.state;
    this.replicator.tick();
    this.transfer.tick();
    if (timer.now - this.lastBeatTick >= config.heartbeatTicks) {
      this.lastBeatTick = timer.now;
      this.beatWanted = true;
    }
    if (this.roundDue) this.flushWanted = true;
    const heard = quorumValue(this.state.configurations.latest, this.heardTickOf);
    if (timer.now - heard >= config.electionTicks) {
      this.roles.becomeFollower(this.state.term, null);
    }
  }

  propose(data: Uint8Array): Proposal {
    if (this.transfer.target !== null) return { ok: false, reason: 'transferring' };
    if (this.uncommittedBytes >= this.state.config.uncommittedBytesMax) {
      return { ok: false, reason: 'overloaded' };
    }
    return this.append('command', data, null);
  }

  /** Dissertation 4.1 and 4.3, with Ongaro's rule of 2015: first commit in the own term. */
  changeConfiguration(wanted: Configuration): ChangeProposal {
    if (this.transfer.target !== null) return { ok: false, reason: 'transferring' };
    const { configurations } = this.state;
    if (!this.readyToServe || !this.latestIsCommitted || isJoint(configurations.latest)) {
      return { ok: false, reason: 'change-pending' };
    }
    const next = planChange(configurations.latest, wanted);
    if (next === null) return { ok: false, reason: 'illegal' };
    return this.append('config', noBytes, next);
  }

  transferLeadership(to: NodeId): boolean {
    const { state } = this;
    const progress = this.replicator.peers.get(to);
    if (progress === undefined || !isVoter(state.configurations.latest, to)) return false;
    if (!this.transfer.start(to)) return false;
    this.transfer.progressed(progress);
    this.flushWanted = true;
    return true;
  }

  requestRead(token: number, from: NodeId | null): void {
    const { reads, state } = this;
    if (reads.full) {
      this.answerRead(token, from, -1);
      return;
    }
    if (!this.readyToServe) reads.addEarly(token, from);
    else reads.add(token, from, state.log.committed);
    this.flushWanted = true;
  }

  step(message: Message): void {
    switch (message.kind) {
      case 'append-response':
        this.appendResponse(message);
        return;
      case 'heartbeat-response':
        this.heartbeatResponse(message);
        return;
      case 'read-index-request':
        this.readIndexRequest(message);
        return;
      case 'append-request':
      case 'heartbeat-request':
        invariant(false, 'two leaders in one term');
        return;
      default:
        return;
    }
  }

  /** The own disk moved on: the leader's own share of the count. */
  written(): void {
    this.advanceCommit();
  }

  /** Followers hear of what is committed through `index` now, though nothing else tells them. */
  tellCommit(index: LogIndex): void {
    if (index <= this.commitDue) return;
    this.commitDue = index;
    this.flushWanted = true;
  }

  /**
   * Reads gather while a round is on its way, and go with the next one together: a round costs a
   * message to each follower and its answer. Not for longer than the rest of a tick, for followers
   * that are far away, and for rounds that were lost. A round that asked the quickest only is then
   * followed by one that asks all.
   */
  private get roundDue(): boolean {
    const { reads, rounds, state } = this;
    if (!reads.roundUnderWay) return reads.roundWanted;
    const isLate = rounds.sentTick(reads.round) < state.timer.now;
    return isLate && (reads.roundWanted || this.askedFew);
  }

  /** Everything that leaves towards followers in this turn. */
  flush(commitMax = this.commitDue): void {
    if (!this.flushDue) return;
    this.flushWanted = false;
    this.confirmReads();
    const beat = this.beatWanted || this.roundDue ? this.nextBeat() : null;
    this.beatWanted = false;
    this.replicator.flush(beat, commitMax);
  }

  private nextBeat(): Beat {
    const { reads, quick, beatWanted } = this;
    const { now } = this.state.timer;
    const only = beatWanted || reads.roundUnderWay ? null : quick.at(now);
    const round = reads.nextRound();
    this.rounds.sent(round, now);
    this.askedFew = only !== null;
    return { round, everyone: beatWanted, only };
  }

  unreachable(peer: NodeId): void {
    const progress = this.replicator.peers.get(peer);
    if (progress?.state === 'replicate') progress.becomeProbe(progress.matchIndex + 1, true);
  }

  oldEntriesRead(to: NodeId, entries: readonly Entry[] | null): void {
    const progress = this.replicator.peers.get(to);
    if (progress === undefined) return;
    this.replicator.oldEntriesRead(progress, entries);
    this.flushWanted = true;
  }

  /** `snapshotIndex` is null when the stream failed: the next heartbeat answer starts anew. */
  snapshotSent(to: NodeId, snapshotIndex: LogIndex | null): void {
    const progress = this.replicator.peers.get(to);
    if (progress?.state !== 'snapshot') return;
    progress.becomeProbe((snapshotIndex ?? progress.matchIndex) + 1, true);
  }

  /**
   * Ticks since the sending of what a majority of nodes that honour leases has answered: nobody
   * else is elected within their election timeout of it (dissertation 6.4.1). Infinity when there
   * is no such answer, and once this leader asked for an election.
   */
  leaseAgeTicks(honours: (id: NodeId) => boolean): number {
    if (!this.readyToServe || this.transfer.electionAsked) return Number.POSITIVE_INFINITY;
    const { timer, configurations } = this.state;
    const answered = (id: NodeId) =>
      id === this.state.id || honours(id) ? this.answeredTickOf(id) : Number.NEGATIVE_INFINITY;
    return timer.now - quorumValue(configurations.latest, answered);
  }

  /** Gives up reads of this node's own clients; remote ones are given up where they came from. */
  abandonReads(): void {
    for (const token of this.reads.takeAllLocal()) this.state.reads.push({ token, index: -1 });
  }

  private append(
    kind: EntryKind,
    data: Uint8Array,
    configuration: Configuration | null,
  ): { readonly ok: true; readonly term: number; readonly index: LogIndex } {
    const { state } = this;
    const entry = { term: state.term, index: state.log.lastIndex + 1, kind, data, configuration };
    state.appendEntry(entry);
    if (configuration !== null) {
      this.replicator.updatePeers(entry.index);
      this.quick.forget();
    }
    this.uncommittedBytes += entryBytes(entry);
    this.flushWanted = true;
    return { ok: true, term: entry.term, index: entry.index };
  }

  private appendResponse(response: AppendResponse): void {
    const progress = this.replicator.peers.get(response.from);
    if (progress === undefined) return;
    progress.heard(this.state.timer.now);
    if (response.success) this.acked(progress, response.index);
    else if (progress.rejected(response.index, this.nextHint(response))) this.flushWanted = true;
  }

  private acked(progress: Progress, index: LogIndex): void {
    invariant(index <= this.state.log.lastIndex, 'an ack beyond the end of the log');
    if (!progress.acked(index)) return;
    this.flushWanted = true;
    this.transfer.progressed(progress);
    this.advanceCommit();
  }

  /** Of the follower's last term at most: skips the entries of ours that it cannot have. */
  private nextHint(response: AppendResponse): LogIndex {
    if (response.hintTerm === 0) return response.hintIndex;
    return this.state.log.lastIndexWithTermAtMost(response.hintIndex, response.hintTerm);
  }

  private heartbeatResponse(response: HeartbeatResponse): void {
    const progress = this.replicator.peers.get(response.from);
    if (progress === undefined) return;
    progress.heard(this.state.timer.now);
    if (response.round > progress.round && response.round <= this.reads.round) {
      progress.round = response.round;
      progress.roundSentTick = this.rounds.sentTick(response.round);
      this.confirmReads();
    }
    this.replicator.resume(progress);
    this.flushWanted = true;
  }

  private advanceCommit(): void {
    const { log, configurations, term } = this.state;
    const index = quorumValue(configurations.latest, this.matchIndexOf);
    if (index <= log.committed || log.termAt(index) !== term) return;
    this.releaseBytes(log.committed + 1, index);
    this.state.commitTo(index);
    this.flushWanted = true;
    if (!this.readyToServe) {
      this.readyToServe = true;
      this.reads.ready(index);
    }
    this.configurationCommitted();
  }

  private releaseBytes(from: LogIndex, through: LogIndex): void {
    for (const entry of this.state.log.slice(from, through, Number.POSITIVE_INFINITY)) {
      this.uncommittedBytes -= entryBytes(entry);
    }
  }

  /** Ends a joint change, also one that an earlier leader began; leaves when not a voter. */
  private configurationCommitted(): void {
    const { configurations, id, log, term } = this.state;
    if (!this.latestIsCommitted) return;
    if (isJoint(configurations.latest)) {
      this.append('config', noBytes, finalConfiguration(configurations.latest));
    } else if (!isVoter(configurations.latest, id)) {
      this.flush(log.committed);
      this.transfer.handOver(this.replicator.peers.values());
      this.roles.becomeFollower(term, null);
    }
  }

  private get latestIsCommitted(): boolean {
    return this.state.configurations.latestIndex <= this.state.log.committed;
  }

  private readIndexRequest(request: ReadIndexRequest): void {
    this.requestRead(request.token, request.from);
  }

  /** As a follower's, with rounds that were sent and that a majority answered. */
  get contact(): Omit<Contact, 'term'> {
    const { log } = this.state;
    const committed = this.readyToServe ? log.committed : log.lastIndex;
    return { committed, round: this.reads.round, confirmed: this.confirmedRound };
  }

  private get confirmedRound(): number {
    return quorumValue(this.state.configurations.latest, this.roundOf);
  }

  private confirmReads(): void {
    const confirmed = this.confirmedRound;
    // A single voter's rounds are confirmed before they are sent.
    const sent = Math.min(confirmed, this.reads.round);
    this.quick.confirmed(sent, this.state.timer.now, () => this.answeredBy(sent));
    for (;;) {
      const read = this.reads.takeConfirmed(confirmed);
      if (read === null) return;
      this.answerRead(read.token, read.from, read.index);
    }
  }

  private *answeredBy(round: number): Iterable<NodeId> {
    for (const { id, round: answered } of this.replicator.peers.values()) {
      if (answered >= round && isVoter(this.state.configurations.latest, id)) yield id;
    }
  }

  private answerRead(token: number, from: NodeId | null, index: LogIndex): void {
    const { state } = this;
    if (from === null) {
      state.reads.push({ token, index });
      return;
    }
    // The round may have asked others: it waits for that commit.
    const progress = this.replicator.peers.get(from);
    if (progress !== undefined) this.replicator.sendCommit(progress, index);
    state.send({
      kind: 'read-index-response',
      group: state.group,
      from: state.id,
      to: from,
      term: state.term,
      token,
      index,
    });
  }

  private readonly matchIndexOf = (id: NodeId): LogIndex =>
    id === this.state.id ? this.state.log.stable : (this.replicator.peers.get(id)?.matchIndex ?? 0);

  private readonly roundOf = (id: NodeId): number =>
    id === this.state.id ? Number.POSITIVE_INFINITY : (this.replicator.peers.get(id)?.round ?? 0);

  private readonly heardTickOf = (id: NodeId): number =>
    id === this.state.id
      ? this.state.timer.now
      : (this.replicator.peers.get(id)?.heardTick ?? Number.NEGATIVE_INFINITY);

  private readonly answeredTickOf = (id: NodeId): number =>
    id === this.state.id
      ? this.state.timer.now
      : (this.replicator.peers.get(id)?.roundSentTick ?? Number.NEGATIVE_INFINITY);
}
