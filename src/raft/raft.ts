/**
 * RaftCore: consensus for one group, as a synchronous machine without clock, disk or network. It
 * takes ticks, messages and news of what the driver has done, and gives back effects to carry out
 * (effects.ts). Here are the rules on terms (5.1), which come before any message is looked at,
 * and the way in and out; what each role does is in follower.ts, candidate.ts and leader.ts.
 */
import { ApplyQueue } from './apply-queue.js';
import type { RaftConfig } from './config.js';
import { isMember } from './configuration.js';
import type { Effects, RoleChange } from './effects.js';
import { invariant } from './invariant.js';
import type { Message } from './messages.js';
import type { ChangeProposal, Proposal, SnapshotVerdict } from './proposal.js';
import { Roles } from './roles.js';
import { CoreState } from './state.js';
import { type Contact, statusOf } from './status.js';
import type {
  Configuration,
  Entry,
  LogIndex,
  NodeId,
  RaftStatus,
  RestoredLog,
  Role,
  SnapshotMeta,
  Term,
} from './types.js';
import { answerVoteRequest, standsByLeader } from './vote.js';

export type { ChangeProposal, Proposal, SnapshotVerdict } from './proposal.js';

const none: readonly never[] = [];
const everyone = () => true;
const ignored: SnapshotVerdict = { action: 'ignore', keepsLog: false };

export class RaftCore {
  private readonly state: CoreState;
  private readonly roles: Roles;
  private readonly applies: ApplyQueue;
  private announced: RoleChange;
  private commitSavedTick = 0;

  /** The applied index starts at the index of the restored snapshot. */
  constructor(config: RaftConfig, restored: RestoredLog) {
    this.state = new CoreState(config, restored);
    this.roles = new Roles(this.state);
    this.applies = new ApplyQueue(this.state);
    this.announced = { role: this.state.role, term: this.state.term, leader: null };
  }

  get id(): NodeId {
    return this.state.id;
  }

  get term(): Term {
    return this.state.term;
  }

  get role(): Role {
    return this.state.role;
  }

  /** The leader of the current term as far as this node knows it. */
  get leader(): NodeId | null {
    return this.state.leader;
  }

  get configuration(): Configuration {
    return this.state.configurations.latest;
  }

  /** Where the log has it; for one that came with a snapshot, the index of the snapshot. */
  get configurationIndex(): LogIndex {
    return this.state.configurations.latestIndex;
  }

  get commitIndex(): LogIndex {
    return this.state.log.committed;
  }

  get lastApplied(): LogIndex {
    return this.state.log.applied;
  }

  get lastLogIndex(): LogIndex {
    return this.state.log.lastIndex;
  }

  /** Those behind lastApplied; null when some of them are on disk only. */
  unappliedEntries(): readonly Entry[] | null {
    const { log } = this.state;
    if (log.applied + 1 < log.firstIndex) return null;
    return log.slice(log.applied + 1, log.lastIndex, Number.POSITIVE_INFINITY);
  }

  /** Leader only, else 0: bytes proposed here and not yet committed. */
  get uncommittedBytes(): number {
    return this.roles.leader?.uncommittedBytes ?? 0;
  }

  /** True while a leadership transfer makes this leader refuse proposals. */
  get transferring(): boolean {
    return this.transferTarget !== null;
  }

  get transferTarget(): NodeId | null {
    return this.roles.leader?.transfer.target ?? null;
  }

  /** Leader only, else 0: up to here followers may have applied, and shown, what is committed. */
  get commitTold(): LogIndex {
    return this.roles.leader?.replicator.commitTold ?? 0;
  }

  /** Leader only: true once an entry of its own term is committed. */
  get readyToServe(): boolean {
    return this.roles.leader?.readyToServe ?? false;
  }

  /** True when some configuration of the log named this node, committed or not. */
  get wasMember(): boolean {
    return this.state.wasMember;
  }

  /** True when a committed configuration no longer names this node and an earlier one did. */
  get removed(): boolean {
    const { configurations, log, id } = this.state;
    return this.state.wasMember && !isMember(configurations.at(log.committed), id);
  }

  /** A leader was heard within the minimum election timeout: votes are refused. */
  get recentLeaderContact(): boolean {
    return this.state.role === 'leader' || this.state.timer.leaderHeardRecently;
  }

  /** Null: no leader told anything within the minimum election timeout. */
  get contact(): Contact | null {
    const { leader } = this.roles;
    const { term, told, answeredRound } = this.state;
    if (leader !== null) return { term, ...leader.contact };
    if (told === null || !this.recentLeaderContact) return null;
    return { term, committed: told.committed, round: answeredRound, confirmed: told.answered };
  }

  /** Term of an entry in memory, or at the edge of it; null when it is not known there. */
  termAt(index: LogIndex): Term | null {
    return this.state.log.termAt(index);
  }

  /**
   * See Leader.leaseAgeTicks; Infinity on others. A tick may take longer than it should: whoever
   * serves reads under a lease asks a clock when that tick was (node/lease-guard.ts).
   */
  leaseAgeTicks(honours: (id: NodeId) => boolean = everyone): number {
    return this.roles.leader?.leaseAgeTicks(honours) ?? Number.POSITIVE_INFINITY;
  }

  status(): RaftStatus {
    return statusOf(this.state, this.roles.leader);
  }

  tick(): void {
    const { timer, config, durability } = this.state;
    this.roles.tick();
    if (timer.now - this.commitSavedTick < config.electionTicks) return;
    this.commitSavedTick = timer.now;
    durability.saveCommit();
  }

  step(message: Message): void {
    const { state } = this;
    if (message.group !== state.group || message.to !== state.id || message.from === state.id) {
      return;
    }
    if (message.kind === 'vote-request') {
      this.stepVoteRequest(message);
      return;
    }
    // A pre-vote raises no term, so a voter behind us may grant it; requestTerm tells its age.
    const preVoteAnswer = message.kind === 'vote-response' && message.preVote;
    if (message.term < state.term && !preVoteAnswer) {
      this.answerStale(message);
      return;
    }
    if (message.term > state.term) {
      const leads = message.kind === 'append-request' || message.kind === 'heartbeat-request';
      this.roles.becomeFollower(message.term, leads ? message.from : null);
    }
    this.roles.step(message);
  }

  /** Appends a command when this node leads. A refusal promises that nothing was appended. */
  propose(data: Uint8Array): Proposal {
    return this.roles.leader?.propose(data) ?? { ok: false, reason: 'not-leader' };
  }

  /**
   * Changes the membership to `next` (all of it, `outgoing` empty). More than one differing voter
   * goes through a joint configuration, which the leader ends by itself once it is committed.
   */
  changeConfiguration(next: Configuration): ChangeProposal {
    return this.roles.leader?.changeConfiguration(next) ?? { ok: false, reason: 'not-leader' };
  }

  /** Answered in effects.reads, once per token; -1 when it could not be confirmed. */
  requestRead(token: number): void {
    this.roles.requestRead(token);
  }

  /** False when this node does not lead, or `to` is no other voter, or another transfer runs. */
  transferLeadership(to: NodeId): boolean {
    return this.roles.leader?.transferLeadership(to) ?? false;
  }

  /** The write with this number is durable. */
  written(seq: number): void {
    const { durability, log, config } = this.state;
    durability.written(seq);
    log.evict(config.logWindowBytesMax);
    this.roles.written();
  }

  applied(index: LogIndex): void {
    const { log, config } = this.state;
    log.appliedTo(index);
    log.evict(config.logWindowBytesMax);
  }

  /**
   * Tells followers of a commit that no append has carried to them yet: each such message costs
   * them and the leader as much as an append, so the driver waits a moment for the next one.
   */
  tellCommit(index: LogIndex): void {
    this.roles.leader?.tellCommit(index);
  }

  /** A snapshot of this node is durable, and storage keeps entries from `firstIndexOnDisk` on. */
  snapshotSaved(meta: SnapshotMeta, firstIndexOnDisk: LogIndex): void {
    this.state.log.snapshotSaved(meta, firstIndexOnDisk);
  }

  /**
   * A complete snapshot from the leader is durable (Figure 13). On `restore` the driver replaces
   * the state machine, and the stored log unless `keepsLog`, then calls snapshotRestored(). No
   * log write may be in flight.
   */
  snapshotReceived(from: NodeId, term: Term, meta: SnapshotMeta): SnapshotVerdict {
    const { state } = this;
    if (term < state.term || state.restoring !== null) return ignored;
    if (term === state.term && this.roles.leader !== null) return ignored;
    // Who streams may have lost its leadership since: heartbeats tell the leader, not this.
    if (term > state.term || this.roles.candidate !== null) this.roles.becomeFollower(term, null);
    state.timer.leaderHeard();
    if (meta.lastIncludedIndex <= state.log.committed) {
      state.acknowledge(from, state.log.committed);
      return ignored;
    }
    state.restoringFrom = from;
    return { action: 'restore', keepsLog: this.beginRestore(meta) };
  }

  /** The state machine stands at the snapshot; the log goes on from there. */
  snapshotRestored(meta: SnapshotMeta): void {
    const { state } = this;
    invariant(state.restoring !== null, 'snapshotRestored() without snapshotReceived()');
    state.restoring = null;
    state.log.restored(meta.lastIncludedIndex);
    const to = state.leader ?? state.restoringFrom;
    if (to !== null && to !== state.id) state.acknowledge(to, meta.lastIncludedIndex);
  }

  /** The stream to `to` ended. */
  snapshotSent(to: NodeId, ok: boolean, meta: SnapshotMeta | null): void {
    this.roles.leader?.snapshotSent(to, ok && meta !== null ? meta.lastIncludedIndex : null);
  }

  /** Answers effects.oldEntries; null when the entries were compacted away meanwhile. */
  oldEntriesRead(to: NodeId, entries: readonly Entry[] | null): void {
    this.roles.leader?.oldEntriesRead(to, entries);
  }

  /** Answers effects.committedWanted. */
  committedRead(entries: readonly Entry[]): void {
    this.applies.read(entries);
  }

  /** Messages to this peer were dropped: probe it before sending on. */
  unreachable(peer: NodeId): void {
    this.roles.leader?.unreachable(peer);
  }

  /**
   * The connection to a peer broke, which for a local peer means that it died. If it is our leader
   * we no longer stand by it and stand for election early. Not to be called where the leader may
   * serve lease reads: a lease rests on followers that stand by their leader in silence.
   */
  peerConnectionLost(peer: NodeId): void {
    this.unreachable(peer);
    if (peer !== this.state.leader) return;
    this.roles.follower.leaderConnectionLost();
  }

  /**
   * This node has just started, or a peer can be reached again: if nobody leads there is no need to
   * wait for an election timeout. Not to be called where a leader may serve lease reads.
   */
  campaignSoon(): void {
    const { role } = this.state;
    if (role === 'follower' || role === 'pre-candidate') this.roles.follower.campaignSoon();
  }

  hasEffects(): boolean {
    const { state } = this;
    return (
      state.messages.length > 0 ||
      state.reads.length > 0 ||
      state.writeReady ||
      this.applies.ready ||
      this.roles.leader?.flushDue === true ||
      this.roleChanged
    );
  }

  /** What to do now; empty when hasEffects() is false. See effects.ts for the order. */
  takeEffects(): Effects {
    const { state } = this;
    this.roles.leader?.flush();
    const write = state.takeWrite();
    const committed = this.applies.take();
    const effects: Effects = {
      roleChange: this.takeRoleChange(),
      messages: state.messages,
      write,
      committed,
      reads: state.reads.length > 0 ? state.reads : none,
      oldEntries: state.oldEntries.length > 0 ? state.oldEntries : none,
      snapshots: state.snapshots.length > 0 ? state.snapshots : none,
      committedWanted: committed.length > 0 ? null : this.applies.takeWanted(),
    };
    state.clearOutput();
    return effects;
  }

  private stepVoteRequest(message: Message & { kind: 'vote-request' }): void {
    const { state } = this;
    if (message.term >= state.term && standsByLeader(state, message)) return;
    if (!message.preVote && message.term > state.term) {
      this.roles.becomeFollower(message.term, null);
    }
    answerVoteRequest(state, message);
  }

  /** An old leader must learn the term, or a node with a higher one could never come back. */
  private answerStale(message: Message): void {
    const { state } = this;
    if (message.kind === 'append-request') {
      state.send(state.appendResponse(message.from, false, message.prevLogIndex, 0, 0));
    } else if (message.kind === 'heartbeat-request') {
      const { group, id, term } = state;
      const to = message.from;
      state.send({ kind: 'heartbeat-response', group, from: id, to, term, round: 0 });
    }
  }

  /** Returns whether the log above the snapshot stays (requirement 46). */
  private beginRestore(meta: SnapshotMeta): boolean {
    const { state } = this;
    const { log } = state;
    const index = meta.lastIncludedIndex;
    invariant(state.durability.idle, 'a snapshot replaces the log beside a write');
    const keepsLog = log.stable >= index && log.termAt(index) === meta.lastIncludedTerm;
    log.restore(meta, keepsLog);
    if (!keepsLog) state.logReplaced(index);
    state.configurations.restore(meta, keepsLog);
    state.configurationChanged();
    state.restoring = meta;
    return keepsLog;
  }

  private get roleChanged(): boolean {
    const { role, term, leader } = this.announced;
    const { state } = this;
    return role !== state.role || term !== state.term || leader !== state.leader;
  }

  private takeRoleChange(): RoleChange | null {
    if (!this.roleChanged) return null;
    const { role, term, leader } = this.state;
    this.announced = { role, term, leader };
    return this.announced;
  }
}
