/**
 * The state of each directed link between nodes. Nemeses change it, the relays obey it. A cut
 * link holds bytes back, as TCP does over a network that loses all packets: after healing they
 * arrive late, or the connection breaks.
 */
import type { Prng } from '../src/statemachine/prng.js';

export interface LinkState {
  /** Nothing passes. */
  readonly cut: boolean;
  /** Each chunk takes this long. */
  readonly delayMs: number;
  /** Parts in 1000 of the chunks that stall as if packets were lost, and that break all. */
  readonly stallPermille: number;
  readonly resetPermille: number;
}

const sound: LinkState = { cut: false, delayMs: 0, stallPermille: 0, resetPermille: 0 };

export interface LinkUser {
  readonly from: string;
  readonly to: string;
  /** The state of its link changed. */
  linkChanged(): void;
  reset(): void;
}

export class Links {
  private readonly states = new Map<string, LinkState>();
  readonly users = new Set<LinkUser>();

  constructor(
    readonly random: Prng,
    /** Told of every change, where it is not relays that obey. */
    private readonly apply: (from: string, to: string, state: LinkState) => void = () => {},
  ) {}

  state(from: string, to: string): LinkState {
    return this.states.get(`${from}>${to}`) ?? sound;
  }

  /** One direction only. */
  set(from: string, to: string, change: Partial<LinkState>): void {
    const state = { ...this.state(from, to), ...change };
    this.states.set(`${from}>${to}`, state);
    this.apply(from, to, state);
    this.tell((user) => user.from === from && user.to === to);
  }

  cut(from: string, to: string): void {
    this.set(from, to, { cut: true });
  }

  cutBoth(a: string, b: string): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  /** Nothing passes between nodes of different sides. */
  split(...sides: readonly (readonly string[])[]): void {
    for (const side of sides) {
      for (const other of sides) {
        if (side === other) continue;
        for (const from of side) for (const to of other) this.cut(from, to);
      }
    }
  }

  /** All links are sound again. Held bytes arrive, or by chance their connections break. */
  heal(): void {
    const held = [...this.users].filter(({ from, to }) => this.state(from, to).cut);
    for (const link of this.states.keys()) {
      const [from, to] = link.split('>') as [string, string];
      this.apply(from, to, sound);
    }
    this.states.clear();
    for (const user of held) if (this.random.next() % 2 === 0) user.reset();
    this.tell(() => true);
  }

  private tell(concerns: (user: LinkUser) => boolean): void {
    for (const user of [...this.users]) if (concerns(user)) user.linkChanged();
  }
}
