/**
 * The real Transport: every node calls every peer, messages leave on the outgoing connection,
 * and on the peer's connection to this node while there is no outgoing one. Identity comes from
 * the hello, never from an address. All messages of one turn to one peer leave as one write.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { decodeMessages } from '../codec/messages.js';
import { assert, TgError } from '../errors.js';
import { limits } from '../limits.js';
import type { PeerHello, Transport, TransportHandler } from '../ports.js';
import type { Message } from '../raft/messages.js';
import type { GroupId, Member, NodeId, SnapshotMeta } from '../raft/types.js';
import { allClosed, intoBuffer, ReadBuffer, type Receive } from '../read-into.js';
import { isAddress, parseAddress } from './address.js';
import { frameType } from './frame.js';
import { PeerConnection, type PeerConnectionEvents } from './peer-connection.js';
import { PeerLink } from './peer-link.js';
import { PeerState } from './peer-state.js';
import { SnapshotGate } from './snapshot-gate.js';
import { SnapshotReceiver, SnapshotSender } from './snapshot-stream.js';
import {
  type TcpSettings,
  type TcpTransportOptions,
  type TransportLogger,
  tcpDefaults,
} from './tcp-options.js';

type Purpose = 'peer' | 'snapshot' | 'introduction';

export class TcpTransport implements Transport {
  readonly #settings: TcpSettings;
  readonly #logger: TransportLogger | null;
  readonly #server: Server;
  readonly #peers = new Map<NodeId, PeerState>();
  readonly #connections = new Set<PeerConnection>();
  /** Accepted and not introduced yet. */
  readonly #strangers = new Set<PeerConnection>();
  readonly #accepted = new Set<Socket>();
  #lastRefusal = '';
  readonly #receivers = new Map<PeerConnection, SnapshotReceiver>();
  readonly #gate = new SnapshotGate();
  /** All peers are read into it; frames copy what they keep. */
  readonly #buffer = new ReadBuffer(limits.peerReadBytes);
  readonly #peerEvents: PeerConnectionEvents;
  #handler: TransportHandler | null = null;
  #dirty = new Set<PeerState>();
  #flushScheduled = false;
  #helloSequence = 0;
  #stopped = false;
  readonly #flush = () => this.#flushAll();

  constructor(options: TcpTransportOptions) {
    const { logger, ...settings } = options;
    this.#settings = { ...tcpDefaults, ...settings };
    this.#logger = logger ?? null;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket),
    );
    this.#peerEvents = this.#eventsOf({
      onOpen: (connection) => this.#opened(connection),
      onFrame: (connection, type, payload) => this.#take(connection, type, payload),
      onClose: (connection, reason) => this.#closed(connection, reason),
    });
  }

  /** The port it listens on. */
  get port(): number {
    const address = this.#server.address();
    assert(address !== null && typeof address === 'object', 'the transport does not listen');
    return address.port;
  }

  /** Rejects when the port cannot be had. */
  async start(handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    const { listenHost, listenPort } = this.#settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(listenPort, listenHost, resolve);
    });
    this.#server.removeAllListeners('error');
    // An accept that fails (out of descriptors) is tried again by the other side.
    this.#server.on('error', (error) => this.#warn({ error: error.message }, 'accept failed'));
    for (const peer of this.#peers.values()) peer.link?.dial();
  }

  /** The handler is not called again once this was called. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const peer of this.#peers.values()) peer.close('this node stops');
    for (const connection of this.#connections) connection.frames.close('this node stops');
    this.#dirty.clear();
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#accepted) socket.destroy();
    await Promise.all([closed, allClosed(this.#accepted)]);
  }

  /** A member whose address is not HOST:PORT is not called; it may still call this node. */
  setPeers(members: readonly Pick<Member, 'id' | 'peerAddress'>[]): void {
    if (this.#stopped) return;
    const wanted = new Map(members.map((member) => [member.id, member.peerAddress]));
    wanted.delete(this.#settings.nodeId);
    for (const peer of [...this.#peers.values()]) {
      if (peer.link !== null && !wanted.has(peer.id)) this.#setLink(peer, null);
    }
    for (const [id, address] of wanted) {
      const peer = this.#peer(id);
      if (peer.link?.address !== address) this.#setLink(peer, this.#newLink(id, address));
    }
  }

  /** Tells every peer what handler.hello() says now: they get onPeerUp again if it changed. */
  refreshHello(): void {
    this.#helloSequence++;
    for (const connection of this.#connections) {
      if (connection.purpose === 'peer') connection.renewHello();
    }
  }

  /** Asks who listens at an address, and tells it who asks. Needs no peer and makes none. */
  introduce(address: string): Promise<PeerHello> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) throw new Error(`no introduction from ${address}: this node stops`);
      const events = this.#eventsOf({
        onOpen: (connection) => {
          if (connection.peer !== null) resolve(connection.peer);
          connection.frames.close('introduced');
        },
        onFrame: () => {},
        onClose: (_, reason) => reject(new Error(`no introduction from ${address}: ${reason}`)),
      });
      this.#dial(address, 'introduction', null, events);
    });
  }

  send(to: NodeId, messages: readonly Message[]): void {
    const peer = this.#peers.get(to);
    if (peer?.queue(messages)) this.#touch(peer);
  }

  /** `payload` must not change until the end of the turn. */
  sendApplication(to: NodeId, group: GroupId, payload: Uint8Array): boolean {
    const peer = this.#peers.get(to);
    if (peer === undefined || !peer.queueApplication(group, payload)) return false;
    this.#touch(peer);
    return true;
  }

  async sendSnapshot(
    to: NodeId,
    group: GroupId,
    term: number,
    meta: SnapshotMeta,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const address = this.#peers.get(to)?.link?.address;
    if (this.#stopped) throw new Error('snapshot not sent: this node stops');
    if (address === undefined) throw new Error(`no address of node ${to} is known`);
    const sender = new SnapshotSender({ group, term, meta }, chunks);
    const events = this.#eventsOf({
      onOpen: (connection) => {
        sender.run(connection, this.#settings.clock, this.#settings.snapshotIdleMs);
      },
      onFrame: (connection, type, payload) => sender.onFrame(connection, type, payload),
      onClose: (_, reason) => sender.onClose(reason),
    });
    this.#dial(address, 'snapshot', to, events, limits.snapshotFrameBytes);
    return sender.result;
  }

  #eventsOf(
    events: Pick<PeerConnectionEvents, 'onOpen' | 'onFrame' | 'onClose'>,
  ): PeerConnectionEvents {
    return {
      hello: () => this.#live().hello(),
      helloSequence: () => this.#helloSequence,
      admit: (peer) => this.#admit(peer),
      onRenewed: (connection) => this.#renewed(connection),
      onOpen: events.onOpen,
      onFrame: events.onFrame,
      onClose: (connection, reason) => {
        this.#connections.delete(connection);
        events.onClose(connection, reason);
      },
    };
  }

  #live(): TransportHandler {
    assert(this.#handler !== null, 'the transport was not started');
    return this.#handler;
  }

  #admit(peer: PeerHello): string | null {
    if (peer.nodeId === this.#settings.nodeId) return `${peer.nodeId} is the id of this node`;
    const refusal = this.#live().admit(peer);
    if (refusal !== null) return refusal;
    const { clock, rivalAnswerMs } = this.#settings;
    const known = this.#peers.get(peer.nodeId);
    return known?.rivalOf(peer.incarnation, clock.monotonicMs(), rivalAnswerMs) ?? null;
  }

  #peer(id: NodeId): PeerState {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      peer = new PeerState(id, this.#upAndDown(), this.#settings.outputBytesMax);
      this.#peers.set(id, peer);
    }
    return peer;
  }

  #upAndDown(): ConstructorParameters<typeof PeerState>[1] {
    return {
      onPeerUp: (hello) => {
        this.#logger?.info({ peer: hello.nodeId }, 'peer is up');
        this.#live().onPeerUp(hello);
      },
      onPeerDown: (peer) => {
        if (this.#stopped) return;
        this.#logger?.info({ peer }, 'peer is down');
        this.#live().onPeerDown(peer);
      },
      onTooLarge: (peer, bytes) => this.#warn({ peer, bytes }, 'dropped a message above the limit'),
    };
  }

  #setLink(peer: PeerState, link: PeerLink | null): void {
    peer.setLink(link);
    if (this.#handler !== null) link?.dial();
    if (peer.idle) this.#peers.delete(peer.id);
  }

  #newLink(id: NodeId, address: string): PeerLink | null {
    if (!isAddress(address)) {
      this.#warn({ peer: id, address }, 'the address of a peer is not HOST:PORT');
      return null;
    }
    return new PeerLink(address, {
      ...this.#settings,
      dial: (to) => this.#dial(to, 'peer', id, this.#peerEvents),
    });
  }

  #dial(
    address: string,
    purpose: Purpose,
    expected: NodeId | null,
    events: PeerConnectionEvents,
    frameBytesMax?: number,
  ): PeerConnection {
    const onread = this.#buffer.onread((bytes) => connection.frames.receive(bytes));
    const socket = connect({ ...parseAddress(address), onread });
    const connection = this.#track(socket, { purpose, expected }, events, frameBytesMax);
    return connection;
  }

  #track(
    socket: Socket,
    dialed: { purpose: Purpose; expected: NodeId | null } | null,
    events: PeerConnectionEvents,
    frameBytesMax = this.#settings.frameBytesMax,
  ): PeerConnection {
    const own = { socket, dialed, frameBytesMax, events };
    const connection = new PeerConnection({ ...this.#settings, ...own });
    this.#connections.add(connection);
    return connection;
  }

  #accept(accepted: Socket): void {
    if (this.#stopped || this.#strangers.size >= limits.peerHandshakesMax) {
      accepted.destroy();
      return;
    }
    const receive: Receive = (bytes) => connection.frames.receive(bytes);
    const socket = intoBuffer(accepted, this.#buffer, receive, false);
    this.#accepted.add(socket);
    socket.once('close', () => this.#accepted.delete(socket));
    const connection = this.#track(socket, null, this.#peerEvents);
    this.#strangers.add(connection);
  }

  #opened(connection: PeerConnection): void {
    const { peer: hello, purpose } = connection;
    this.#strangers.delete(connection);
    if (hello === null) return;
    if (purpose === 'snapshot') {
      this.#receivers.set(connection, this.#newReceiver(connection, hello.nodeId));
      return;
    }
    const peer = this.#peer(hello.nodeId);
    if (peer.link?.owns(connection)) peer.link.opened();
    peer.opened(connection);
  }

  #newReceiver(connection: PeerConnection, from: NodeId): SnapshotReceiver {
    const { clock, snapshotIdleMs: idleMs } = this.#settings;
    const handler = this.#live();
    return new SnapshotReceiver(connection, { from, handler, gate: this.#gate, clock, idleMs });
  }

  #renewed(connection: PeerConnection): void {
    if (connection.purpose !== 'peer' || connection.peer === null) return;
    this.#peers.get(connection.peer.nodeId)?.renewed(connection);
  }

  #closed(connection: PeerConnection, reason: string): void {
    if (this.#strangers.delete(connection)) this.#logRefusal(reason);
    this.#receivers.get(connection)?.onClose(reason);
    this.#receivers.delete(connection);
    const peer = this.#ownerOf(connection);
    if (peer === null) return;
    if (reason !== peer.lastReason) this.#logger?.info({ peer: peer.id, reason }, 'link ended');
    peer.lastReason = reason;
    if (peer.link?.owns(connection)) peer.link.ended();
    peer.lost(connection);
    if (peer.idle) this.#peers.delete(peer.id);
  }

  #logRefusal(reason: string): void {
    if (reason === this.#lastRefusal || reason === 'introduced') return;
    this.#lastRefusal = reason;
    this.#warn({ reason }, 'a connection to the peer port failed');
  }

  /** A dialed connection that never opened has no hello and is known to its link only. */
  #ownerOf(connection: PeerConnection): PeerState | null {
    if (connection.peer !== null) return this.#peers.get(connection.peer.nodeId) ?? null;
    for (const peer of this.#peers.values()) if (peer.link?.owns(connection)) return peer;
    return null;
  }

  #take(connection: PeerConnection, type: number, payload: Uint8Array): void {
    const from = connection.peer!.nodeId;
    const receiver = this.#receivers.get(connection);
    if (receiver !== undefined) receiver.onFrame(type, payload);
    else if (type === frameType.messages || type === frameType.bulk) {
      this.#live().onMessages(from, decodeMessages(payload, from, this.#settings.nodeId));
    } else if (type === frameType.application) this.#takeApplication(from, payload);
    else if (type === frameType.pong) this.#peers.get(from)?.renewed(connection);
    else throw new TgError('PROTOCOL', `frame ${type} on a connection for messages`);
  }

  #takeApplication(from: NodeId, payload: Uint8Array): void {
    if (payload.length < 4) throw new TgError('PROTOCOL', 'an application frame without a group');
    const group = Buffer.from(payload.buffer, payload.byteOffset, 4).readUInt32BE(0);
    this.#live().onApplication(from, group, payload.subarray(4));
  }

  #touch(peer: PeerState): void {
    this.#dirty.add(peer);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#settings.clock.endOfTurn(this.#flush, 'peers');
  }

  #flushAll(): void {
    this.#flushScheduled = false;
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const peer of dirty) peer.flush();
  }

  #warn(fields: Record<string, unknown>, text: string): void {
    this.#logger?.warn(fields, text);
  }
}
