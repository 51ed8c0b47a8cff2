/**
 * Shows that both ends of a connection know the cluster's secret, before either says who it is.
 * Each end sends a fresh nonce and then an HMAC over both nonces and its own part in the
 * connection, so that no proof serves twice, nor as an answer to its own asker. The secret itself
 * never leaves. What follows is not protected: that needs TLS.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const nonceBytes = 32;
const proofBytes = 32;
type Part = 'dialer' | 'acceptor';

export class PeerProof {
  readonly #secret: string;
  readonly #own: Part;
  readonly #nonce: Uint8Array;
  #theirs: Uint8Array | null = null;
  #proven = false;

  constructor(secret: string, dialed: boolean) {
    this.#secret = secret;
    this.#own = dialed ? 'dialer' : 'acceptor';
    this.#nonce = new Uint8Array(randomBytes(nonceBytes));
  }

  /** The other side has shown that it knows the secret. */
  get proven(): boolean {
    return this.#proven;
  }

  /** The dialer's first word. */
  get challenge(): Uint8Array {
    return this.#nonce;
  }

  /** The acceptor's answer to a challenge: its own nonce and its proof. Null: it is malformed. */
  answer(challenge: Uint8Array): readonly Uint8Array[] | null {
    if (challenge.length !== nonceBytes || this.#theirs !== null) return null;
    this.#theirs = new Uint8Array(challenge);
    return [this.#nonce, this.#proofOf('acceptor')];
  }

  /** The dialer's answer to that; null: the acceptor does not know the secret. */
  conclude(answer: Uint8Array): Uint8Array | null {
    if (answer.length !== nonceBytes + proofBytes || this.#theirs !== null) return null;
    this.#theirs = new Uint8Array(answer.subarray(0, nonceBytes));
    return this.verify(answer.subarray(nonceBytes)) ? this.#proofOf('dialer') : null;
  }

  /** False: the other side does not know the secret. */
  verify(proof: Uint8Array): boolean {
    if (this.#theirs === null || proof.length !== proofBytes) return false;
    const expected = this.#proofOf(this.#own === 'dialer' ? 'acceptor' : 'dialer');
    this.#proven = timingSafeEqual(expected, proof);
    return this.#proven;
  }

  #proofOf(part: Part): Uint8Array {
    const [dialer, acceptor] =
      this.#own === 'dialer' ? [this.#nonce, this.#theirs!] : [this.#theirs!, this.#nonce];
    const hmac = createHmac('sha256', this.#secret);
    return hmac.update(`tgcache peer ${part}\n`).update(dialer).update(acceptor).digest();
  }
}
