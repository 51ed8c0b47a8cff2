/**
 * What must hold after each event of a node, seen from outside: Raft's properties (shared with
 * the tests of the core alone), promises only about what the disk holds, one vote a term, a
 * commit index that rests on a majority of disks, equal states at equal indexes.
 */
import { createHash } from 'node:crypto';
import type { Message } from '../../src/raft/messages.js';
import type { RaftCore } from '../../src/raft/raft.js';
import type { Configuration, LogIndex, NodeId, Term } from '../../src/raft/types.js';
import type { StateMachine } from '../../src/statemachine/state-machine.js';
import type { Packet } from '../../src/transport/memory-network.js';
import { checkLogMatching, type Replica, Safety } from '../raft/safety.js';
import { SimFailure } from './failure.js';
import type { SimDisk } from './sim-disk.js';
import type { SimNode } from './sim-node.js';

/** A node and what was seen of it in this life. */
class Watched implements Replica {
  seenTerm: Term = 0;
  seenCommit: LogIndex = 0;
  checkedCommit: LogIndex = 0;
  seenApplied: LogIndex = 0;
  life = 0;
  leads: Term = 0;
  configuration: Configuration | null = null;

  constructor(readonly node: SimNode) {}

  get id(): NodeId {
    return this.node.id;
  }

  get core(): RaftCore | null {
    return this.node.core;
  }
}

export class Invariants {
  readonly safety = new Safety();
  elections = 0;
  private readonly watched: ReadonlyMap<NodeId, Watched>;
  private readonly configurations = new Map<LogIndex, string>();
  private readonly votes = new Map<string, NodeId>();
  private steps = 0;

  constructor(
    nodes: readonly SimNode[],
    /** A state is hashed at indexes that are multiples of this. */
    private readonly digestEvery: number,
    private readonly matchEvery: number,
  ) {
    this.watched = new Map(nodes.map((node) => [node.id, new Watched(node)]));
  }

  /** After an event of this node. */
  check(node: SimNode): void {
    const { core } = node;
    if (core === null) return;
    const seen = this.watched.get(node.id)!;
    if (seen.life !== node.lives) this.reborn(seen, node);
    const before = seen.seenCommit;
    this.safety.checkNode(seen, core);
    if (core.role === 'leader') {
      if (seen.leads !== core.term) this.elected(seen, core);
      else if (core.commitIndex > before) checkCommitRule(core);
      if (core.configuration !== seen.configuration) checkOneChange(core);
      if (core.commitIndex > before) this.checkMajority(core, core.commitIndex, seen.configuration);
    }
    seen.configuration = core.configuration;
    this.checkState(seen, node.group!.machine);
    if (++this.steps % this.matchEvery === 0) checkLogMatching([...this.watched.values()]);
  }

  /** Before anything can be lost on the way. */
  watch(packet: Packet): void {
    if (packet.kind !== 'messages') return;
    for (const message of packet.messages) this.checkPromise(packet.from, message);
  }

  /** Equal states at equal indexes, now. */
  checkDigest(node: SimNode): string {
    const { machine } = node.group!;
    const digest = digestNow(machine);
    this.safety.stateAt(node.id, machine.appliedIndex, digest);
    return digest;
  }

  private reborn(seen: Watched, node: SimNode): void {
    const core = node.core!;
    seen.life = node.lives;
    // What was not durable was promised to nobody.
    seen.seenTerm = node.disk.memory.durable.hardState.term;
    seen.seenCommit = 0;
    seen.checkedCommit = 0;
    seen.seenApplied = core.lastApplied;
    seen.leads = 0;
    seen.configuration = null;
  }

  private elected(seen: Watched, core: RaftCore): void {
    seen.leads = core.term;
    this.elections++;
    this.safety.leaderElected(seen.id, core, core.term);
  }

  private checkState(seen: Watched, machine: StateMachine): void {
    const index = machine.appliedIndex;
    if (index < seen.seenApplied) {
      throw new SimFailure('monotone', `${seen.id}: the applied index went back`);
    }
    if (index === seen.seenApplied) return;
    // Replies are given by the apply: what was acknowledged is committed.
    const committed = seen.core?.commitIndex ?? index;
    if (index > committed) {
      throw new SimFailure(
        'acknowledged',
        `${seen.id} applied ${index}, committed is ${committed}`,
      );
    }
    seen.seenApplied = index;
    if (index % this.digestEvery > 0) return;
    this.checkDigest(seen.node);
    if (seen.core !== null) this.checkConfiguration(seen.core);
  }

  /** What is committed up to an index says the same about the members everywhere. */
  private checkConfiguration(core: RaftCore): void {
    const { commitIndex, committedConfiguration, id } = core.status();
    const text = JSON.stringify(committedConfiguration);
    const known = this.configurations.get(commitIndex);
    this.configurations.set(commitIndex, text);
    if (known === undefined || known === text) return;
    throw new SimFailure('configuration', `${id} has ${text} at ${commitIndex}, others ${known}`);
  }

  private checkPromise(from: NodeId, message: Message): void {
    const disk = this.watched.get(from)!.node.disk;
    if (message.kind === 'vote-request' && !message.preVote) {
      this.checkVote(disk, from, message.term, from);
    } else if (message.kind === 'vote-response' && !message.preVote && message.granted) {
      this.checkVote(disk, from, message.term, message.to);
    } else if (message.kind === 'append-response' && message.success) {
      this.checkAck(disk, from, message.index, message.term);
    }
  }

  private checkVote(disk: SimDisk, voter: NodeId, term: Term, candidate: NodeId): void {
    const vote = `${disk.incarnation} ${term}`;
    const other = this.votes.get(vote);
    this.votes.set(vote, candidate);
    if (other !== undefined && other !== candidate) {
      throw new SimFailure('one vote', `${voter} voted for ${other} and ${candidate} in ${term}`);
    }
    const { hardState } = disk.memory.durable;
    if (!disk.syncs || hardState.term > term) return;
    if (hardState.term < term || hardState.votedFor !== candidate) {
      throw new SimFailure('durable vote', `${voter} tells a vote in ${term} that it may forget`);
    }
  }

  private checkAck(disk: SimDisk, from: NodeId, index: LogIndex, term: Term): void {
    const { durable } = disk.memory;
    if (!disk.syncs || durable.hardState.term > term) return;
    const last = durable.firstIndex + durable.entries.length - 1;
    const received = durable.snapshots.map(({ meta }) => meta.lastIncludedIndex);
    if (index > Math.max(last, ...received)) {
      throw new SimFailure('durable ack', `${from} acknowledges ${index}, but has ${last}`);
    }
  }

  /**
   * A leader says that `index` is committed: it must lie on the disks of a majority, by the
   * configuration of now or, when that was appended in the same event, by the one before.
   */
  private checkMajority(leader: RaftCore, index: LogIndex, before: Configuration | null): void {
    const term = leader.termAt(index);
    const { configuration } = leader;
    if (term === null || this.hasMajority(configuration, index, term)) return;
    if (before !== null && this.hasMajority(before, index, term)) return;
    throw new SimFailure('durable majority', `${leader.id} commits ${index}, not on enough disks`);
  }

  private hasMajority(configuration: Configuration, index: LogIndex, term: Term): boolean {
    return [configuration.voters, configuration.outgoing].every((voters) => {
      const holders = voters.filter((id) => this.holds(configuration, id, index, term));
      return voters.length === 0 || holders.length * 2 > voters.length;
    });
  }

  private holds(in_: Configuration, id: NodeId, index: LogIndex, term: Term): boolean {
    const disk = this.watched.get(id)!.node.disk;
    const member = in_.members.find((one) => one.id === id);
    // It was wiped since: what it once acknowledged cannot be seen any more.
    if (!disk.syncs || member?.incarnation !== disk.incarnation) return true;
    const { firstIndex, entries, snapshots } = disk.memory.durable;
    if (snapshots.some(({ meta }) => meta.lastIncludedIndex >= index)) return true;
    if (index < firstIndex) return true;
    return entries[index - firstIndex]?.term === term;
  }
}

/** 5.4.2: a leader counts only entries of its own term. */
function checkCommitRule(leader: RaftCore): void {
  const term = leader.termAt(leader.commitIndex);
  if (term === null || term === leader.term) return;
  throw new SimFailure('commit rule', `${leader.id} of ${leader.term} commits one of ${term}`);
}

/** Dissertation 4.1: at most one voter more or less than what is committed, unless joint. */
function checkOneChange(leader: RaftCore): void {
  const { configuration } = leader;
  if (configuration.outgoing.length > 0) return;
  const { committedConfiguration } = leader.status();
  const before = committedConfiguration.voters;
  const { voters } = configuration;
  const differing =
    voters.filter((id) => !before.includes(id)).length +
    before.filter((id) => !voters.includes(id)).length;
  const endsJoint = committedConfiguration.outgoing.length > 0;
  if (differing <= 1 || endsJoint || before.length === 0) return;
  throw new SimFailure('one change', `${leader.id} is at ${voters}, but ${before} is committed`);
}

/** As digestOf in src/node, in one step. */
export function digestNow(machine: StateMachine): string {
  const view = machine.openSnapshot();
  const hash = createHash('sha1');
  try {
    for (let chunk = view.next(); chunk !== null; chunk = view.next()) hash.update(chunk);
  } finally {
    view.close();
  }
  return hash.digest('hex');
}
