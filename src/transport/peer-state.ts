/**
 * What the transport knows about one peer: its connections in both directions, whether it counts
 * as up, and what waits for the end of this turn. A peer goes down when any open connection to
 * it breaks, since a killed process must be noticed at once; if another connection remains it is
 * asked with a ping and is up again with the answer.
 */
import { encodeMessages, messageBytes } from '../codec/messages.js';
import { limits } from '../limits.js';
import type { PeerHello } from '../ports.js';
import type { Message } from '../raft/messages.js';
import type { GroupId, NodeId } from '../raft/types.js';
import { frameType } from './frame.js';
import type { PeerConnection } from './peer-connection.js';
import type { PeerLink } from './peer-link.js';

export interface PeerStateEvents {
  onPeerUp(peer: PeerHello): void;
  onPeerDown(peer: NodeId): void;
  /** A message that no frame may carry was dropped. */
  onTooLarge(peer: NodeId, bytes: number): void;
}

export class PeerState {
  readonly id: NodeId;
  #link: PeerLink | null = null;
  readonly #events: PeerStateEvents;
  readonly #outputBytesMax: number;
  #outgoing: PeerConnection | null = null;
  #incoming: PeerConnection | null = null;
  /** The newest hello; null while the peer counts as down. */
  #hello: PeerHello | null = null;
  /** A connection ends because this node wants it: that says nothing about the peer. */
  #dropping = false;
  #messages: Message[] = [];
  #applications: Uint8Array[][] = [];
  #pendingBytes = 0;

  constructor(id: NodeId, events: PeerStateEvents, outputBytesMax: number) {
    this.id = id;
    this.#events = events;
    this.#outputBytesMax = outputBytesMax;
  }

  get link(): PeerLink | null {
    return this.#link;
  }

  /** Replaces the outgoing link; null: this node no longer calls the peer. */
  setLink(link: PeerLink | null): void {
    const old = this.#link;
    this.#link = link;
    this.#dropping = true;
    old?.close('no longer called');
    this.#dropping = false;
    link?.dial();
  }

  /** Nothing left that is worth remembering. */
  get idle(): boolean {
    return this.#link === null && this.#outgoing === null && this.#incoming === null;
  }

  opened(connection: PeerConnection): void {
    if (connection.dialed) {
      this.#outgoing = connection;
    } else {
      // The peer dials again only when its end of the old connection is gone.
      this.#incoming?.frames.close('replaced by a newer connection');
      this.#incoming = connection;
    }
    this.renewed(connection);
  }

  renewed(connection: PeerConnection): void {
    const hello = connection.peer;
    if (hello === null || (this.#hello !== null && sameHello(this.#hello, hello))) return;
    this.#hello = hello;
    this.#events.onPeerUp(hello);
  }

  lost(connection: PeerConnection): void {
    if (connection === this.#outgoing) this.#outgoing = null;
    else if (connection === this.#incoming) this.#incoming = null;
    else return;
    const other = this.#connection();
    if (other !== null && this.#dropping) return;
    this.#down();
    other?.frames.write(frameType.ping);
  }

  renewHello(): void {
    this.#link?.renewHello();
    this.#incoming?.renewHello();
  }

  close(reason: string): void {
    this.#link?.close(reason);
    this.#outgoing?.frames.close(reason);
    this.#incoming?.frames.close(reason);
  }

  /** False: no connection, or too much waits already. */
  queue(messages: readonly Message[]): boolean {
    if (!this.#hasRoom()) return false;
    for (const message of messages) {
      this.#messages.push(message);
      this.#pendingBytes += messageBytes(message);
    }
    return true;
  }

  queueApplication(group: GroupId, payload: Uint8Array): boolean {
    if (payload.length + 4 > limits.peerMessageBytesMax || !this.#hasRoom()) return false;
    const header = Buffer.allocUnsafe(4);
    header.writeUInt32BE(group, 0);
    this.#applications.push([header, payload]);
    this.#pendingBytes += payload.length;
    return true;
  }

  /** Everything of this turn in one write; dropped when the connection ended meanwhile. */
  flush(): void {
    const messages = this.#messages;
    const applications = this.#applications;
    const bytes = this.#pendingBytes;
    this.#messages = [];
    this.#applications = [];
    this.#pendingBytes = 0;
    const frames = this.#connection()?.frames;
    if (frames === undefined) return;
    frames.cork();
    if (bytes <= limits.peerFrameBytesMax) this.#writeSet(messages);
    else for (const set of cutSets(messages)) this.#writeSet(set);
    for (const parts of applications) frames.write(frameType.application, parts);
    frames.uncork();
  }

  #writeSet(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const parts = encodeMessages(messages);
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    if (bytes > limits.peerMessageBytesMax) this.#events.onTooLarge(this.id, bytes);
    else this.#connection()?.frames.write(frameType.messages, parts);
  }

  #connection(): PeerConnection | null {
    return this.#outgoing ?? this.#incoming;
  }

  #hasRoom(): boolean {
    const connection = this.#connection();
    if (connection === null) return false;
    return connection.frames.outputBytes + this.#pendingBytes < this.#outputBytesMax;
  }

  #down(): void {
    if (this.#hello === null) return;
    this.#hello = null;
    this.#events.onPeerDown(this.id);
  }
}

/** Sets that fit one frame each, unless a single message is larger. */
function cutSets(messages: readonly Message[]): Message[][] {
  const sets: Message[][] = [];
  let set: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    const more = messageBytes(message);
    if (set.length > 0 && bytes + more > limits.peerFrameBytesMax) {
      sets.push(set);
      set = [];
      bytes = 0;
    }
    set.push(message);
    bytes += more;
  }
  sets.push(set);
  return sets;
}

function sameHello(one: PeerHello, other: PeerHello): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
