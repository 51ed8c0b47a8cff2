/** A handler that remembers what it was told, hellos, entries, and waiting for conditions. */
import type { PeerHello, TransportHandler } from '../../src/ports.js';
import type { AppendRequest, Message } from '../../src/raft/messages.js';
import type { Entry, GroupId, NodeId, SnapshotMeta } from '../../src/raft/types.js';

export const metaAt = (index: number): SnapshotMeta => ({
  lastIncludedIndex: index,
  lastIncludedTerm: 3,
  configuration: {
    voters: ['a', 'b'],
    outgoing: [],
    learners: [],
    members: [
      { id: 'a', peerAddress: '127.0.0.1:1', incarnation: 'x' },
      { id: 'b', peerAddress: '127.0.0.1:2', incarnation: 'y' },
    ],
  },
});

export function helloOf(nodeId: NodeId): PeerHello {
  return {
    nodeId,
    clusterId: 'cluster-1',
    incarnation: `incarnation of ${nodeId}`,
    peerAddress: '127.0.0.1:17001',
    configuration: null,
    configurationIndex: 0,
    joining: false,
    clientAddress: '127.0.0.1:7001',
    httpAddress: null,
    zone: null,
    location: null,
    leaseMs: 0,
  };
}

export function entryOf(index: number, data: Uint8Array, term = 3): Entry {
  return { term, index, kind: 'command', data, configuration: null };
}

export function append(from: NodeId, to: NodeId, entries: readonly Entry[]): AppendRequest {
  const prevLogIndex = (entries[0]?.index ?? 1) - 1;
  const rest = { prevLogIndex, prevLogTerm: 2, leaderCommit: 0, entries };
  return { kind: 'append-request', group: 0, from, to, term: 3, ...rest };
}

export function heartbeat(from: NodeId, to: NodeId, round: number): Message {
  const commit = { leaderCommit: 0, committed: 0, answered: 0 };
  return { kind: 'heartbeat-request', group: 0, from, to, term: 3, ...commit, round };
}

export interface ReceivedSnapshot {
  readonly from: NodeId;
  readonly group: GroupId;
  readonly term: number;
  readonly meta: SnapshotMeta;
  readonly chunks: Uint8Array[];
}

export class RecordingHandler implements TransportHandler {
  hello_: PeerHello;
  admit_: (peer: PeerHello) => string | null = () => null;
  install: (snapshot: ReceivedSnapshot, chunks: AsyncIterable<Uint8Array>) => Promise<void>;
  /** 'up b' and 'down b', in order. */
  readonly events: string[] = [];
  readonly hellos: PeerHello[] = [];
  readonly sets: (readonly Message[])[] = [];
  readonly applications: { from: NodeId; group: GroupId; payload: Uint8Array }[] = [];
  readonly snapshots: ReceivedSnapshot[] = [];

  constructor(nodeId: NodeId) {
    this.hello_ = helloOf(nodeId);
    this.install = async (snapshot, chunks) => {
      for await (const chunk of chunks) snapshot.chunks.push(chunk);
    };
  }

  get messages(): Message[] {
    return this.sets.flat();
  }

  /** The last thing heard about a peer. */
  isUp(peer: NodeId): boolean {
    return this.events.filter((event) => event.endsWith(` ${peer}`)).at(-1) === `up ${peer}`;
  }

  hello(): PeerHello {
    return this.hello_;
  }

  admit(peer: PeerHello): string | null {
    return this.admit_(peer);
  }

  onPeerUp(peer: PeerHello): void {
    this.events.push(`up ${peer.nodeId}`);
    this.hellos.push(peer);
  }

  onPeerDown(peer: NodeId): void {
    this.events.push(`down ${peer}`);
  }

  onMessages(_from: NodeId, messages: readonly Message[]): void {
    this.sets.push(messages);
  }

  onApplication(from: NodeId, group: GroupId, payload: Uint8Array): void {
    this.applications.push({ from, group, payload });
  }

  async onSnapshot(
    from: NodeId,
    group: GroupId,
    term: number,
    meta: SnapshotMeta,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const snapshot = { from, group, term, meta, chunks: [] };
    await this.install(snapshot, chunks);
    this.snapshots.push(snapshot);
  }
}

/** Waits for a condition, letting the event loop turn. */
export async function until(what: string, condition: () => boolean, boundMs = 20_000) {
  const end = performance.now() + boundMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not reached: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export async function* chunksOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** Seeded; the same numbers each time. */
export function generator(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
