/**
 * The faults a schedule is made of. Each is plain data; which node it meets is decided when its
 * time comes, by its numbers alone, so that leaving one out leaves the others as they were.
 */
import type { NodeId } from '../../src/raft/types.js';
import type { Links } from './links.js';
import { MemberFaults } from './member-faults.js';
import type { Scheduler } from './scheduler.js';
import type { SimNode } from './sim-node.js';

/** A process ends, or may end. */
export const crashKinds = [
  'crash',
  'crash-leader',
  'crash-all',
  'crash-point',
  'stop',
  'wipe',
  'betray',
  'flip',
  'disk-error',
  'sync-error',
  'disk-full',
] as const;
export const faultKinds = [
  ...crashKinds,
  'slow-disk',
  'pause',
  'pause-leader',
  'freeze-leader',
  'isolate',
  'isolate-leader',
  'cut',
  'halves',
  'bridge',
  'clog',
  'loss',
  'disconnect',
  'wall-jump',
  'transfer',
  'remove',
  'add',
  'replace',
  'operator-add',
  'operator-remove',
  'operator-promote',
  'operator-transfer',
  'join',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  readonly number: number;
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Which nodes: any number, taken modulo their count. */
  readonly node: number;
  readonly other: number;
  readonly forMs: number;
  /** Of whatever the kind measures: 0 to 999. */
  readonly amount: number;
}

export interface Covered {
  crashes: number;
  partitions: number;
  wipes: number;
  changes: number;
  joins: number;
  transfers: number;
  pauses: number;
  diskFaults: number;
}

const hourMs = 3_600_000;

export class Nemesis {
  readonly covered: Covered = {
    crashes: 0,
    partitions: 0,
    wipes: 0,
    changes: 0,
    joins: 0,
    transfers: 0,
    pauses: 0,
    diskFaults: 0,
  };
  /** Set when the faults are over: nothing restarts or heals by itself any more. */
  private over = false;
  private readonly members: MemberFaults;

  constructor(
    private readonly nodes: readonly SimNode[],
    private readonly links: Links,
    private readonly scheduler: Scheduler,
  ) {
    this.members = new MemberFaults(nodes, scheduler, this.covered);
  }

  plan(faults: readonly Fault[]): void {
    for (const fault of faults) {
      this.scheduler.at(fault.atMs, () => {
        if (!this.over) this.strike(fault);
      });
    }
  }

  end(): void {
    this.over = true;
  }

  get leader(): SimNode | null {
    let best: SimNode | null = null;
    for (const node of this.nodes) {
      const { core } = node;
      if (core?.role === 'leader' && core.term > (best?.core?.term ?? 0)) best = node;
    }
    return best;
  }

  private strike(fault: Fault): void {
    const { nodes } = this;
    const node = nodes[fault.node % nodes.length]!;
    const other = nodes[fault.other % nodes.length]!;
    const leader = this.leader ?? node;
    this.scheduler.trace(fault.number);
    switch (fault.kind) {
      case 'crash':
        return this.crash(node, fault);
      case 'crash-leader':
        return this.crash(leader, fault);
      case 'crash-all':
        for (const one of nodes) this.crash(one, fault);
        return;
      case 'crash-point':
        node.disk.crashAfterSteps = 1 + (fault.amount % 12);
        this.covered.crashes++;
        return this.startLater(node, fault.forMs + 100);
      case 'stop':
        node.stopGently();
        return this.startLater(node, fault.forMs + 200);
      case 'wipe':
        return this.wipe(node, fault);
      case 'betray':
        return this.betray(leader, node, other, fault);
      case 'freeze-leader':
        return this.freeze(leader, fault);
      case 'flip':
        return this.flip(node, fault);
      case 'disk-error':
        this.covered.diskFaults++;
        node.disk.memory.failNext(1 + (fault.amount % 6));
        return this.startLater(node, fault.forMs + 150);
      case 'sync-error':
        this.covered.diskFaults++;
        node.disk.syncFailsIn = 1 + (fault.amount % 6);
        return this.startLater(node, fault.forMs + 150);
      case 'disk-full':
        return this.fill(node, fault);
      case 'slow-disk':
        return this.slowDown(node, fault);
      case 'pause':
        return this.pause(node, fault);
      case 'pause-leader':
        return this.pause(leader, { ...fault, forMs: fault.forMs + 150 });
      case 'transfer':
        this.covered.transfers++;
        leader.enter(() => leader.host?.driver?.act((core) => core.transferLeadership(other.id)));
        return;
      case 'wall-jump':
        node.wallOffsetMs += ((fault.amount - 500) / 100) * hourMs;
        return;
      case 'remove':
      case 'add':
      case 'replace':
        return this.members.changeByLeader(fault);
      case 'operator-add':
      case 'operator-remove':
      case 'operator-promote':
      case 'operator-transfer':
      case 'join':
        return this.members.byOperator(fault.kind, fault);
      default:
        return this.strikeNetwork(fault, node, other, leader);
    }
  }

  private strikeNetwork(fault: Fault, node: SimNode, other: SimNode, leader: SimNode): void {
    const { nodes } = this;
    switch (fault.kind) {
      case 'isolate':
        return this.separate([node], without_(nodes, node), fault);
      case 'isolate-leader':
        return this.separate([leader], without_(nodes, leader), fault);
      case 'halves': {
        const half = nodes.filter((_, at) => ((fault.amount >> at) & 1) === 0);
        return this.separate(
          half,
          nodes.filter((one) => !half.includes(one)),
          fault,
        );
      }
      case 'bridge': {
        const rest = without_(nodes, node);
        const half = rest.filter((_, at) => at % 2 === 0);
        return this.separate(
          half,
          rest.filter((one) => !half.includes(one)),
          fault,
        );
      }
      case 'cut':
        this.covered.partitions++;
        return this.cut([[node.id, other.id]], fault);
      case 'clog':
        this.links.clog(node.id, other.id, fault.amount);
        this.later(fault.forMs * 2, () => this.links.unclog(node.id, other.id));
        return;
      case 'disconnect':
        this.links.disconnect(node.id, other.id);
        return;
      case 'loss': {
        const before = this.links.loss;
        this.links.loss = 100 + (fault.amount % 500);
        this.later(fault.forMs, () => {
          this.links.loss = before;
        });
        return;
      }
      default:
        return;
    }
  }

  private crash(node: SimNode, fault: Fault): void {
    if (node.up) this.covered.crashes++;
    node.crash(fault.amount % 4 !== 0);
    this.startLater(node, fault.forMs);
  }

  private startLater(node: SimNode, delayMs: number): void {
    this.later(delayMs, () => {
      if (!node.diskFull) node.start();
    });
  }

  private later(delayMs: number, run: () => void): void {
    this.scheduler.after(delayMs, () => {
      if (!this.over) run();
    });
  }

  private wipe(node: SimNode, fault: Fault): void {
    if (!this.members.maySpare(node)) return;
    this.covered.wipes++;
    node.wipe();
    this.startLater(node, fault.forMs);
  }

  private flip(node: SimNode, fault: Fault): void {
    if (!this.members.maySpare(node)) return;
    this.covered.diskFaults++;
    node.crash(true);
    node.disk.flipped = true;
    this.startLater(node, fault.forMs);
    // It refused to start, and somebody deleted the directory.
    this.startLater(node, fault.forMs + 300);
  }

  private fill(node: SimNode, fault: Fault): void {
    this.covered.diskFaults++;
    node.diskFull = true;
    node.disk.memory.failNext();
    this.later(fault.forMs, () => {
      node.diskFull = false;
      if (!node.up) node.start();
      else node.disk.memory.failAt = Number.POSITIVE_INFINITY;
    });
  }

  private slowDown(node: SimNode, fault: Fault): void {
    this.covered.diskFaults++;
    const before = node.disk.delayMs;
    const { disk } = node;
    disk.delayMs = 20 + fault.amount / 2;
    this.later(fault.forMs, () => {
      disk.delayMs = before;
    });
  }

  private pause(node: SimNode, fault: Fault): void {
    this.covered.pauses++;
    node.pause();
    this.later(fault.forMs, () => node.resume());
  }

  /** Paused, and when it wakes up the news of what happened meanwhile is late or lost. */
  private freeze(leader: SimNode, fault: Fault): void {
    const pauseMs = 220 + fault.forMs / 2;
    const afterMs = pauseMs + 150;
    leader.pause();
    this.covered.pauses++;
    this.later(pauseMs, () => leader.resume());
    const others = without_(this.nodes, leader).map(({ id }) => id);
    if (fault.amount % 2 === 0) {
      const paths = others.flatMap((id) => [[leader.id, id] as const, [id, leader.id] as const]);
      return this.cut(paths, { ...fault, forMs: afterMs, amount: 1 });
    }
    for (const id of others) this.links.clog(id, leader.id, 2 * afterMs);
    this.later(afterMs, () => {
      for (const id of others) this.links.unclog(id, leader.id);
    });
  }

  /**
   * Requirement 8: one follower lags behind, the other one, without which nothing is committed,
   * loses its directory, and the leader is gone. What was acknowledged must stay out of reach of
   * the two that are left.
   */
  private betray(leader: SimNode, node: SimNode, other: SimNode, fault: Fault): void {
    if (node === other || node === leader || other === leader) return;
    this.links.cut(leader.id, other.id);
    this.later(100 + fault.forMs / 2, () => {
      this.links.heal(leader.id, other.id);
      if (!this.members.maySpare(node)) return;
      this.covered.wipes++;
      node.wipe();
      node.start();
      this.separate([leader], without_(this.nodes, leader), { ...fault, forMs: fault.forMs + 300 });
    });
  }

  private separate(some: readonly SimNode[], others: readonly SimNode[], fault: Fault): void {
    this.covered.partitions++;
    const pairs = some.flatMap((a) => others.map((b) => [a.id, b.id] as const));
    this.cut([...pairs, ...pairs.map(([a, b]) => [b, a] as const)], fault);
  }

  private cut(paths: readonly (readonly [NodeId, NodeId])[], fault: Fault): void {
    for (const [from, to] of paths) if (from !== to) this.links.cut(from, to);
    // Half of the cuts are noticed by the ends.
    if (fault.amount % 2 === 0) {
      this.later(fault.forMs / 2, () => {
        for (const [from, to] of paths) if (from !== to) this.links.disconnect(from, to);
      });
    }
    this.later(fault.forMs, () => {
      for (const [from, to] of paths) this.links.heal(from, to);
    });
  }
}

function without_(nodes: readonly SimNode[], node: SimNode): SimNode[] {
  return nodes.filter((one) => one !== node);
}
