/**
 * LATENCY: when something took longer than latency-monitor-threshold (Redis: latency.c). Kept per
 * kind of event: one sample a second, the worst of that second.
 */
/** Redis: LATENCY_TS_LEN */
const samplesMax = 160;

export interface LatencySample {
  readonly atSeconds: number;
  readonly ms: number;
}

export interface LatencyEvent {
  /** Oldest first. */
  readonly samples: LatencySample[];
  /** The worst since the event was reset. */
  maxMs: number;
}

export class LatencyEvents {
  private readonly events = new Map<string, LatencyEvent>();

  /** By name, in the order in which they first came. */
  get all(): ReadonlyMap<string, LatencyEvent> {
    return this.events;
  }

  note(name: string, atSeconds: number, ms: number): void {
    let event = this.events.get(name);
    if (event === undefined) {
      event = { samples: [], maxMs: 0 };
      this.events.set(name, event);
    }
    event.maxMs = Math.max(event.maxMs, ms);
    const last = event.samples.at(-1);
    if (last !== undefined && last.atSeconds === atSeconds) {
      if (ms <= last.ms) return;
      event.samples.pop();
    }
    event.samples.push({ atSeconds, ms });
    if (event.samples.length > samplesMax) event.samples.shift();
  }

  /** True: there was such an event. */
  reset(name: string): boolean {
    return this.events.delete(name);
  }

  resetAll(): number {
    const count = this.events.size;
    this.events.clear();
    return count;
  }
}
