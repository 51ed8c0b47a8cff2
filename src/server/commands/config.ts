/** CONFIG: the table of settings, those of this node and those that all nodes share. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { Connection } from '../connection.js';
import { refusalText } from '../gates.js';
import { container, type LocalSpec, local, type Outcome } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { bytesOfSetting, settingOfBytes } from '../settings-access.js';
import { matchesGlob } from './glob-names.js';

const shared = {
  group: 'server',
  acl: ['admin', 'slow', 'dangerous'],
  flags: ['admin', 'noscript', 'loading', 'stale'],
  since: '2.0.0',
} as const;

const noKeys = { first: 0, last: 0, step: 0 };

const fixedFacts: ReadonlyMap<string, string> = new Map([
  ['appendonly', 'yes'],
  ['appendfsync', 'always'],
  ['cluster-enabled', 'yes'],
  ['daemonize', 'no'],
  ['maxmemory-clients', '0'],
  ['maxmemory-samples', '5'],
  ['replicaof', ''],
  ['save', ''],
  ['slaveof', ''],
  ['supervised', 'no'],
]);

/** Settings of Redis that are facts here; redis-benchmark and others ask for them. */
function factsOf({ host, port }: ServerContext): ReadonlyMap<string, string> {
  return new Map([...fixedFacts, ['bind', host], ['port', String(port())]]);
}

export function configCommands(context: ServerContext): LocalSpec[] {
  return [
    container('config', { ...shared, summary: 'A container for server configuration commands.' }, [
      local(
        'get',
        -3,
        {
          ...shared,
          summary: 'Returns the values of settings.',
          syntax: 'parameter [parameter ...]',
        },
        (_connection, args, reply) => get(context, args, reply),
      ),
      local(
        'set',
        -4,
        {
          ...shared,
          summary: 'Sets settings while the server runs.',
          syntax: 'parameter value [parameter value ...]',
        },
        (connection, args, reply) => set(context, connection, args, reply),
      ),
      local(
        'resetstat',
        2,
        { ...shared, summary: "Resets the server's statistics." },
        (_connection, _args, reply) => {
          context.stats.reset();
          context.usage.reset();
          context.group.forgetHits();
          reply.ok();
        },
      ),
      local(
        'rewrite',
        2,
        {
          ...shared,
          since: '2.8.0',
          summary: 'Writes settings that were set while running into the configuration file.',
        },
        (_connection, _args, reply) => rewrite(context, reply),
      ),
    ]),
  ];
}

/** Shared settings are in the log and need no file. */
function rewrite({ configFile, rewriteConfig }: ServerContext, reply: ReplySink): void {
  if (configFile === null) return reply.error('ERR The server is running without a config file');
  const error = rewriteConfig();
  if (error === null) reply.ok();
  else reply.error(`ERR Rewriting config file: ${error}`);
}

/** What is in force: a shared setting has one value for all nodes. */
function inForce(context: ServerContext, name: string): string | null {
  const { settings, group } = context;
  const shares = settings.isClusterWide(name) ? group.clusterSetting(name) : null;
  return shares ?? settings.redisValue(name) ?? factsOf(context).get(name) ?? null;
}

function get(context: ServerContext, args: Args, reply: ReplySink): void {
  const names = new Set([...context.settings.list(), ...factsOf(context).keys()]);
  const found = new Map<string, string>();
  for (let index = 2; index < args.count; index++) {
    const pattern = args.text(index).toLowerCase();
    for (const name of names) {
      if (matchesGlob(pattern, name)) found.set(name, inForce(context, name) ?? '');
    }
  }
  reply.map(found.size);
  for (const [name, value] of found) {
    reply.text(name);
    reply.text(bytesOfSetting(value));
  }
}

function set(
  context: ServerContext,
  connection: Connection,
  args: Args,
  reply: ReplySink,
): Outcome {
  if (args.count % 2 !== 0) return reply.error('ERR syntax error');
  const changes: Change[] = [];
  for (let index = 2; index < args.count; index += 2) {
    const name = args.text(index).toLowerCase();
    const before = context.settings.redisValue(name);
    if (before === null && factsOf(context).has(name)) {
      return reply.error(failed(name, "can't set immutable config"));
    }
    if (before === null) {
      return reply.error(`ERR Unknown option or number of arguments for CONFIG SET - '${name}'`);
    }
    if (changes.some((change) => change.name === name)) {
      return reply.error(failed(name, 'duplicate parameter'));
    }
    const value = settingOfBytes(args.text(index + 1));
    if (value === null) return reply.error(failed(name, 'argument must be UTF-8'));
    changes.push({ name, before, value });
  }
  return change(context, connection, changes, args, reply);
}

const uncertainText =
  'UNCERTAIN leadership was lost after the setting was logged; it may or may not take effect';

interface Change {
  readonly name: string;
  readonly before: string;
  readonly value: string;
}

/** All or nothing (Redis 7), whoever the settings belong to. */
function change(
  context: ServerContext,
  connection: Connection,
  changes: readonly Change[],
  args: Args,
  reply: ReplySink,
): Outcome {
  const { settings, live } = context;
  for (const [at, { name, value }] of changes.entries()) {
    const error = settings.set(name, value);
    if (error === null) continue;
    takeBack(context, changes.slice(0, at));
    return reply.error(failed(name, error));
  }
  live.refresh();
  const shared = changes.find(({ name }) => settings.isClusterWide(name));
  if (shared === undefined) return reply.ok();
  if (connection.session.queued !== null) {
    takeBack(context, changes);
    return reply.error(failed(shared.name, 'all nodes share it: not inside a transaction'));
  }
  return share(context, connection, changes, args);
}

async function share(
  context: ServerContext,
  connection: Connection,
  changes: readonly Change[],
  args: Args,
): Promise<void> {
  const { settings, group } = context;
  const shared = changes.filter(({ name }) => settings.isClusterWide(name));
  // settings.set() has checked the values and given them their plain form ("1gb" is bytes now).
  const outcome = await group.changeSettings(
    shared.map(({ name }) => [name, settings.redisValue(name) ?? ''] as const),
  );
  const { reply } = connection;
  if (outcome === null) return reply.ok();
  if (outcome === 'unknown') return reply.error(uncertainText);
  takeBack(context, changes);
  reply.error(refusalText(outcome, group, { keys: noKeys }, args));
}

function takeBack(context: ServerContext, changes: readonly Change[]): void {
  for (const { name, before } of changes) context.settings.set(name, before);
  context.live.refresh();
}

function failed(name: string, error: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${error}`;
}
