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
  /** Why the last connection ended, so that a peer that stays away is logged once. */
  lastReason: string | null = null;
  #link: PeerLink | null = null;
  readonly #events: PeerStateEvents;
  readonly #outputBytesMax: number;
  #outgoing: PeerConnection | null = null;
  #incoming: PeerConnection | null = null;
  /** The newest hello; null while the peer counts as down. */
  #hello: PeerHello | null = null;
  #sequence = 0;
  /** A connection ends because this node wants it: that says nothing about the peer. */
  #dropping = false;
  /** When another process under the same id was asked whether it lives. */
  #rivalAskedAtMs: number | null = null;
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
  }

  /** Nothing left that is worth remembering. */
  get idle(): boolean {
    return this.#link === null && this.#outgoing === null && this.#incoming === null;
  }

  /**
   * Two processes under one id (an old data directory came back beside its successor) must not
   * take turns: votes and acks of both would count as one node's. The one that is connected
   * stays as long as it answers. A text refuses the other.
   */
  rivalOf(incarnation: string, now: number, answerMs: number): string | null {
    const rivals = [this.#outgoing, this.#incoming].filter(
      (one) => one !== null && one.peer !== null && one.peer.incarnation !== incarnation,
    );
    const askedAt = this.#rivalAskedAtMs;
    const silent = askedAt !== null && rivals.every((rival) => rival!.heardAtMs <= askedAt);
    if (rivals.length === 0 || (silent && now - askedAt >= answerMs)) {
      this.#rivalAskedAtMs = null;
      for (const rival of rivals) rival!.frames.close('silent, and its id is in use again');
      return null;
    }
    if (!silent) {
      this.#rivalAskedAtMs = now;
      for (const rival of rivals) rival!.frames.write(frameType.ping);
    }
    return `node ${this.id} is connected with another data directory`;
  }

  opened(connection: PeerConnection): void {
    this.lastReason = null;
    if (connection.dialed) this.#outgoing = connection;
    else this.#replaceIncoming(connection);
    this.renewed(connection);
  }

  /** The peer calls again only when its end of the old connection is gone: that one broke. */
  #replaceIncoming(connection: PeerConnection): void {
    const old = this.#incoming;
    this.#incoming = connection;
    if (old === null) return;
    this.#down();
    old.frames.close('replaced by a newer connection');
  }

  renewed(connection: PeerConnection): void {
    const { peer: hello, sequence } = connection;
    if (hello === null) return;
    if (this.#hello !== null) {
      // Two connections may bring the same news, and old news late.
      if (sequence < this.#sequence || sameHello(this.#hello, hello)) return;
    }
    this.#hello = hello;
    this.#sequence = sequence;
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

  close(reason: string): void {
    this.#link?.close(reason);
    this.#outgoing?.frames.close(reason);
    this.#incoming?.frames.close(reason);
  }

  /** Takes what there is room for. False: nothing, for want of a connection. */
  queue(messages: readonly Message[]): boolean {
    const connection = this.#connection();
    if (connection === null) return false;
    for (const message of messages) {
      // A large entry on its way holds back entries, but not the heartbeats that overtake it.
      const ahead = message.kind === 'append-request' ? connection.bulk.bytes : 0;
      if (!this.#hasRoom(connection, ahead)) continue;
      this.#messages.push(message);
      this.#pendingBytes += messageBytes(message);
    }
    return true;
  }

  queueApplication(group: GroupId, payload: Uint8Array): boolean {
    const connection = this.#connection();
    if (connection === null || !this.#hasRoom(connection, connection.bulk.bytes)) return false;
    if (payload.length + 4 > limits.peerMessageBytesMax) return false;
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
    const fits = this.#pendingBytes <= limits.peerFrameBytesMax;
    this.#messages = [];
    this.#applications = [];
    this.#pendingBytes = 0;
    const connection = this.#connection();
    if (connection === null) return;
    connection.frames.cork();
    for (const set of fits ? [messages] : cutSets(messages)) this.#putSet(connection, set);
    for (const parts of applications) this.#put(connection, frameType.application, parts);
    connection.frames.uncork();
  }

  /** Entries must not overtake entries: the peer would refuse them. The rest may. */
  #putSet(connection: PeerConnection, set: readonly Message[]): void {
    if (!connection.bulk.busy) {
      this.#putMessages(connection, frameType.messages, set);
      return;
    }
    const isAppend = (message: Message) => message.kind === 'append-request';
    const free = set.filter((message) => !isAppend(message));
    this.#putMessages(connection, frameType.messages, free);
    this.#putMessages(connection, frameType.bulk, set.filter(isAppend));
  }

  #putMessages(connection: PeerConnection, type: number, set: readonly Message[]): void {
    if (set.length > 0) this.#put(connection, type, encodeMessages(set));
  }

  /** Applications and entries queue behind a payload that is leaving in several frames. */
  #put(connection: PeerConnection, type: number, parts: readonly Uint8Array[]): void {
    const { frames, bulk } = connection;
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const ordered = type !== frameType.messages;
    if (bytes > limits.peerMessageBytesMax) {
      this.#events.onTooLarge(this.id, bytes);
    } else if (bytes > frames.frameBytesMax || (ordered && bulk.busy)) {
      bulk.push(ordered ? type : frameType.bulk, parts, bytes);
    } else {
      frames.write(type, parts);
    }
  }

  #connection(): PeerConnection | null {
    return this.#outgoing ?? this.#incoming;
  }

  #hasRoom(connection: PeerConnection, aheadBytes: number): boolean {
    const waiting = connection.frames.outputBytes + this.#pendingBytes + aheadBytes;
    return waiting < this.#outputBytesMax;
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
