/**
 * One connection between two nodes from the first byte on: the exchange of hellos, then frames.
 * The dialer speaks first, and says at last that it is ready, so that neither side takes the
 * connection for open while the other may still refuse it. With a cluster secret both sides prove
 * first that they know it (peer-proof.ts). Nothing but a hello is taken before
 * both sides know each other, and an address is never taken for an identity: a dialer names the
 * node it expects.
 */
import type { Socket } from 'node:net';
import { decodeHello, encodeHello, type HelloPurpose, type SaidHello } from '../codec/hello.js';
import { TgError } from '../errors.js';
import type { Clock, PeerHello } from '../ports.js';
import type { NodeId } from '../raft/types.js';
import { BulkLane } from './bulk-lane.js';
import { frameType } from './frame.js';
import { FrameSocket } from './frame-socket.js';
import { PeerProof } from './peer-proof.js';
import { watchSilence } from './silence-watch.js';

export interface PeerConnectionEvents {
  /** What to tell the other side now. */
  hello(): PeerHello;
  /** Counts up whenever hello() may have changed. */
  helloSequence(): number;
  /** A text refuses the other side. Asked for each hello of it. */
  admit(peer: PeerHello): string | null;
  onOpen(connection: PeerConnection): void;
  /** The other side changed what it says about itself. */
  onRenewed(connection: PeerConnection): void;
  onFrame(connection: PeerConnection, type: number, payload: Uint8Array): void;
  onClose(connection: PeerConnection, reason: string): void;
}

export interface PeerConnectionOptions {
  readonly socket: Socket;
  /** What the dialer wants; null at the accepting side, which learns it. */
  readonly dialed: { readonly purpose: HelloPurpose; readonly expected: NodeId | null } | null;
  readonly clock: Clock;
  readonly helloTimeoutMs: number;
  /** An open connection for messages ends when nothing came for so long. */
  readonly silenceMs: number;
  readonly frameBytesMax: number;
  /** Empty: peers need not prove anything. */
  readonly secret: string;
  readonly events: PeerConnectionEvents;
}

const wantsSecret = 'this node wants to hear the cluster-secret proven';
const hasNoSecret = 'this node has no cluster-secret';
const otherSecret = 'the cluster-secret is another one here';

export class PeerConnection {
  readonly frames: FrameSocket;
  readonly bulk: BulkLane;
  readonly dialed: boolean;
  readonly #options: PeerConnectionOptions;
  /** Of the hello, then of the watch for silence. */
  #cancelTimeout: () => void;
  #purpose: HelloPurpose;
  #peer: PeerHello | null = null;
  #sequence = 0;
  #helloSent = false;
  #open = false;
  #heardAtMs = 0;
  /** Null: there is no secret. */
  readonly #proof: PeerProof | null;

  constructor(options: PeerConnectionOptions) {
    const { socket, dialed, clock, helloTimeoutMs, frameBytesMax, secret } = options;
    this.#options = options;
    this.dialed = dialed !== null;
    this.#proof = secret === '' ? null : new PeerProof(secret, this.dialed);
    this.#purpose = dialed?.purpose ?? 'peer';
    this.frames = new FrameSocket(
      socket,
      {
        onFrame: (type, payload) => this.#take(type, payload),
        onClose: (reason) => this.#ended(reason),
      },
      frameBytesMax,
    );
    this.bulk = new BulkLane(this.frames);
    this.#cancelTimeout = clock.after(helloTimeoutMs, () => {
      if (!this.#open) this.frames.close('no hello in time');
    });
    if (dialed !== null) socket.once('connect', () => this.#begin());
  }

  /** The newest hello of the other side; null until the connection is open. */
  get peer(): PeerHello | null {
    return this.#open ? this.#peer : null;
  }

  /** When the last frame came, in monotonic ms. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Of that hello: tells which of two connections heard the newer one. */
  get sequence(): number {
    return this.#sequence;
  }

  get purpose(): HelloPurpose {
    return this.#purpose;
  }

  /** Tells the other side again, when it was told before. */
  renewHello(): void {
    if (this.#helloSent) this.#sayHello();
  }

  #begin(): void {
    if (this.#proof === null) this.#sayHello();
    else this.frames.write(frameType.challenge, [this.#proof.challenge]);
  }

  #sayHello(): void {
    this.#helloSent = true;
    this.frames.write(frameType.hello, [this.#helloBytes(this.#purpose)]);
  }

  #helloBytes(purpose: HelloPurpose): Uint8Array {
    const { events } = this.#options;
    return encodeHello({ hello: events.hello(), purpose, sequence: events.helloSequence() });
  }

  #take(type: number, payload: Uint8Array): void {
    this.#heardAtMs = this.#options.clock.monotonicMs();
    if (type === frameType.refused) this.#refused(payload);
    else if (type === frameType.challenge) this.#takeChallenge(payload);
    else if (type === frameType.proof) this.#takeProof(payload);
    else if (this.#proof?.proven === false) this.frames.refuse(wantsSecret);
    else if (type === frameType.hello) this.#takeHello(payload);
    else if (type === frameType.ready) this.#takeReady();
    else if (!this.#open) throw new TgError('PROTOCOL', `frame ${type} before a hello`);
    else if (type === frameType.ping) this.#answerPing();
    else this.#options.events.onFrame(this, type, payload);
  }

  #takeChallenge(payload: Uint8Array): void {
    const proof = this.#proof;
    if (proof === null) return this.frames.refuse(hasNoSecret);
    if (this.dialed) {
      const own = proof.conclude(payload);
      if (own === null) return this.frames.refuse(otherSecret);
      this.frames.write(frameType.proof, [own]);
      this.#sayHello();
    } else {
      const answer = proof.answer(payload);
      if (answer === null) return this.frames.refuse(otherSecret);
      this.frames.write(frameType.challenge, answer);
    }
  }

  #takeProof(payload: Uint8Array): void {
    if (this.dialed || this.#proof?.verify(payload) !== true) this.frames.refuse(otherSecret);
  }

  /** On a snapshot stream the arrival is all that counts; an answer would cut into a chunk. */
  #answerPing(): void {
    if (this.#purpose === 'peer') this.frames.write(frameType.pong);
  }

  #refused(payload: Uint8Array): void {
    this.frames.close(`refused by the peer: ${Buffer.from(payload).toString('utf8', 0, 500)}`);
  }

  #takeHello(payload: Uint8Array): void {
    const refusal = this.#judge(payload);
    if (typeof refusal === 'string') {
      this.frames.refuse(refusal);
      return;
    }
    const first = this.#peer === null;
    this.#peer = refusal.hello;
    this.#sequence = refusal.sequence;
    if (first) this.#answer(refusal.purpose);
    else if (this.#open) this.#options.events.onRenewed(this);
  }

  #takeReady(): void {
    if (this.#open || this.dialed || this.#peer === null) {
      throw new TgError('PROTOCOL', 'a ready out of place');
    }
    this.#opened();
  }

  /** The hello, or a text that refuses it. */
  #judge(payload: Uint8Array): SaidHello | string {
    try {
      const said = decodeHello(payload);
      return this.#refusal(said.hello, said.purpose) ?? said;
    } catch (error) {
      if (error instanceof TgError && error.code === 'PROTOCOL') return error.message;
      throw error;
    }
  }

  #refusal(peer: PeerHello, purpose: HelloPurpose): string | null {
    const expected = this.#peer?.nodeId ?? this.#options.dialed?.expected ?? peer.nodeId;
    if (peer.nodeId !== expected) return `this is node ${peer.nodeId}, not ${expected}`;
    if (purpose === 'introduction' && this.#peer === null) return null;
    return this.#options.events.admit(peer);
  }

  #answer(purpose: HelloPurpose): void {
    if (this.dialed) {
      this.frames.write(frameType.ready);
      this.#opened();
    } else if (purpose === 'introduction') {
      this.frames.finish(frameType.hello, [this.#helloBytes(purpose)], 'introduced');
    } else {
      this.#purpose = purpose;
      this.#sayHello();
    }
  }

  #opened(): void {
    this.#open = true;
    this.#cancelTimeout();
    this.frames.trust();
    const { clock, silenceMs } = this.#options;
    // Streams of snapshots have a watch of their own.
    if (this.#purpose === 'peer') this.#cancelTimeout = watchSilence(this.frames, clock, silenceMs);
    this.#options.events.onOpen(this);
  }

  #ended(reason: string): void {
    this.#cancelTimeout();
    this.#options.events.onClose(this, reason);
  }
}
