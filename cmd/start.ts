/** `tgcache-node start`: one node in the foreground. */
import { type Command, Option } from 'commander';
import {
  type Given,
  nodeConfig,
  nodeOptions,
  parseSet,
  readConfigFile,
  readEnvironment,
} from '../src/config.js';
import { makeLogger } from '../src/log.js';
import { startNode } from '../src/node/node-host.js';

const descriptions: Readonly<Record<(typeof nodeOptions)[number], [string, string]>> = {
  id: ['ID', 'stable node id, never reused'],
  'data-dir': ['DIR', 'one node per directory'],
  'client-listen': ['HOST:PORT', 'RESP port (default 127.0.0.1:7001)'],
  'peer-listen': ['HOST:PORT', 'Raft port (default client port + 10000)'],
  'http-listen': ['HOST:PORT|off', 'HTTP port (default client port + 1000)'],
  'client-advertise': ['HOST:PORT', 'what clients are told'],
  'peer-advertise': ['HOST:PORT', 'what peers are told'],
  'http-advertise': ['HOST:PORT', 'what others are told'],
  'initial-cluster': ['ID=HOST:PEERPORT,...', 'first members of a new cluster'],
  join: ['HOST:PEERPORT,...', 'members of a running cluster to join'],
  zone: ['NAME', 'where the node stands'],
  location: ['LAT,LON', 'where the node stands'],
};

export function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

export function addStartCommand(program: Command): void {
  const start = program.command('start').description('run one node').exitOverride();
  for (const name of nodeOptions) {
    const [value, text] = descriptions[name];
    start.addOption(new Option(`--${name} <${value}>`, text));
  }
  start
    .option('--config <FILE>', 'YAML file of names and values')
    .option('--set <NAME=VALUE>', 'any setting, repeatable', collect, [])
    .action((options: Record<string, string | string[]>) => run(options));
}

function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Strongest first: flags, environment, file. */
function gather(options: Record<string, string | string[]>): Given[] {
  const given: Given[] = [];
  for (const name of nodeOptions) {
    const value = options[camel(name)];
    if (typeof value === 'string') given.push({ name, value, from: `--${name}` });
  }
  given.push(...(options.set as string[]).map(parseSet).reverse());
  given.push(...readEnvironment(process.env));
  if (typeof options.config === 'string') given.push(...readConfigFile(options.config));
  return given;
}

async function run(options: Record<string, string | string[]>): Promise<void> {
  const config = nodeConfig(gather(options));
  const logger = makeLogger(config.settings.get('loglevel'), config.id);
  if (config.join.length > 0) logger.warn('--join waits for a leader to take this node in');
  let stop: () => void = () => {};
  const stopAsked = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const node = await startNode(config, { logger, onShutdownCommand: () => stop() });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'stops');
      stop();
      // A second signal ends at once.
      process.once(signal, () => process.exit(0));
    });
  }
  const failure = await Promise.race([stopAsked, node.failed]);
  if (failure !== undefined) throw failure;
  await node.stop();
  process.exit(0);
}
