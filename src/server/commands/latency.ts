/** LATENCY: spikes that the latency monitor noted, and how long commands take. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { fullName } from '../../statemachine/command-spec.js';
import { subcommandsOf } from '../command-table.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { latencyDiagnosis, latencyGraph } from './latency-report.js';

const shared = {
  group: 'server',
  acl: ['admin', 'slow', 'dangerous'],
  flags: ['admin', 'noscript', 'loading', 'stale'],
  since: '2.8.13',
} as const;

export function latencyCommands(context: ServerContext): LocalSpec[] {
  const { latency } = context;
  return [
    container('latency', { ...shared, summary: 'A container for latency diagnostics commands.' }, [
      local(
        'latest',
        2,
        { ...shared, summary: 'Returns the latest latency samples for all events.' },
        (_connection, _args, reply) => latest(context, reply),
      ),
      local(
        'history',
        3,
        { ...shared, summary: 'Returns timestamp-latency samples for an event.', syntax: 'event' },
        (_connection, args, reply) => history(context, args, reply),
      ),
      local(
        'reset',
        -2,
        { ...shared, summary: 'Resets the data of events.', syntax: '[event [event ...]]' },
        (_connection, args, reply) => reset(context, args, reply),
      ),
      local(
        'doctor',
        2,
        { ...shared, summary: 'Returns a human-readable latency analysis report.' },
        (_connection, _args, reply) => {
          const isOff = context.live.latencyThresholdMs === 0;
          reply.verbatim('txt', latencyDiagnosis(latency.all, isOff));
        },
      ),
      local(
        'graph',
        3,
        { ...shared, summary: 'Returns a latency graph for an event.', syntax: 'event' },
        (_connection, args, reply) => graph(context, args, reply),
      ),
      local(
        'histogram',
        -2,
        {
          ...shared,
          since: '7.0.0',
          complexity: 'O(N) where N is the number of commands',
          summary: 'Returns how long commands took, as cumulative counts.',
          syntax: '[command [command ...]]',
        },
        (_connection, args, reply) => histogram(context, args, reply),
      ),
    ]),
  ];
}

function latest({ latency }: ServerContext, reply: ReplySink): void {
  reply.array(latency.all.size);
  for (const [name, { samples, maxMs }] of latency.all) {
    const last = samples.at(-1)!;
    reply.array(4);
    reply.text(name);
    reply.integer(last.atSeconds);
    reply.integer(last.ms);
    reply.integer(maxMs);
  }
}

function history({ latency }: ServerContext, args: Args, reply: ReplySink): void {
  const samples = latency.all.get(args.text(2))?.samples ?? [];
  reply.array(samples.length);
  for (const { atSeconds, ms } of samples) {
    reply.array(2);
    reply.integer(atSeconds);
    reply.integer(ms);
  }
}

function reset({ latency }: ServerContext, args: Args, reply: ReplySink): void {
  if (args.count === 2) return reply.integer(latency.resetAll());
  let count = 0;
  for (let at = 2; at < args.count; at++) if (latency.reset(args.text(at))) count++;
  reply.integer(count);
}

function graph({ latency, clock }: ServerContext, args: Args, reply: ReplySink): void {
  const name = args.text(2);
  const event = latency.all.get(name);
  if (event === undefined) return reply.error(`ERR No samples available for event '${name}'`);
  reply.verbatim('txt', latencyGraph(name, event, Math.floor(clock.wallMs() / 1000)));
}

/** Commands that were never timed are left out, unknown names too (Redis). */
function histogram(context: ServerContext, args: Args, reply: ReplySink): void {
  const { usage } = context;
  const wanted = wantedSpecs(context, args);
  const shown = [...usage.all].filter(
    ([name, { histogram: times }]) => times !== null && (wanted === null || wanted.has(name)),
  );
  reply.map(shown.length);
  for (const [name, { calls, histogram: times }] of shown) {
    reply.text(name);
    reply.map(2);
    reply.text('calls');
    reply.integer(calls);
    reply.text('histogram_usec');
    const buckets = times!.cumulative();
    reply.map(buckets.length);
    for (const [us, count] of buckets) {
      reply.integer(us);
      // What was not timed is spread as what was.
      reply.integer(Math.round((count / times!.total) * calls));
    }
  }
}

/** Full names; a container stands for its sub-commands. Null: all. */
function wantedSpecs(context: ServerContext, args: Args): ReadonlySet<string> | null {
  if (args.count === 2) return null;
  const names = new Set<string>();
  for (let at = 2; at < args.count; at++) {
    const spec = context.table().named(args.text(at));
    if (spec !== null) for (const each of [spec, ...subcommandsOf(spec)]) names.add(fullName(each));
  }
  return names;
}
