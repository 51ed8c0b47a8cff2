/**
 * The twin of the network: packets between MemoryTransports wait in a queue until deliver() is
 * called, so that a test decides what arrives, when, how often and in which order. Nothing here
 * depends on timers; with the same calls and the same `route` it does the same.
 *
 * As with TCP, a cut path loses packets silently, while a broken connection is noticed by both.
 */
import { decodeMessages, encodeMessages } from '../codec/messages.js';
import { assert } from '../errors.js';
import type { PeerHello, TransportHandler } from '../ports.js';
import type { Message } from '../raft/messages.js';
import type { GroupId, NodeId } from '../raft/types.js';
import type { MemoryTransport } from './memory-transport.js';

export type Packet = { readonly from: NodeId; readonly to: NodeId } & (
  | { readonly kind: 'hello'; readonly hello: PeerHello }
  | { readonly kind: 'messages'; readonly messages: readonly Message[] }
  | { readonly kind: 'application'; readonly group: GroupId; readonly payload: Uint8Array }
  | {
      readonly kind: 'snapshot';
      readonly run: (handler: TransportHandler) => void;
      readonly drop: () => void;
    }
);

export interface MemoryNetworkOptions {
  /** Virtual time in ms. Without it delays only order packets. */
  readonly now?: () => number;
  /**
   * The delays in ms of the copies of a packet: [] drops it, [0] is the normal case, [0, 5]
   * delivers it twice. Delays that differ reorder.
   */
  readonly route?: (packet: Packet) => readonly number[];
  /** Messages pass through their bytes. */
  readonly codec?: boolean;
  /** Lost connections are tried again at most this often, in ms of `now`. */
  readonly reconnectMs?: number;
}

interface Waiting {
  readonly dueMs: number;
  readonly number: number;
  /** Packets of a broken connection are lost. */
  readonly connection: number;
  readonly packet: Packet;
}

export class MemoryNetwork {
  readonly #options: MemoryNetworkOptions;
  readonly #nodes = new Map<NodeId, MemoryTransport>();
  /** Pairs with a connection -> its number. */
  readonly #connections = new Map<string, number>();
  readonly #cuts = new Set<string>();
  #waiting: Waiting[] = [];
  #count = 0;
  #connectAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: MemoryNetworkOptions = {}) {
    this.#options = options;
  }

  /** Packets that wait for deliver(). */
  get queued(): number {
    return this.#waiting.length;
  }

  /** Packets from one node to another are lost from now on, also those on their way. */
  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(path(from, to));
    this.#nodes.get(from)?.abortStreams(to, 'no progress');
  }

  heal(from: NodeId, to: NodeId): void {
    this.#cuts.delete(path(from, to));
  }

  healAll(): void {
    this.#cuts.clear();
  }

  /** Both notice; they connect again with the next deliver() that finds the path open. */
  disconnect(one: NodeId, other: NodeId): void {
    if (!this.#connections.delete(pair(one, other))) return;
    this.#nodes.get(one)?.disconnected(other);
    this.#nodes.get(other)?.disconnected(one);
  }

  connected(one: NodeId, other: NodeId): boolean {
    return this.#connections.has(pair(one, other));
  }

  /**
   * Connects whom it can, then delivers what was queued and is due, oldest first. What handlers
   * send meanwhile waits for the next call. Returns how many packets and connections it made.
   */
  deliver(): number {
    const now = this.#options.now?.() ?? Number.POSITIVE_INFINITY;
    let done = 0;
    if (now >= this.#connectAtMs) {
      done = this.#connectAll();
      const pauseMs = this.#options.reconnectMs ?? 0;
      if (pauseMs > 0) this.#connectAtMs = now + pauseMs;
    }
    const due = this.#waiting.filter((waiting) => waiting.dueMs <= now);
    this.#waiting = this.#waiting.filter((waiting) => waiting.dueMs > now);
    due.sort((a, b) => a.dueMs - b.dueMs || a.number - b.number);
    for (const waiting of due) done += this.#arrive(waiting);
    return done;
  }

  /** Delivers until nothing moves; `rounds` bounds nodes that answer each other for ever. */
  settle(rounds = 1000): void {
    for (let round = 0; this.deliver() > 0; round++) assert(round < rounds, 'never quiet');
  }

  /** For MemoryTransport. */
  attach(node: MemoryTransport): void {
    assert(!this.#nodes.has(node.nodeId), `two transports of node ${node.nodeId}`);
    this.#nodes.set(node.nodeId, node);
  }

  /** For MemoryTransport. */
  transportOf(node: NodeId): MemoryTransport | null {
    return this.#nodes.get(node) ?? null;
  }

  /** For MemoryTransport. */
  connectedTo(node: NodeId): NodeId[] {
    return [...this.#nodes.keys()].filter((other) => this.connected(node, other));
  }

  /** For MemoryTransport: its process ends, and every peer notices. */
  detach(node: MemoryTransport): void {
    if (this.#nodes.get(node.nodeId) !== node) return;
    this.#nodes.delete(node.nodeId);
    for (const other of this.#nodes.keys()) this.disconnect(node.nodeId, other);
  }

  /** For MemoryTransport. False: no connection. */
  enqueue(packet: Packet): boolean {
    const connection = this.#connections.get(pair(packet.from, packet.to));
    if (connection === undefined) return false;
    const now = this.#options.now?.() ?? 0;
    const delays = this.#options.route?.(packet) ?? [0];
    if (delays.length === 0) lose(packet);
    for (const delay of delays) {
      this.#waiting.push({ dueMs: now + delay, number: this.#count++, connection, packet });
    }
    return true;
  }

  #arrive({ packet, connection }: Waiting): number {
    const { from, to } = packet;
    const handler = this.#nodes.get(to)?.handler ?? null;
    const current = this.#connections.get(pair(from, to)) === connection;
    if (handler === null || !current || this.#cuts.has(path(from, to))) {
      lose(packet);
      return 1;
    }
    this.#hand(packet, handler);
    return 1;
  }

  #hand(packet: Packet, handler: TransportHandler): void {
    const { kind, from, to } = packet;
    if (kind === 'messages') handler.onMessages(from, this.#pass(packet.messages, from, to));
    else if (kind === 'application') handler.onApplication(from, packet.group, packet.payload);
    else if (kind === 'snapshot') packet.run(handler);
    else if (handler.admit(packet.hello) === null) handler.onPeerUp(packet.hello);
    else this.disconnect(from, to);
  }

  #pass(messages: readonly Message[], from: NodeId, to: NodeId): readonly Message[] {
    if (this.#options.codec !== true) return messages;
    return decodeMessages(Buffer.concat(encodeMessages(messages)), from, to);
  }

  #connectAll(): number {
    let made = 0;
    const ids = [...this.#nodes.keys()].sort();
    for (const one of ids) {
      for (const other of ids) if (one < other && this.#connect(one, other)) made++;
    }
    return made;
  }

  /** A connection needs both directions, and one side that wants it. */
  #connect(one: NodeId, other: NodeId): boolean {
    const [a, b] = [this.#nodes.get(one), this.#nodes.get(other)];
    if (a?.handler == null || b?.handler == null || this.connected(one, other)) return false;
    if (!a.wants(other) && !b.wants(one)) return false;
    if (this.#cuts.has(path(one, other)) || this.#cuts.has(path(other, one))) return false;
    const [helloOfA, helloOfB] = [a.handler.hello(), b.handler.hello()];
    if (a.handler.admit(helloOfB) !== null) return false;
    if (b.handler.admit(helloOfA) !== null) return false;
    this.#connections.set(pair(one, other), this.#count++);
    a.handler.onPeerUp(helloOfB);
    // What the first one does now may be its end.
    if (this.connected(one, other)) b.handler?.onPeerUp(helloOfA);
    return true;
  }
}

function lose(packet: Packet): void {
  if (packet.kind === 'snapshot') packet.drop();
}

function path(from: NodeId, to: NodeId): string {
  return `${from}\n${to}`;
}

function pair(one: NodeId, other: NodeId): string {
  return one < other ? path(one, other) : path(other, one);
}
