/**
 * Changes of the members, of two kinds: those that operators ask for, through the program's own
 * checks, and bare ones that any node which thinks it leads is told to make, two at once or
 * jointly. Neither counts on members whose directory is lost: nobody could bring back what they
 * held.
 */
import { promoted, withLearner, without } from '../../src/node/configuration-changes.js';
import type { RaftCore } from '../../src/raft/raft.js';
import type { Configuration, NodeId } from '../../src/raft/types.js';
import type { MemberOutcome } from '../../src/server/membership.js';
import { SimFailure } from './failure.js';
import type { Covered, Fault } from './faults.js';
import type { Scheduler } from './scheduler.js';
import type { SimNode } from './sim-node.js';
import { lastDurable } from './survivors.js';

export type OperatorKind =
  | 'operator-add'
  | 'operator-remove'
  | 'operator-promote'
  | 'operator-transfer'
  | 'join';

export class MemberFaults {
  constructor(
    private readonly nodes: readonly SimNode[],
    private readonly scheduler: Scheduler,
    private readonly covered: Covered,
  ) {}

  /** Never so many that what was acknowledged could be gone from a majority. */
  maySpare(node: SimNode): boolean {
    const configurations = this.nodes.flatMap((one) => one.core?.configuration ?? []);
    if (configurations.length < this.nodes.length) return false;
    return configurations.every((configuration) =>
      [configuration.voters, configuration.outgoing].every((voters) => {
        const intact = voters.filter((id) => id !== node.id && this.isIntact(configuration, id));
        return voters.length === 0 || intact.length * 2 > voters.length;
      }),
    );
  }

  byOperator(kind: OperatorKind, fault: Fault): void {
    const asked = this.someLeader(fault);
    const target = this.targetOf(kind, asked, fault.node);
    if (kind === 'join') return this.comeNew(target);
    if (asked === null) return;
    if (kind === 'operator-add' && fault.amount % 3 > 0) this.comeNew(target);
    asked.enter(() => {
      const answer = this.ask(kind, asked, target, fault);
      answer?.then(
        (outcome) => this.answered(kind, target.id, outcome),
        (error: unknown) => this.scheduler.fail(error),
      );
      this.scheduler.settled();
    });
  }

  /** Asks any node that thinks it leads, also one that is deposed and does not know it. */
  changeByLeader(fault: Fault): void {
    const asked = this.someLeader(fault);
    if (asked === null) return;
    const target = this.nodes[fault.node % this.nodes.length]!;
    asked.enter(() => {
      this.change(asked, target, fault);
      if (fault.amount % 2 > 0) return;
      // A second one at once, which must wait its turn.
      const second = this.nodes[fault.other % this.nodes.length]!;
      this.change(asked, second, { ...fault, kind: fault.amount % 4 === 0 ? 'remove' : 'add' });
    });
  }

  private someLeader(fault: Fault): SimNode | null {
    // One that is paused would do it when it wakes up, after the survivors were chosen.
    const leaders = this.nodes.filter((node) => node.core?.role === 'leader' && !node.paused);
    return leaders[fault.amount % Math.max(1, leaders.length)] ?? null;
  }

  /** Who may come, where somebody is to come. */
  private targetOf(kind: OperatorKind, asked: SimNode | null, number: number): SimNode {
    const { nodes } = this;
    const comes = kind === 'join' || kind === 'operator-add';
    const configuration = asked?.core?.configuration;
    const strangers =
      comes && configuration !== undefined
        ? nodes.filter(({ id }) => !isNamed(configuration, id))
        : [];
    return strangers[number % Math.max(1, strangers.length)] ?? nodes[number % nodes.length]!;
  }

  /** A machine that no configuration names is set up anew and told to join. */
  private comeNew(node: SimNode): void {
    const known = this.nodes.filter((other) => other !== node).map(lastDurable);
    if (known.every((one) => one === null)) return;
    if (known.some((one) => one !== null && isNamed(one, node.id))) return;
    this.covered.joins++;
    node.wipe();
    node.joins = true;
    node.start();
  }

  private ask(
    kind: OperatorKind,
    asked: SimNode,
    { id }: SimNode,
    fault: Fault,
  ): Promise<MemberOutcome> | null {
    const membership = asked.membership!;
    switch (kind) {
      case 'operator-add':
        return membership.add(id, `${id}:1`, fault.amount % 4 === 0);
      case 'operator-promote': {
        const { configuration } = asked.core!;
        const learner = configuration.learners.includes(id) ? id : configuration.learners[0];
        return membership.promote(learner ?? id);
      }
      case 'operator-remove': {
        const next = without(asked.core!.configuration, id);
        return next.voters.length > 0 && this.isSound(next) ? membership.remove(id) : null;
      }
      default:
        this.covered.transfers++;
        return membership.transferLeadership(fault.amount % 3 === 0 ? null : id);
    }
  }

  private answered(kind: OperatorKind, id: NodeId, outcome: MemberOutcome): void {
    if (outcome.kind !== 'done') return;
    if (kind === 'operator-transfer') return;
    this.covered.changes++;
    this.scheduler.traceText(`${kind} ${id} ${outcome.note}`);
    if (outcome.note === '') throw new SimFailure('members', `${kind} says nothing`);
  }

  private isSound(next: Configuration): boolean {
    const intact = next.voters.filter((id) => this.isIntact(next, id));
    return intact.length * 2 > next.voters.length;
  }

  private isIntact(configuration: Configuration, id: NodeId): boolean {
    const named = configuration.members.find((member) => member.id === id);
    const node = this.nodes.find((one) => one.id === id);
    return named?.incarnation === node?.disk.incarnation && node?.disk.flipped === false;
  }

  private change(asked: SimNode, target: SimNode, fault: Fault): void {
    const next = this.changed(asked.core!, target, fault);
    // No operator would count on a member whose directory is lost.
    if (next === null || !this.isSound(next)) return;
    asked.host!.driver!.act((core) => {
      if (core.changeConfiguration(next).ok) this.covered.changes++;
    });
  }

  private changed(core: RaftCore, target: SimNode, fault: Fault): Configuration | null {
    const { configuration } = core;
    const { voters, learners } = configuration;
    const { id } = target;
    if (fault.kind === 'remove') {
      return voters.includes(id) && voters.length > 2 ? without(configuration, id) : null;
    }
    if (learners.includes(id)) {
      const peer = core.status().peers.find((one) => one.id === id);
      // However far it lags, it must know that it is a member: a directory that does not, no vote.
      const knows = (peer?.matchIndex ?? 0) >= core.configurationIndex;
      return knows ? promoted(configuration, id) : null;
    }
    if (fault.kind === 'replace' && voters.length > 3) {
      // Two at once: through a joint configuration.
      return without(without(configuration, voters[0]!), voters[1]!);
    }
    if (voters.includes(id)) return null;
    const { incarnation } = target.disk;
    return withLearner(configuration, { id, peerAddress: `${id}:1`, incarnation });
  }
}

function isNamed({ members }: Configuration, id: NodeId): boolean {
  return members.some((member) => member.id === id);
}
