/**
 * What must hold in every cluster at every step (Figure 3): election safety, log matching, leader
 * completeness, state machine safety, and reads that never go back. What was committed once is
 * remembered here, outside the cores, and compared for ever.
 */
import { describeEntry } from '../../src/raft/describe.js';
import type { RaftCore } from '../../src/raft/raft.js';
import type { Entry, LogIndex, NodeId, Term } from '../../src/raft/types.js';
import { fail, type SimNode } from './sim-node.js';

/** Nine tenths of the simulated election timeout. */
const leaseTicks = 9;

export class Safety {
  private readonly leaders = new Map<Term, NodeId>();
  private readonly chosen: string[] = [];
  private readonly chosenTerms: Term[] = [];
  private readonly digests: string[] = [];
  private readonly readFloors = new Map<number, LogIndex>();
  private checks = 0;

  get highestCommit(): LogIndex {
    return this.chosen.length - 1;
  }

  readAsked(token: number): void {
    this.readFloors.set(token, this.highestCommit);
  }

  /** `node` applied the entry and its state is now `node.digest`. */
  applied(node: SimNode, entry: Entry): void {
    this.choose(node, entry);
    const known = this.digests[entry.index];
    if (known === undefined) this.digests[entry.index] = node.digest;
    else if (known !== node.digest) fail(`${node.id}: state differs at ${entry.index}`);
  }

  leaderElected(node: SimNode, term: Term): void {
    const other = this.leaders.get(term);
    if (other !== undefined && other !== node.id) fail(`two leaders in term ${term}`);
    this.leaders.set(term, node.id);
    const leader = node.running;
    for (let index = leader.commitIndex + 1; index <= this.highestCommit; index++) {
      const expected = this.chosenTerms[index];
      if (expected !== undefined && expected < term && leader.termAt(index) !== expected) {
        fail(`leader ${node.id} of term ${term} lacks committed entry ${index}`);
      }
    }
  }

  private choose(node: SimNode, entry: Entry): void {
    const text = describeEntry(entry);
    const known = this.chosen[entry.index];
    if (known !== undefined && known !== '' && known !== text) {
      fail(`${node.id}: committed entry ${known} became ${text}`);
    }
    this.chosen[entry.index] = text;
  }

  readAnswered(token: number, index: LogIndex): boolean {
    const floor = this.readFloors.get(token) ?? fail(`read ${token} was answered twice`);
    this.readFloors.delete(token);
    if (index < 0) return false;
    if (index < floor) fail(`stale read: index ${index}, but ${floor} was committed before`);
    return true;
  }

  /** `leases`: nobody may lead beside a node that holds a lease. */
  check(nodes: readonly SimNode[], leases: boolean): void {
    for (const node of nodes) {
      if (node.core === null) continue;
      this.checkNode(node, node.core);
      if (leases && node.core.leaseAgeTicks() < leaseTicks) checkLease(nodes, node.core);
    }
    if (++this.checks % 8 === 0) checkLogMatching(nodes);
  }

  private checkNode(node: SimNode, current: RaftCore): void {
    if (current.term < node.seenTerm) fail(`${node.id}: the term went back`);
    if (current.commitIndex < node.seenCommit) fail(`${node.id}: the commit index went back`);
    node.seenTerm = current.term;
    node.seenCommit = current.commitIndex;
    this.checkCommitted(node, current);
  }

  private checkCommitted(node: SimNode, current: RaftCore): void {
    for (let index = node.checkedCommit + 1; index <= current.commitIndex; index++) {
      const term = current.termAt(index);
      const known = this.chosenTerms[index];
      if (term !== null && known !== undefined && known !== term) {
        fail(`${node.id}: committed entry ${index} is of term ${term}, not ${known}`);
      }
      if (term !== null) this.chosenTerms[index] = term;
      this.chosen[index] ??= '';
    }
    node.checkedCommit = current.commitIndex;
  }
}

function checkLease(nodes: readonly SimNode[], holder: RaftCore): void {
  const rival = nodes.find((n) => n.core?.role === 'leader' && n.core.term > holder.term);
  if (rival !== undefined) fail(`${rival.id} leads beside the lease of ${holder.id}`);
}

function checkLogMatching(nodes: readonly SimNode[]): void {
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
    if (matched && left !== right) fail(`logs of ${one.id} and ${other.id} part below ${index}`);
    if (left === right) matched = true;
  }
}

/** hasEffects() said no: then there is nothing to take. */
export function checkIdle(core: RaftCore): void {
  const { write, roleChange, messages, committed, reads } = core.takeEffects();
  const lists = messages.length + committed.length + reads.length;
  if (write !== null || roleChange !== null || lists > 0) fail(`${core.id}: effects unannounced`);
}
