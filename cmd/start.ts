/**
 * `tgcache-node start`: one node in the foreground. Signals become an orderly stop, faults become
 * exit codes. SIGTERM and SIGINT drain and end with 0; a second one ends at once.
 */
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { type Command, Option } from 'commander';
import {
  type Given,
  type NodeConfig,
  type NodeOption,
  nodeConfig,
  nodeOptions,
} from '../src/config.js';
import { TgError } from '../src/errors.js';
import { formatHostPort, isLoopback } from '../src/host-port.js';
import { type Logger, makeLogger, pinoLevel } from '../src/log.js';
import { type RunningNode, startNode } from '../src/node/node-host.js';
import { CommandError } from './command-error.js';
import { collect, gatherSettings } from './settings-sources.js';

/** A terminal and npm may both pass on one Ctrl-C: that is one signal, not two. */
const sameSignalMs = 50;
/** Draining has bounds of its own; this one ends a node that hangs all the same. */
const stopMsMax = 30_000;
/**
 * V8 lets its heap grow by this before it marks all of it, and counts as heap the buffers that
 * objects hold. Ours is small and entries pass through it as buffers: by itself it would mark seven
 * times a second under load.
 */
const heapGrowingPercent = 100;
/** A node that is asked to stop while it starts gets this long to open and close its directory. */
const startMsMax = 5000;

const descriptions: Readonly<Record<NodeOption, readonly [value: string, text: string]>> = {
  id: ['ID', 'stable node id, never reused; 1-64 of A-Z a-z 0-9 . _ -'],
  'data-dir': ['DIR', 'where the node keeps its data; one node per directory'],
  'client-listen': ['HOST:PORT', 'port for Redis clients (default: 127.0.0.1:7001)'],
  'peer-listen': ['HOST:PORT', 'Raft port (default: client port + 10000)'],
  'http-listen': ['HOST:PORT|off', 'HTTP port (default: client port + 1000)'],
  'client-advertise': ['HOST:PORT', 'what clients are told (default: the listen address)'],
  'peer-advertise': ['HOST:PORT', 'what other nodes are told (default: the listen address)'],
  'http-advertise': ['HOST:PORT', 'what HTTP users are told (default: the listen address)'],
  'initial-cluster': ['ID=HOST:PEERPORT,...', 'all first members of a new cluster, this one too'],
  join: ['HOST:PEERPORT,...', 'join a running cluster through any of its members'],
  zone: ['NAME', 'rack, zone or region of the node'],
  location: ['LAT,LON', 'where the node stands, in degrees'],
};

export function addStartCommand(program: Command): void {
  const start = program.command('start').description('run one node in the foreground');
  for (const name of nodeOptions) {
    const [value, text] = descriptions[name];
    start.addOption(new Option(`--${name} <${value}>`, text));
  }
  start
    .option('--config <FILE>', 'YAML file of settings and of the options above')
    .option('--set <NAME=VALUE>', 'any setting; repeatable', collect, [])
    .addHelpText(
      'after',
      '\nEach option and setting can also stand in the environment (--data-dir: TGCACHE_DATA_DIR)' +
        '\nor in the file. Flags win over the environment, the environment over the file.',
    )
    .action((options: Options) => run(nodeConfig(gather(options)), configFileOf(options)));
}

type Options = Readonly<Record<string, string | readonly string[] | undefined>>;

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Strongest first; of one setting given twice the later one counts. */
function gather(options: Options): Given[] {
  const given: Given[] = [];
  for (const name of nodeOptions) {
    const value = options[camelCase(name)];
    if (typeof value === 'string') given.push({ name, value, from: `--${name}` });
  }
  const { set, config } = options;
  const file = typeof config === 'string' ? config : null;
  return [...given, ...gatherSettings(Array.isArray(set) ? set : [], file)];
}

/** Absolute, as it is rewritten later. */
function configFileOf({ config }: Options): string | null {
  return typeof config === 'string' ? path.resolve(config) : null;
}

async function run(config: NodeConfig, configFile: string | null): Promise<void> {
  const logger = makeLogger(config.settings.get('loglevel'), config.id);
  config.settings.onChange('loglevel', (value) => {
    logger.level = pinoLevel(value);
  });
  logger.info({ settings: config.settings.describe() }, 'effective settings');
  warnWhenOpen(config, logger);
  endOnBugs(config, logger);
  try {
    await serve(config, logger, configFile);
  } catch (error) {
    const shown = error instanceof TgError ? faultOf(error, config) : error;
    if (shown instanceof CommandError && shown.exitCode === 3) logger.fatal({ err: error });
    throw shown;
  }
  logger.info('stopped');
}

/** Until it is asked to stop. Rejects with what made it unsafe to go on. */
async function serve(config: NodeConfig, logger: Logger, configFile: string | null): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
  const stop = new StopRequest(logger);
  const starting = startNode(config, {
    logger,
    configFile,
    onShutdownCommand: () => stop.ask('SHUTDOWN'),
  });
  const node = await Promise.race([starting, stop.promise]);
  if (node === undefined) return stopWhileStarting(starting);
  const fault = await Promise.race([node.failed, stop.promise]);
  // Who was removed can still answer what is in flight.
  if (fault === undefined || fault.code === 'REMOVED') await stopInTime(node);
  if (fault !== undefined) throw fault;
}

function warnWhenOpen({ settings, clientListen, peerListen, httpListen }: NodeConfig, log: Logger) {
  const isPlain = settings.get('requirepass') === '';
  const tell = (address: typeof httpListen, applies: boolean, what: string) => {
    if (address === null || isLoopback(address.host) || !applies) return;
    log.warn(`${formatHostPort(address)} ${what}`);
  };
  const isProtected = settings.get('protected-mode') === 'yes';
  const open = 'is open to other machines without a password';
  const closed = 'refuses clients of other machines until the default user has a password';
  tell(clientListen, isPlain, isProtected ? closed : open);
  tell(peerListen, settings.get('cluster-secret') === '', 'takes peers without a cluster-secret');
  tell(httpListen, isPlain, open);
}

/** Turns the first signal (or SHUTDOWN) into a promise and the second into the end. */
class StopRequest {
  readonly promise: Promise<undefined>;
  private resolve: () => void = () => {};
  private askedAt = Number.NaN;

  constructor(private readonly logger: Logger) {
    this.promise = new Promise((resolve) => {
      this.resolve = () => resolve(undefined);
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => this.ask(signal));
    }
  }

  ask(why: string): void {
    const sinceFirstMs = performance.now() - this.askedAt;
    if (sinceFirstMs > sameSignalMs) process.exit(0);
    if (!Number.isNaN(sinceFirstMs)) return;
    this.askedAt = performance.now();
    this.logger.info(`${why}: draining, then stopping; a second signal stops at once`);
    this.resolve();
  }
}

/** What nobody catches left the node in a state that nobody knows: it may not go on. */
function endOnBugs(config: NodeConfig, logger: Logger): void {
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught error');
    const fault = error instanceof TgError ? error : new TgError('INVARIANT', error.message);
    process.stderr.write(`tgcache-node: ${faultOf(fault, config).message}\n`);
    process.exit(3);
  });
}

async function stopWhileStarting(starting: Promise<RunningNode>): Promise<void> {
  const node = await Promise.race([starting, afterMs(startMsMax)]);
  if (node !== undefined) await stopInTime(node);
}

async function stopInTime(node: RunningNode): Promise<void> {
  const late = new CommandError(`could not stop in ${stopMsMax / 1000} s; ended anyway`);
  const outcome = await Promise.race([node.stop().then(() => null), afterMs(stopMsMax)]);
  if (outcome === undefined) throw late;
}

function afterMs(delayMs: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), delayMs).unref();
  });
}

/** One line that says what happened and what to do. */
function faultOf(error: TgError, { id, dataDir }: NodeConfig): CommandError {
  const say = (what: string) =>
    new CommandError(`node ${id} stops: ${oneLine(error.message)}. ${what}`, 3, { cause: error });
  switch (error.code) {
    case 'CORRUPT':
      return say(
        `Check the disk; then delete ${dataDir} and start again while a majority of the ` +
          'others runs: the node comes back with all data as a learner.',
      );
    case 'STORAGE_FAILED':
      return say(`Check free space and the disk of ${dataDir}, then start the node again.`);
    case 'UNKNOWN_FORMAT':
      return say('Another version wrote this: start that version on this node.');
    case 'INVARIANT':
      return say(`This is a bug: keep the log and ${dataDir} for the report, then start it again.`);
    case 'REMOVED':
      return new CommandError(
        `node ${id} stops: ${oneLine(error.message)}. To take it in again, delete ${dataDir} and ` +
          "start it with --join, or run 'tgcache-node member add' and start it as it is.",
      );
    case 'DIRECTORY_LOCKED':
      return new CommandError(`${oneLine(error.message)}: one node per directory`);
    default:
      return new CommandError(oneLine(error.message), 2);
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(/\.$/, '');
}
