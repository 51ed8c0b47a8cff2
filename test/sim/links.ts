/**
 * The faults of the network: what becomes of each packet. Raft's messages are lost, doubled and
 * reordered; commands forwarded to a leader travel as on TCP, in order or not at all, so losing
 * one breaks the connection.
 */
import type { NodeId } from '../../src/raft/types.js';
import { MemoryNetwork, type Packet } from '../../src/transport/memory-network.js';
import type { Scheduler } from './scheduler.js';

const reconnectMs = 15;

export class Links {
  readonly network: MemoryNetwork;
  /** In a thousand. */
  loss = 0;
  duplicate = 0;
  /** Of each packet, in ms. */
  delayMinMs = 0;
  delayMaxMs = 1;
  packets = 0;
  private readonly cuts = new Set<string>();
  /** Paths that are clogged, and by how many ms. */
  private readonly clogs = new Map<string, number>();
  private readonly ordered = new Map<string, number>();
  /** Paths that swallowed a packet which TCP would have brought in the end. */
  private readonly broken = new Set<string>();

  constructor(
    private readonly scheduler: Scheduler,
    private readonly random: (bound: number) => number,
    private readonly watch: (packet: Packet) => void,
    codec: boolean,
  ) {
    this.network = new MemoryNetwork({
      now: () => scheduler.now,
      route: (packet) => this.route(packet),
      codec,
      reconnectMs,
    });
    this.keepConnecting();
  }

  cut(from: NodeId, to: NodeId): void {
    const path = pathOf(from, to);
    this.cuts.add(path);
    if ((this.ordered.get(path) ?? 0) > this.scheduler.now) this.broken.add(path);
    this.network.cut(from, to);
    this.scheduler.settled();
  }

  heal(from: NodeId, to: NodeId): void {
    const path = pathOf(from, to);
    if (!this.cuts.delete(path)) return;
    this.network.heal(from, to);
    if (this.broken.delete(path)) this.disconnect(from, to);
  }

  /** When the last command that is forwarded or answered has arrived. */
  get quietAt(): number {
    return Math.max(0, ...this.ordered.values());
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.cuts.has(pathOf(from, to));
  }

  clog(from: NodeId, to: NodeId, ms: number): void {
    this.clogs.set(pathOf(from, to), ms);
  }

  unclog(from: NodeId, to: NodeId): void {
    this.clogs.delete(pathOf(from, to));
  }

  disconnect(one: NodeId, other: NodeId): void {
    this.network.disconnect(one, other);
    this.scheduler.settled();
  }

  private route(packet: Packet): readonly number[] {
    this.packets++;
    this.watch(packet);
    const delay = this.delay(packet);
    if (packet.kind === 'application' || packet.kind === 'hello') {
      return [this.arrival(this.inOrder(packet, delay))];
    }
    if (this.random(1000) < this.loss) return [];
    if (packet.kind === 'snapshot' || this.random(1000) >= this.duplicate) {
      return [this.arrival(delay)];
    }
    return [this.arrival(delay), this.arrival(this.delay(packet))];
  }

  private delay({ from, to }: Packet): number {
    const span = this.delayMaxMs - this.delayMinMs;
    const clog = this.clogs.get(pathOf(from, to)) ?? 0;
    return this.delayMinMs + (this.random(1000) / 1000) * (span + clog);
  }

  private inOrder({ from, to }: Packet, delay: number): number {
    const path = pathOf(from, to);
    const { now } = this.scheduler;
    const due = Math.max(now + delay, this.ordered.get(path) ?? 0);
    this.ordered.set(path, due);
    if (this.cuts.has(path)) this.broken.add(path);
    return due - now;
  }

  private arrival(delay: number): number {
    this.scheduler.after(delay, () => {
      this.network.deliver();
      this.scheduler.settled();
    });
    return delay;
  }

  private keepConnecting(): void {
    this.scheduler.after(reconnectMs, () => {
      this.network.deliver();
      this.keepConnecting();
    });
  }
}

function pathOf(from: NodeId, to: NodeId): string {
  return `${from}>${to}`;
}
