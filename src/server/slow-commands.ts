/** What becomes of a command that took long: SLOWLOG and LATENCY hear of it. */
import type { Clock } from '../ports.js';
import { clientAddress } from './client-address.js';
import { Connection } from './connection.js';
import type { LatencyEvents } from './latency-events.js';
import type { LiveSettings } from './live-settings.js';
import { slowLogArguments } from './shown-arguments.js';
import type { SlowLog } from './slow-log.js';
import type { OnTimed } from './usage.js';

export interface SlowCommandsOptions {
  readonly slowLog: SlowLog;
  readonly latency: LatencyEvents;
  readonly live: LiveSettings;
  readonly clock: Clock;
}

export function slowCommands({ slowLog, latency, live, clock }: SlowCommandsOptions): OnTimed {
  return (origin, spec, args, ms) => {
    const atSeconds = Math.floor(clock.wallMs() / 1000);
    if (live.latencyThresholdMs > 0 && ms >= live.latencyThresholdMs) {
      const event = spec.flags.includes('fast') ? 'fast-command' : 'command';
      latency.note(event, atSeconds, Math.round(ms));
    }
    const microseconds = Math.round(ms * 1000);
    if (live.slowlogUs < 0 || microseconds < live.slowlogUs) return;
    if (spec.flags.includes('skip_slowlog')) return;
    // A command that another node forwarded has no client here.
    const isClient = origin instanceof Connection;
    slowLog.add({
      atSeconds,
      microseconds,
      args: slowLogArguments(spec, args),
      address: isClient ? clientAddress(origin) : '',
      clientName: isClient ? origin.session.name : '',
    });
  };
}
