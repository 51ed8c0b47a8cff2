/**
 * The data that all roles share, and the ways out of the core: messages, acks and reads wait here
 * until takeEffects(). Invariants: a message whose term is not yet durable waits for the write of
 * that term (heartbeat answers excepted, they promise nothing that a restart could break); an ack
 * never covers an entry that is not durable.
 */
import type { RaftConfig } from './config.js';
import { ConfigurationHistory, isEmpty, isMember, isVoter } from './configuration.js';
import { Durability } from './durability.js';
import type { LogWrite, OldEntriesWanted, ReadReady } from './effects.js';
import { ElectionTimer } from './election-timer.js';
import { RaftLog } from './log.js';
import type { AppendResponse, HeartbeatRequest, Message } from './messages.js';
import type {
  Configuration,
  Entry,
  GroupId,
  LogIndex,
  NodeId,
  RestoredLog,
  Role,
  SnapshotMeta,
  Term,
} from './types.js';

export class CoreState {
  readonly id: NodeId;
  readonly group: GroupId;
  role: Role;
  term: Term;
  votedFor: NodeId | null;
  leader: NodeId | null = null;
  /** What this leader told last; null: it has not told anything. */
  told: Pick<HeartbeatRequest, 'committed' | 'answered'> | null = null;
  /** Newest heartbeat round of this leader that was answered here; 0: none. */
  answeredRound = 0;
  readonly log: RaftLog;
  readonly configurations: ConfigurationHistory;
  readonly durability: Durability;
  readonly timer: ElectionTimer;
  /** A received snapshot that the driver is putting in place. */
  restoring: SnapshotMeta | null = null;
  /** Who sent it: gets the ack when no leader is known. */
  restoringFrom: NodeId | null = null;
  messages: Message[] = [];
  reads: ReadReady[] = [];
  oldEntries: OldEntriesWanted[] = [];
  snapshots: NodeId[] = [];
  /** Some configuration of the log named this node. */
  wasMember: boolean;
  private ack: AppendResponse | null = null;

  constructor(
    readonly config: RaftConfig,
    restored: RestoredLog,
  ) {
    this.id = config.id;
    this.group = config.group;
    this.term = restored.hardState.term;
    this.votedFor = restored.hardState.votedFor;
    this.log = new RaftLog(restored);
    this.configurations = new ConfigurationHistory(restored.snapshot, restored.configurations);
    this.durability = new Durability(this.log, restored.hardState, config.logWritesMax);
    this.timer = new ElectionTimer(config);
    this.role = this.restingRole;
    const known = [restored.snapshot, ...restored.configurations];
    this.wasMember = known.some((one) => isNamed(one?.configuration, config.id));
  }

  /** What this node is while it does not stand for election. */
  get restingRole(): 'follower' | 'learner' {
    return isVoter(this.configurations.latest, this.id) ? 'follower' : 'learner';
  }

  /**
   * Nodes outside the configuration never campaign, nor do nodes between two states. Who was
   * removed by an entry that is not committed still must: the others may need its log to commit
   * that entry (dissertation 4.2.2). Its own vote does not count then.
   */
  get mayCampaign(): boolean {
    const { configurations, log, id } = this;
    const committed = configurations.at(log.committed);
    const voter = isVoter(configurations.latest, id) || isVoter(committed, id);
    return this.restoring === null && voter && this.isOwnDirectory;
  }

  /**
   * A learner votes when asked: it may have been promoted by an entry it does not have yet. A
   * node without any configuration is new or lost its data, and must not (requirement 8).
   */
  get mayVote(): boolean {
    return !isEmpty(this.configurations.latest) && this.isOwnDirectory;
  }

  /** False while the configuration names another data directory for this id. */
  private get isOwnDirectory(): boolean {
    const { incarnation } = this.config;
    if (incarnation === undefined) return true;
    const member = this.configurations.latest.members.find((m) => m.id === this.id);
    return member === undefined || member.incarnation === incarnation;
  }

  setTerm(term: Term, votedFor: NodeId | null): void {
    if (term !== this.term) this.ack = null;
    this.term = term;
    this.votedFor = votedFor;
    this.durability.setHardState(term, votedFor);
  }

  vote(candidate: NodeId): void {
    this.setTerm(this.term, candidate);
  }

  /** True once a vote cast in this term cannot be forgotten. */
  get voteIsDurable(): boolean {
    return this.durability.term === this.term && this.durability.votedFor === this.votedFor;
  }

  send(message: Message): void {
    // The term of an answered round is the leader's own: it is told nothing new.
    const answersRound = message.kind === 'heartbeat-response' && message.round > 0;
    if (answersRound || message.term <= this.durability.term) this.messages.push(message);
    else this.durability.hold(message);
  }

  /** Acks the log through `index`; acks of one turn join into the newest. */
  acknowledge(to: NodeId, index: LogIndex): void {
    if (this.ack !== null && this.ack.to === to && this.ack.index >= index) return;
    this.ack = this.appendResponse(to, true, index, 0, 0);
  }

  appendResponse(
    to: NodeId,
    success: boolean,
    index: LogIndex,
    hintIndex: LogIndex,
    hintTerm: Term,
  ): AppendResponse {
    return {
      kind: 'append-response',
      group: this.group,
      from: this.id,
      to,
      term: this.term,
      success,
      index,
      hintIndex,
      hintTerm,
    };
  }

  appendEntry(entry: Entry): void {
    this.log.append(entry);
    if (entry.configuration === null) return;
    this.configurations.append(entry);
    this.configurationChanged();
  }

  truncateFrom(index: LogIndex): void {
    this.log.truncateFrom(index);
    this.durability.truncated(index);
    this.configurations.truncateFrom(index);
    this.configurationChanged();
  }

  /** A received snapshot takes the place of the whole log: an ack of what that held is void. */
  logReplaced(lastIncludedIndex: LogIndex): void {
    this.ack = null;
    this.durability.replaced(lastIncludedIndex);
  }

  configurationChanged(): void {
    this.wasMember ||= isMember(this.configurations.latest, this.id);
    if (this.role === 'follower' || this.role === 'learner') this.role = this.restingRole;
  }

  commitTo(index: LogIndex): boolean {
    if (!this.log.commitTo(index)) return false;
    this.configurations.committed(index);
    return true;
  }

  /** The next write, with the ack that rests on it; or sends what waits for no write. */
  takeWrite(): LogWrite | null {
    const { durability, log } = this;
    const { ack } = this;
    if (ack !== null && ack.index <= log.stable && ack.term <= durability.term) {
      this.messages.push(ack);
      this.ack = null;
    }
    if (!durability.willWrite) {
      durability.release(this.messages);
      return null;
    }
    if (this.ack !== null) {
      durability.hold(this.ack);
      this.ack = null;
    }
    return durability.takeWrite();
  }

  /** What was handed out belongs to the driver: new arrays from here on. */
  clearOutput(): void {
    this.messages = [];
    if (this.reads.length > 0) this.reads = [];
    this.clearRequests();
  }

  /** Work that only a leader may ask for. */
  clearRequests(): void {
    if (this.oldEntries.length > 0) this.oldEntries = [];
    if (this.snapshots.length > 0) this.snapshots = [];
  }

  get writeReady(): boolean {
    if (this.durability.ready) return true;
    const { ack } = this;
    return ack !== null && ack.index <= this.log.stable && ack.term <= this.durability.term;
  }
}

function isNamed(configuration: Configuration | null | undefined, id: NodeId): boolean {
  return configuration !== null && configuration !== undefined && isMember(configuration, id);
}
