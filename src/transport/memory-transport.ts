/**
 * The in-memory Transport: one node on a MemoryNetwork. The rules are those of TcpTransport, but
 * everything happens inside MemoryNetwork.deliver(), except for a break, which is told at once.
 */
import { assert } from '../errors.js';
import { limits } from '../limits.js';
import type { PeerHello, Transport, TransportHandler } from '../ports.js';
import type { Message } from '../raft/messages.js';
import type { GroupId, Member, NodeId, SnapshotMeta } from '../raft/types.js';
import { ChunkQueue } from './chunk-queue.js';
import type { MemoryNetwork } from './memory-network.js';
import { SnapshotGate } from './snapshot-gate.js';

interface Stream {
  readonly peer: NodeId;
  readonly abort: (reason: string) => void;
}

export class MemoryTransport implements Transport {
  readonly nodeId: NodeId;
  readonly #network: MemoryNetwork;
  readonly #gate = new SnapshotGate();
  readonly #streams = new Set<Stream>();
  #peers = new Set<NodeId>();
  #handler: TransportHandler | null = null;

  constructor(nodeId: NodeId, network: MemoryNetwork) {
    this.nodeId = nodeId;
    this.#network = network;
  }

  /** Null before start() and after stop(). For MemoryNetwork. */
  get handler(): TransportHandler | null {
    return this.#handler;
  }

  async start(handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    this.#network.attach(this);
  }

  async stop(): Promise<void> {
    this.#handler = null;
    this.#network.detach(this);
    this.abortStreams(null, 'this node stops');
  }

  setPeers(members: readonly Pick<Member, 'id' | 'peerAddress'>[]): void {
    this.#peers = new Set(members.map((member) => member.id));
    this.#peers.delete(this.nodeId);
  }

  wants(peer: NodeId): boolean {
    return this.#peers.has(peer);
  }

  refreshHello(): void {
    assert(this.#handler !== null, 'the transport was not started');
    const from = this.nodeId;
    const hello = this.#handler.hello();
    for (const to of this.#network.connectedTo(from)) {
      this.#network.enqueue({ kind: 'hello', from, to, hello });
    }
  }

  /** What handler.hello() of the node says, when it runs. The address is its id. */
  async introduce(address: string): Promise<PeerHello> {
    const handler = this.#network.transportOf(address)?.handler ?? null;
    if (handler === null) throw new Error(`no introduction from ${address}: it does not run`);
    return handler.hello();
  }

  send(to: NodeId, messages: readonly Message[]): void {
    if (messages.length === 0) return;
    // The caller may use its list again.
    this.#network.enqueue({ kind: 'messages', from: this.nodeId, to, messages: [...messages] });
  }

  sendApplication(to: NodeId, group: GroupId, payload: Uint8Array): boolean {
    const copy = payload.slice();
    const from = this.nodeId;
    return this.#network.enqueue({ kind: 'application', from, to, group, payload: copy });
  }

  sendSnapshot(
    to: NodeId,
    group: GroupId,
    term: number,
    meta: SnapshotMeta,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const drop = () => reject(new Error('snapshot not sent: the connection is lost'));
      const run = (handler: TransportHandler) => {
        const receiver = this.#network.transportOf(to);
        if (receiver === null) drop();
        else receiver.#receive(this, handler, { group, term, meta, chunks }).then(resolve, reject);
      };
      if (!this.#network.enqueue({ kind: 'snapshot', from: this.nodeId, to, run, drop })) drop();
    });
  }

  /** For MemoryNetwork: the connection broke. */
  disconnected(peer: NodeId): void {
    this.abortStreams(peer, 'the connection is lost');
    this.#handler?.onPeerDown(peer);
  }

  /** For MemoryNetwork: ends the snapshots from and to a peer, or all. */
  abortStreams(peer: NodeId | null, reason: string): void {
    for (const stream of [...this.#streams]) {
      if (peer === null || stream.peer === peer) stream.abort(reason);
    }
  }

  async #receive(
    sender: MemoryTransport,
    handler: TransportHandler,
    sent: {
      readonly group: GroupId;
      readonly term: number;
      readonly meta: SnapshotMeta;
      readonly chunks: AsyncIterable<Uint8Array>;
    },
  ): Promise<void> {
    const { group, term, meta, chunks } = sent;
    const pump = new Pump();
    const aborted = new Promise<never>((_, reject) => {
      pump.onAbort = (reason) => reject(new Error(`snapshot not sent: ${reason}`));
    });
    const abort = (reason: string) => pump.abort(reason);
    // An abort after the end has nobody to tell.
    aborted.catch(() => {});
    const mine: Stream = { peer: sender.nodeId, abort };
    const theirs: Stream = { peer: this.nodeId, abort };
    this.#streams.add(mine);
    sender.#streams.add(theirs);
    const installed = this.#gate.run(group, term, abort, async () => {
      void pump.run(chunks);
      await handler.onSnapshot(sender.nodeId, group, term, meta, pump.queue);
      pump.stop();
    });
    try {
      await Promise.race([installed.catch(refused), aborted]);
    } finally {
      this.#streams.delete(mine);
      sender.#streams.delete(theirs);
    }
  }
}

function refused(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  throw new Error(`snapshot refused by the peer: ${reason}`);
}

/** Moves chunks into the bounded queue as the reader takes them. */
class Pump {
  readonly queue: ChunkQueue;
  onAbort: (reason: string) => void = () => {};
  #full = false;
  #stopped = false;
  #wake: (() => void) | null = null;

  constructor() {
    this.queue = new ChunkQueue(limits.snapshotQueueBytesMax, {
      onFull: () => {
        this.#full = true;
      },
      onRoom: () => {
        this.#full = false;
        this.#wakeUp();
      },
    });
  }

  /** Never rejects: what goes wrong at the source reaches the reader. */
  async run(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of chunks) {
        if (this.#stopped) return;
        // The source may use its buffer again, as it may with a socket.
        this.queue.push(chunk.slice());
        while (this.#full && !this.#stopped) await this.#room();
      }
      this.queue.end();
    } catch (error) {
      this.abort(error instanceof Error ? error.message : String(error));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wakeUp();
  }

  abort(reason: string): void {
    this.stop();
    this.queue.fail(new Error(reason));
    this.onAbort(reason);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
