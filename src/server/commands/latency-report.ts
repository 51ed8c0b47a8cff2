/** What LATENCY DOCTOR and LATENCY GRAPH say about the noted spikes (Redis: latency.c). */
import type { LatencyEvent, LatencySample } from '../latency-events.js';

const monitorIsOff =
  "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You " +
  'may use "CONFIG SET latency-monitor-threshold <milliseconds>." in order to enable it. If we ' +
  "weren't in a deep space mission I'd suggest to take a look at " +
  'https://redis.io/topics/latency-monitor.\n';
const nothingSeen =
  'Dave, no latency spike was observed during the lifetime of this Redis instance, not in the ' +
  'slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think ' +
  'things over.\n';
const advice =
  '\nI have a few advices for you:\n\n' +
  '- Check your Slow Log to understand what are the commands you are running which are too slow ' +
  'to execute. Please check https://redis.io/commands/slowlog for more information.\n';

export function latencyDiagnosis(
  events: ReadonlyMap<string, LatencyEvent>,
  isOff: boolean,
): string {
  if (isOff && events.size === 0) return monitorIsOff;
  if (events.size === 0) return nothingSeen;
  const head =
    'Dave, I have observed latency spikes in this Redis instance. ' +
    "You don't mind talking about it, do you Dave?\n\n";
  const lines = [...events].map(([name, event], at) => `${at + 1}. ${name}: ${summary(event)}\n`);
  return head + lines.join('') + advice;
}

function summary({ samples, maxMs }: LatencyEvent): string {
  const times = samples.map(({ ms }) => ms);
  const average = mean(times);
  const deviation = mean(times.map((ms) => Math.abs(ms - average)));
  const seconds = samples.at(-1)!.atSeconds - samples[0]!.atSeconds;
  return (
    `${samples.length} latency spikes (average ${Math.floor(average)}ms, mean deviation ` +
    `${Math.floor(deviation)}ms, period ${(seconds / samples.length).toFixed(2)} sec). ` +
    `Worst all time event ${maxMs}ms.`
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const rows = 4;
/** From the bottom of a row to its top. */
const marks = '_o#';
const steps = rows * marks.length;

/** One column per sample, and below it how long ago it was. */
export function latencyGraph(name: string, event: LatencyEvent, nowSeconds: number): string {
  const times = event.samples.map(({ ms }) => ms);
  const high = Math.max(...times);
  const low = Math.min(...times);
  const head = `${name} - high ${high} ms, low ${low} ms (all time high ${event.maxMs} ms)\n`;
  const heights = times.map((ms) =>
    high === low ? steps - 1 : Math.min(steps - 1, Math.floor(((ms - low) * steps) / (high - low))),
  );
  const lines = Array.from({ length: rows }, (_, row) => drawRow(heights, rows - 1 - row));
  const labels = drawLabels(event.samples, nowSeconds);
  return `${head}${'-'.repeat(80)}\n${[...lines, '', ...labels].join('\n')}\n`;
}

function drawRow(heights: readonly number[], fromBottom: number): string {
  return heights
    .map((height) => {
      const within = height - fromBottom * marks.length;
      if (within < 0) return ' ';
      return marks[within] ?? '|';
    })
    .join('');
}

function drawLabels(samples: readonly LatencySample[], nowSeconds: number): string[] {
  const labels = samples.map(({ atSeconds }) => age(nowSeconds - atSeconds));
  const longest = Math.max(...labels.map((label) => label.length));
  return Array.from({ length: longest }, (_, line) =>
    labels.map((label) => label[line] ?? ' ').join(''),
  );
}

function age(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
