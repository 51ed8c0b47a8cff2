/**
 * Leadership transfer (dissertation 3.10): wait until the target has the whole log, then ask it
 * to stand at once. Given up after one election timeout. Once asked, the target may win at any
 * later time without regard to stickiness, so no lease holds for the rest of the term.
 */
import { isVoter } from './configuration.js';
import type { Progress } from './progress.js';
import type { CoreState } from './state.js';
import type { NodeId } from './types.js';

export class Transfer {
  target: NodeId | null = null;
  electionAsked = false;
  private asked = false;
  private startedTick = 0;

  constructor(private readonly state: CoreState) {}

  /** False while another transfer is under way. */
  start(to: NodeId): boolean {
    if (this.target !== null) return this.target === to;
    this.target = to;
    this.asked = false;
    this.startedTick = this.state.timer.now;
    return true;
  }

  tick(): void {
    const { timer, config } = this.state;
    if (this.target !== null && timer.now - this.startedTick >= config.electionTicks) {
      this.target = null;
    }
  }

  progressed(progress: Progress): void {
    if (progress.id !== this.target || this.asked) return;
    if (progress.matchIndex !== this.state.log.lastIndex) return;
    this.asked = true;
    this.ask(progress.id);
  }

  /** A leader that is no voter any more leaves: the best of the others need not wait. */
  handOver(peers: Iterable<Progress>): void {
    const { configurations, log } = this.state;
    for (const progress of peers) {
      const fit = progress.matchIndex === log.lastIndex && progress.everHeard;
      if (!fit || !isVoter(configurations.latest, progress.id)) continue;
      this.ask(progress.id);
      return;
    }
  }

  private ask(to: NodeId): void {
    const { state } = this;
    this.electionAsked = true;
    state.send({ kind: 'timeout-now', group: state.group, from: state.id, to, term: state.term });
  }
}
