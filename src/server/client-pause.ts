/** CLIENT PAUSE: commands of this node's clients wait, all of them or those that write. */
import type { Clock } from '../ports.js';
import type { SpecBase } from '../statemachine/command-spec.js';
import type { Session } from './session.js';

/** Timers take no more. */
const timerMsMax = 2 ** 31 - 1;

/** Redis: they write, or what they do reaches other nodes. */
function mayReplicate({ flags, name }: SpecBase): boolean {
  return flags.includes('write') || name === 'publish' || name === 'spublish';
}

export class ClientPause {
  private untilMs = 0;
  private all = false;
  private cancel: () => void = () => {};

  /** `onEnd`: those that waited may go on. */
  constructor(
    private readonly clock: Clock,
    private readonly onEnd: () => void,
  ) {}

  get kind(): 'all' | 'write' | null {
    if (!this.isActive) return null;
    return this.all ? 'all' : 'write';
  }

  get leftMs(): number {
    return this.isActive ? Math.ceil(this.untilMs - this.clock.monotonicMs()) : 0;
  }

  /** A longer or stricter pause that is in force stays so. */
  begin(ms: number, all: boolean): void {
    const until = this.clock.monotonicMs() + ms;
    this.all = all || (this.isActive && this.all);
    this.untilMs = Math.max(this.untilMs, until);
    this.wakeAtEnd();
  }

  end(): void {
    this.cancel();
    this.untilMs = 0;
    this.onEnd();
  }

  /** Whether the command has to wait. What ends the pause never does. */
  holds(spec: SpecBase, session: Session): boolean {
    if (this.untilMs === 0 || !this.isActive || spec.name === 'unpause') return false;
    if (this.all || mayReplicate(spec)) return true;
    return spec.name === 'exec' && (session.queued ?? []).some((each) => mayReplicate(each.spec));
  }

  private wakeAtEnd(): void {
    this.cancel();
    this.cancel = this.clock.after(Math.min(this.leftMs, timerMsMax), () => {
      if (this.isActive) this.wakeAtEnd();
      else this.end();
    });
  }

  private get isActive(): boolean {
    return this.untilMs > this.clock.monotonicMs();
  }
}
