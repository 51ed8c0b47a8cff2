/** CLIENT TRACKING, CACHING, TRACKINGINFO, GETREDIR. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { Connection } from '../connection.js';
import { type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import type { Tracking, TrackingMode } from '../tracking.js';

/** Sub-commands of CLIENT. */
export function trackingCommands(context: ServerContext): LocalSpec[] {
  const { tracking } = context;
  const since = '6.0.0';
  return [
    local(
      'tracking',
      -3,
      {
        since,
        summary: 'Controls server-assisted client-side caching for the connection.',
        syntax:
          '<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] ' +
          '[OPTOUT] [NOLOOP]',
      },
      (connection, args, reply) => track(context, connection, args, reply),
    ),
    local(
      'caching',
      3,
      { since, summary: 'Whether the next command may be cached.', syntax: '<YES | NO>' },
      (connection, args, reply) => caching(tracking, connection, args, reply),
    ),
    local(
      'trackinginfo',
      2,
      { since: '6.2.0', summary: 'Describes the tracking of the connection.' },
      (connection, _args, reply) => describe(tracking, connection, reply),
    ),
    local(
      'getredir',
      2,
      { since, summary: 'Returns the client that gets the invalidation messages.' },
      (connection, _args, reply) => reply.integer(tracking.modeOf(connection)?.redirect ?? -1),
    ),
  ];
}

interface Request {
  broadcast: boolean;
  optIn: boolean;
  optOut: boolean;
  noLoop: boolean;
  redirect: number;
  prefixes: string[];
}

function track(context: ServerContext, connection: Connection, args: Args, reply: ReplySink): void {
  const { tracking } = context;
  const request = parse(context, args);
  if (typeof request === 'string') return reply.error(request);
  if (args.is(2, 'OFF')) {
    tracking.disable(connection);
    return reply.ok();
  }
  if (!args.is(2, 'ON')) return reply.error('ERR syntax error');
  const current = tracking.modeOf(connection);
  const error = conflict(request) ?? switched(current, request) ?? overlap(current, request);
  if (error !== null) return reply.error(error);
  const prefixes = [...(current?.prefixes ?? []), ...request.prefixes];
  tracking.enable(connection, { ...request, prefixes });
  reply.ok();
}

/** The options, or an error text. */
function parse(context: ServerContext, args: Args): Request | string {
  const request: Request = {
    broadcast: false,
    optIn: false,
    optOut: false,
    noLoop: false,
    redirect: 0,
    prefixes: [],
  };
  for (let at = 3; at < args.count; at++) {
    const more = at + 1 < args.count;
    if (args.is(at, 'REDIRECT') && more) {
      if (request.redirect !== 0) return 'ERR A client can only redirect to a single other client';
      const text = args.text(++at);
      if (!/^\d{1,15}$/.test(text)) return 'ERR Invalid client ID';
      request.redirect = Number(text);
      if (!context.connections.has(request.redirect)) {
        return 'ERR The client ID you want redirect to does not exist';
      }
    } else if (args.is(at, 'PREFIX') && more) request.prefixes.push(args.text(++at));
    else if (args.is(at, 'BCAST')) request.broadcast = true;
    else if (args.is(at, 'OPTIN')) request.optIn = true;
    else if (args.is(at, 'OPTOUT')) request.optOut = true;
    else if (args.is(at, 'NOLOOP')) request.noLoop = true;
    else return 'ERR syntax error';
  }
  return request;
}

function conflict({ broadcast, optIn, optOut, prefixes }: Request): string | null {
  if (!broadcast && prefixes.length > 0) {
    return 'ERR PREFIX option requires BCAST mode to be enabled';
  }
  if (optIn && optOut) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  if (broadcast && (optIn || optOut)) return 'ERR OPTIN and OPTOUT are not compatible with BCAST';
  return null;
}

function switched(current: TrackingMode | null, request: Request): string | null {
  if (current === null) return null;
  const how =
    'before disabling tracking for this client, and then re-enabling it with a different mode.';
  if (current.broadcast !== request.broadcast) {
    return `ERR You can't switch BCAST mode on/off ${how}`;
  }
  if ((current.optIn && request.optOut) || (current.optOut && request.optIn)) {
    return `ERR You can't switch OPTIN/OPTOUT mode ${how}`;
  }
  return null;
}

function overlap(current: TrackingMode | null, { prefixes }: Request): string | null {
  const tail = 'Prefixes for a single client must not overlap.';
  const overlaps = (a: string, b: string) => a.startsWith(b) || b.startsWith(a);
  for (const [at, prefix] of prefixes.entries()) {
    const old = current?.prefixes.find((known) => overlaps(known, prefix));
    if (old !== undefined) {
      return `ERR Prefix '${prefix}' overlaps with an existing prefix '${old}'. ${tail}`;
    }
    const other = prefixes.slice(at + 1).find((later) => overlaps(later, prefix));
    if (other !== undefined) {
      return `ERR Prefix '${prefix}' overlaps with another provided prefix '${other}'. ${tail}`;
    }
  }
  return null;
}

function caching(tracking: Tracking, connection: Connection, args: Args, reply: ReplySink): void {
  const mode = tracking.modeOf(connection);
  if (mode === null || !(mode.optIn || mode.optOut)) {
    return reply.error(
      'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or ' +
        'OPTOUT mode enabled',
    );
  }
  const yes = args.is(2, 'YES');
  if (!yes && !args.is(2, 'NO')) return reply.error('ERR syntax error');
  if (yes && !mode.optIn) {
    return reply.error(
      'ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.',
    );
  }
  if (!yes && !mode.optOut) {
    return reply.error(
      'ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.',
    );
  }
  connection.cachingAsked = true;
  reply.ok();
}

function describe(tracking: Tracking, connection: Connection, reply: ReplySink): void {
  const mode = tracking.modeOf(connection);
  const asked = connection.cachingAsked;
  const flags =
    mode === null
      ? ['off']
      : [
          'on',
          ...(mode.broadcast ? ['bcast'] : []),
          ...(mode.optIn ? ['optin', ...(asked ? ['caching-yes'] : [])] : []),
          ...(mode.optOut ? ['optout', ...(asked ? ['caching-no'] : [])] : []),
          ...(mode.noLoop ? ['noloop'] : []),
          ...(tracking.isRedirectBroken(connection) ? ['broken_redirect'] : []),
        ];
  reply.map(3);
  reply.text('flags');
  reply.set(flags.length);
  for (const flag of flags) reply.text(flag);
  reply.text('redirect');
  reply.integer(mode?.redirect ?? -1);
  reply.text('prefixes');
  const prefixes = mode?.broadcast === true && mode.prefixes.length === 0 ? [''] : mode?.prefixes;
  reply.array(prefixes?.length ?? 0);
  for (const prefix of prefixes ?? []) reply.text(prefix);
}
