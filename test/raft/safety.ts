/**
 * What must hold in every cluster at every step (Figure 3): election safety, log matching, leader
 * completeness, state machine safety, and reads that never go back. What was committed once is
 * remembered here, outside the cores, and compared for ever.
 */
import { describeEntry } from '../../src/raft/describe.js';
import type { RaftCore } from '../../src/raft/raft.js';
import type { Entry, LogIndex, NodeId, Term } from '../../src/raft/types.js';
import { SimFailure } from '../sim/failure.js';

/** A node as the checks see it; `core` is null while it is down. */
export interface Replica {
  readonly id: NodeId;
  readonly core: RaftCore | null;
  seenTerm: Term;
  seenCommit: LogIndex;
  checkedCommit: LogIndex;
}

/** Nine tenths of the simulated election timeout. */
const leaseTicks = 9;

export class Safety {
  private readonly leaders = new Map<Term, NodeId>();
  private readonly chosen: string[] = [];
  private readonly chosenTerms: Term[] = [];
  /** The term in which each entry was seen to be committed: its own, or a later one (figure 8). */
  private readonly committedIn: Term[] = [];
  private readonly digests: string[] = [];
  private readonly readFloors = new Map<number, LogIndex>();
  private checks = 0;

  get highestCommit(): LogIndex {
    return this.chosen.length - 1;
  }

  readAsked(token: number): void {
    this.readFloors.set(token, this.highestCommit);
  }

  /** `node` applied the entry and its state is now `digest`. */
  applied(node: Replica, entry: Entry, digest: string): void {
    this.choose(node, entry);
    this.stateAt(node.id, entry.index, digest);
  }

  /** State machine safety: whoever has applied up to an index has the same state. */
  stateAt(id: NodeId, index: LogIndex, digest: string): void {
    const known = this.digests[index];
    if (known === undefined) this.digests[index] = digest;
    else if (known !== digest) fail('state machine safety', `${id}: state differs at ${index}`);
  }

  /** Maybe long after its votes were given: later terms may have committed more meanwhile. */
  leaderElected(id: NodeId, leader: RaftCore, term: Term): void {
    const other = this.leaders.get(term);
    if (other !== undefined && other !== id) fail('election safety', `two leaders in term ${term}`);
    this.leaders.set(term, id);
    for (let index = leader.commitIndex + 1; index <= this.highestCommit; index++) {
      const expected = this.chosenTerms[index];
      const owed = expected !== undefined && this.committedIn[index]! < term;
      if (owed && leader.termAt(index) !== expected) {
        fail('leader completeness', `leader ${id} of term ${term} lacks committed entry ${index}`);
      }
    }
  }

  private choose(node: Replica, entry: Entry): void {
    const text = describeEntry(entry);
    const known = this.chosen[entry.index];
    if (known !== undefined && known !== '' && known !== text) {
      fail('state machine safety', `${node.id}: committed entry ${known} became ${text}`);
    }
    this.chosen[entry.index] = text;
  }

  readAnswered(token: number, index: LogIndex): boolean {
    const floor = this.readFloors.get(token) ?? fail('reads', `read ${token} was answered twice`);
    this.readFloors.delete(token);
    if (index < 0) return false;
    if (index < floor) fail('reads', `stale: index ${index}, but ${floor} was committed before`);
    return true;
  }

  /** `leases`: nobody may lead beside a node that holds a lease. */
  check(nodes: readonly Replica[], leases: boolean): void {
    for (const node of nodes) {
      if (node.core === null) continue;
      this.checkNode(node, node.core);
      if (leases && node.core.leaseAgeTicks() < leaseTicks) checkLease(nodes, node.core);
    }
    if (++this.checks % 8 === 0) checkLogMatching(nodes);
  }

  checkNode(node: Replica, current: RaftCore): void {
    if (current.term < node.seenTerm) fail('monotone', `${node.id}: the term went back`);
    if (current.commitIndex < node.seenCommit) {
      fail('monotone', `${node.id}: the commit index went back`);
    }
    node.seenTerm = current.term;
    node.seenCommit = current.commitIndex;
    this.checkCommitted(node, current);
  }

  private checkCommitted(node: Replica, current: RaftCore): void {
    for (let index = node.checkedCommit + 1; index <= current.commitIndex; index++) {
      const term = current.termAt(index);
      const known = this.chosenTerms[index];
      if (term !== null && known !== undefined && known !== term) {
        fail(
          'state machine safety',
          `${node.id}: committed entry ${index} is of term ${term}, not ${known}`,
        );
      }
      if (term !== null) {
        this.chosenTerms[index] = term;
        this.committedIn[index] ??= current.term;
      }
      this.chosen[index] ??= '';
    }
    node.checkedCommit = current.commitIndex;
  }
}

function checkLease(nodes: readonly Replica[], holder: RaftCore): void {
  const rival = nodes.find((n) => n.core?.role === 'leader' && n.core.term > holder.term);
  if (rival !== undefined) fail('lease', `${rival.id} leads beside the lease of ${holder.id}`);
}

export function checkLogMatching(nodes: readonly Replica[]): void {
  const cores = nodes.flatMap(({ core }) => (core === null ? [] : [core]));
  for (let a = 0; a < cores.length; a++) {
    for (let b = a + 1; b < cores.length; b++) checkPair(cores[a]!, cores[b]!);
  }
}

/** If two logs hold an entry of the same index and term, they are equal up to there. */
function checkPair(one: RaftCore, other: RaftCore): void {
  let matched = false;
  for (let index = Math.min(one.lastLogIndex, other.lastLogIndex); index > 0; index--) {
    const [left, right] = [one.termAt(index), other.termAt(index)];
    if (left === null || right === null) return;
    if (matched && left !== right)
      fail('log matching', `${one.id} and ${other.id} part below ${index}`);
    if (left === right) matched = true;
  }
}

/** hasEffects() said no: then there is nothing to take. */
export function checkIdle(core: RaftCore): void {
  const { write, roleChange, messages, committed, reads } = core.takeEffects();
  const lists = messages.length + committed.length + reads.length;
  if (write !== null || roleChange !== null || lists > 0) {
    fail('effects', `${core.id}: unannounced`);
  }
}

function fail(checker: string, what: string): never {
  throw new SimFailure(checker, what);
}
