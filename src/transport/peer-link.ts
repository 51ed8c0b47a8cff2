/**
 * Keeps one outgoing connection to one peer at one address: dials, and dials again when it ends.
 * At once after a break, then with growing waits, so that neither a restart is noticed late nor
 * a peer that refuses this node is called without pause.
 */
import type { Clock } from '../ports.js';
import type { PeerConnection } from './peer-connection.js';

export interface PeerLinkOptions {
  readonly clock: Clock;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** From 0 up to 1; spreads the calls of many nodes. */
  readonly random: () => number;
  readonly dial: (address: string) => PeerConnection;
}

export class PeerLink {
  readonly address: string;
  readonly #options: PeerLinkOptions;
  #connection: PeerConnection | null = null;
  #openedAtMs: number | null = null;
  /** Dials since a connection last held for a while. */
  #tries = 0;
  #cancelWait: (() => void) | null = null;
  #closed = false;

  constructor(address: string, options: PeerLinkOptions) {
    this.address = address;
    this.#options = options;
  }

  dial(): void {
    this.#cancelWait = null;
    if (!this.#closed) this.#connection = this.#options.dial(this.address);
  }

  owns(connection: PeerConnection): boolean {
    return this.#connection === connection;
  }

  opened(): void {
    this.#openedAtMs = this.#options.clock.monotonicMs();
  }

  /** The connection of this link ended. */
  ended(): void {
    this.#connection = null;
    if (this.#closed) return;
    const delayMs = this.#delayMs();
    this.#openedAtMs = null;
    this.#cancelWait = this.#options.clock.after(delayMs, () => this.dial());
  }

  /** No connection and no wait remains. */
  close(reason: string): void {
    this.#closed = true;
    this.#cancelWait?.();
    this.#connection?.frames.close(reason);
  }

  #delayMs(): number {
    const { clock, reconnectMinMs, reconnectMaxMs, random } = this.#options;
    // A peer that takes the hello and hangs up each time must not be called in a tight loop.
    const held = this.#openedAtMs !== null && clock.monotonicMs() - this.#openedAtMs;
    if (held !== false && held >= reconnectMaxMs) this.#tries = 0;
    const tries = this.#tries++;
    if (tries === 0) return 0;
    const delayMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(tries - 1, 30));
    return delayMs * (0.5 + random() / 2);
  }
}
