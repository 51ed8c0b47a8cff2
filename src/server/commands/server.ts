/** Server commands: CONFIG, TIME, ROLE, DEBUG, SHUTDOWN, WAIT, LOLWUT, TGCACHE. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { globMatches } from '../../statemachine/glob.js';
import type { Connection } from '../connection.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';

const admin = {
  group: 'server',
  acl: ['slow', 'dangerous', 'admin'],
  flags: ['admin', 'noscript', 'loading', 'stale'],
} as const;
const asynchronous = { ...admin, flags: [...admin.flags, 'no_multi'] } as const;

export function serverCommands(context: ServerContext): LocalSpec[] {
  return [
    configCommand(context),
    local(
      'time',
      1,
      { group: 'server', since: '2.6.0', summary: 'Returns the server time.' },
      (_c, _a, reply) => {
        const now = context.clock.wallMs();
        reply.array(2);
        reply.text(String(Math.floor(now / 1000)));
        reply.text(String(Math.floor((now % 1000) * 1000)));
      },
    ),
    local(
      'role',
      1,
      { ...admin, since: '2.8.12', summary: 'Returns the replication role.' },
      (_c, _a, reply) => role(context, reply),
    ),
    local(
      'lolwut',
      -1,
      {
        group: 'server',
        since: '5.0.0',
        summary: 'Displays computer art.',
        syntax: '[VERSION version]',
      },
      (_c, _a, reply) =>
        reply.verbatim(
          'txt',
          `${art}\nRedis ver. 7.2.4 as tgcache: one log, three nodes, no lies.\n`,
        ),
    ),
    local(
      'wait',
      3,
      {
        group: 'generic',
        since: '3.0.0',
        summary: 'Waits for replicas.',
        syntax: 'numreplicas timeout',
      },
      (_c, _a, reply) =>
        // Every acknowledged write is on a majority already.
        reply.integer(context.group.nodes().filter((node) => !node.self && node.connected).length),
    ),
    local(
      'shutdown',
      -1,
      { ...admin, summary: 'Stops the node.', syntax: '[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]' },
      (connection, args, reply) => {
        for (let at = 1; at < args.count; at++) {
          const known = ['NOSAVE', 'SAVE', 'NOW', 'FORCE'].some((word) => args.is(at, word));
          if (!known) return reply.error('ERR syntax error');
        }
        connection.finish();
        context.onShutdown();
      },
    ),
    container('debug', { ...asynchronous, summary: 'A container for debugging commands.' }, [
      local(
        'digest',
        2,
        { ...asynchronous, summary: 'Hash of the whole state.' },
        async (_c, _a, reply) => {
          reply.simple((await context.group.digest()).digest);
        },
      ),
      local('sleep', 3, { ...admin, summary: 'Blocks the node.', syntax: 'seconds' }, sleep),
    ]),
    container('tgcache', { ...asynchronous, summary: 'Commands of tgcache itself.' }, [
      local(
        'applied',
        2,
        { ...asynchronous, summary: 'Applied index and digest, taken together.' },
        async (_c, _a, reply) => {
          const { index, digest } = await context.group.digest();
          reply.array(2);
          reply.integer(index);
          reply.text(digest);
        },
      ),
    ]),
  ];
}

function role(context: ServerContext, reply: ReplySink): void {
  const { group } = context;
  const nodes = group.nodes();
  const offset = nodes.find((node) => node.self)?.offset ?? 0;
  if (group.isLeader) {
    const replicas = nodes.filter((node) => !node.self && node.connected);
    reply.array(3);
    reply.text('master');
    reply.integer(offset);
    reply.array(replicas.length);
    for (const node of replicas) {
      reply.array(3);
      reply.text(node.host);
      reply.text(String(node.port));
      reply.text(String(node.offset));
    }
    return;
  }
  const leader = group.leader();
  reply.array(5);
  reply.text('slave');
  reply.text(leader?.host ?? '');
  reply.integer(leader?.port ?? 0);
  reply.text(leader === null ? 'connect' : 'connected');
  reply.integer(offset);
}

/** Blocks the event loop, as in Redis: it shows what a pause does. */
function sleep(_connection: Connection, args: Args, reply: ReplySink): void {
  const seconds = Number(args.text(2));
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > 3600) {
    return reply.error('ERR value is not a valid float');
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  reply.ok();
}

function configCommand(context: ServerContext): LocalSpec {
  const summary = 'A container for server configuration commands.';
  return container('config', { ...asynchronous, since: '2.0.0', summary }, [
    local(
      'get',
      -3,
      { ...admin, summary: 'Returns settings.', syntax: 'parameter [parameter ...]' },
      (_c, args, reply) => configGet(context, args, reply),
    ),
    local(
      'set',
      -4,
      {
        ...asynchronous,
        summary: 'Changes settings.',
        syntax: 'parameter value [parameter value ...]',
      },
      (_c, args, reply) => configSet(context, args, reply),
    ),
    local('resetstat', 2, { ...admin, summary: 'Resets statistics.' }, (_c, _a, reply) => {
      context.stats.reset();
      reply.ok();
    }),
    local(
      'rewrite',
      2,
      { ...admin, summary: 'Rewrites the configuration file.' },
      (_c, _a, reply) => reply.error('ERR The server is running without a config file'),
    ),
  ]);
}

/** Redis settings that tools ask for and that have a fixed answer here. */
const fixedAnswers: ReadonlyMap<string, string> = new Map([
  ['save', ''],
  ['appendonly', 'yes'],
  ['appendfsync', 'always'],
  ['databases', '1'],
  ['cluster-enabled', 'yes'],
]);

function configGet(context: ServerContext, args: Args, reply: ReplySink): void {
  const { settings, group } = context;
  const found = new Map<string, string>();
  const names = [...new Set([...settings.list(), ...fixedAnswers.keys()])];
  for (let at = 2; at < args.count; at++) {
    const pattern = Buffer.from(args.text(at).toLowerCase(), 'latin1');
    for (const name of names) {
      if (!globMatches(pattern, Buffer.from(name))) continue;
      const shared = settings.isClusterWide(name) ? group.clusterSetting(name) : null;
      found.set(name, shared ?? settings.redisValue(name) ?? fixedAnswers.get(name) ?? '');
    }
  }
  reply.map(found.size);
  for (const [name, value] of found) {
    reply.text(name);
    reply.text(value);
  }
}

async function configSet(context: ServerContext, args: Args, reply: ReplySink): Promise<void> {
  if (args.count % 2 !== 0) return reply.error('ERR syntax error');
  const { settings, group } = context;
  const pairs: [string, string][] = [];
  for (let at = 2; at < args.count; at += 2) {
    pairs.push([args.text(at).toLowerCase(), args.text(at + 1)]);
  }
  for (const [name, value] of pairs) {
    if (settings.redisValue(name) === null) {
      return reply.error(`ERR Unknown option or number of arguments for CONFIG SET - '${name}'`);
    }
    const error = settings.set(name, value);
    if (error !== null)
      return reply.error(
        `ERR CONFIG SET failed (possibly related to argument '${name}') - ${error}`,
      );
    if (!settings.isClusterWide(name)) continue;
    const refusal = await group.changeSetting(name, settings.redisValue(name) ?? value);
    if (refusal === 'not-leader') {
      return reply.error(`ERR ${name} is the same on all nodes: set it on the leader`);
    }
    if (refusal !== null) return reply.error(`TRYAGAIN ${name} could not be changed: ${refusal}`);
  }
  reply.ok();
}

const art = [
  '      /\\        ',
  '     /  \\  one  ',
  '    /----\\ log  ',
  '   n1-n2-n3     ',
].join('\n');
