/** `tgcache-node cluster ...`: a cluster on one machine. */
import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { badConfig, parseHostPort, parseSet } from '../src/config.js';
import { ClusterDir } from './cluster-dir.js';
import { collect } from './start.js';
import {
  clusterStatus,
  type Endpoint,
  isReady,
  leaderOf,
  type NodeStatus,
  table,
} from './status.js';

interface StartOptions {
  readonly nodes: number;
  readonly basePort: number;
  readonly dir: string;
  readonly detach: boolean;
  readonly config?: string;
  readonly set: string[];
}

const readyWithinMs = 30_000;
const stopWithinMs = 10_000;

export function addClusterCommands(program: Command): void {
  const cluster = program
    .command('cluster')
    .description('a cluster on this machine')
    .exitOverride();
  const dir = () => new Option('--dir <DIR>', 'where the cluster lives').default('./tgcache-data');
  cluster
    .command('start')
    .description('start or resume a cluster')
    .addOption(new Option('--nodes <N>', 'how many nodes').argParser(whole(1, 9)).default(3))
    .addOption(
      new Option('--base-port <PORT>', 'client port of n1')
        .argParser(whole(1, 55_000))
        .default(7001),
    )
    .addOption(dir())
    .option('--detach', 'return when the cluster is ready', false)
    .option('--config <FILE>', 'YAML file of settings for every node')
    .option('--set <NAME=VALUE>', 'any setting, repeatable', collect, [])
    .action(start);
  cluster
    .command('status')
    .description('show every node')
    .addOption(dir())
    .option('--connect <HOST:PORT,...>', 'ask these nodes instead')
    .option('--json', 'as JSON', false)
    .action(status);
  cluster
    .command('stop')
    .description('stop every node')
    .addOption(dir())
    .option('--wipe', 'delete the data too', false)
    .action(stop);
  cluster
    .command('restart')
    .description('stop and start every node')
    .addOption(dir())
    .option('--rolling', 'one after the other, the leader last', false)
    .action(restart);
  for (const [name, description, action] of nodeActions) {
    cluster
      .command(name)
      .description(description)
      .argument('<NODE|leader>')
      .addOption(dir())
      .action((node: string, options: { dir: string }) => onNode(node, options.dir, action));
  }
}

type NodeAction = (cluster: ClusterDir, id: string) => Promise<void>;

const nodeActions: readonly (readonly [string, string, NodeAction])[] = [
  ['kill', 'kill -9 a node', (cluster, id) => send(cluster, id, 'SIGKILL')],
  ['pause', 'stop a node in its tracks (SIGSTOP)', (cluster, id) => send(cluster, id, 'SIGSTOP')],
  ['resume', 'let a paused node go on', (cluster, id) => send(cluster, id, 'SIGCONT')],
  ['restart-node', 'stop a node if it runs, and start it', restartNode],
];

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`);
  };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function until<T>(withinMs: number, probe: () => Promise<T | null>): Promise<T | null> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== null || performance.now() > deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function start(options: StartOptions): Promise<void> {
  const cluster = new ClusterDir(path.resolve(options.dir));
  for (const text of options.set) parseSet(text);
  if (cluster.exists) say(`Resuming the cluster in ${options.dir}.`);
  const before = cluster.exists ? cluster.read() : null;
  const nodes =
    before?.nodes ??
    Array.from({ length: options.nodes }, (_, at) => ({
      id: `n${at + 1}`,
      port: options.basePort + at,
    }));
  const config = options.config === undefined ? null : path.resolve(options.config);
  cluster.write({
    nodes,
    config: config ?? before?.config ?? null,
    set: [...(before?.set ?? []), ...options.set],
  });
  for (const { id } of nodes) {
    if (cluster.pid(id) !== null) say(`${id} is running already.`);
    cluster.startNode(id);
  }
  await becomeReady(cluster);
  if (!options.detach) await supervise(cluster);
}

async function becomeReady(cluster: ClusterDir): Promise<void> {
  say('Waiting for the nodes to form a cluster ...');
  let shown = '';
  const ready = await until(readyWithinMs, async () => {
    const endpoints = cluster.endpoints();
    for (const { id, alive } of endpoints) {
      if (!alive) throw badConfig(id, `did not start: ${cluster.lastWords(id)}`);
    }
    const nodes = await clusterStatus(endpoints);
    const line = nodes.map((node) => `${node.node} ${node.role}`).join(', ');
    if (line !== shown) say(`  ${line}`);
    shown = line;
    return isReady(nodes) ? nodes : null;
  });
  if (ready === null) {
    throw badConfig(cluster.dir, `no leader within ${readyWithinMs / 1000} s; see the .log files`);
  }
  say(`\n${table(ready)}\n`);
  say(connectionHelp(ready));
}

function connectionHelp(nodes: readonly NodeStatus[]): string {
  const [first] = nodes;
  const port = first!.address.split(':').at(-1);
  const list = nodes.map((node) => node.address).join(', ');
  const leader = leaderOf(nodes)!.address;
  return [
    `redis-cli    redis-cli -c -p ${port}`,
    `ioredis      new Cluster([${nodes.map((n) => `'redis://${n.address}'`).join(', ')}])`,
    `node-redis   createCluster({ rootNodes: [{ url: 'redis://${first!.address}' }] })`,
    `leader       redis://${leader}    nodes ${list}`,
  ].join('\n');
}

/** Stays until Ctrl-C, tells of nodes that end, then stops the rest in order. */
async function supervise(cluster: ClusterDir): Promise<void> {
  say('\nReady. Ctrl-C stops the cluster.');
  const alive = new Set(cluster.endpoints().map(({ id }) => id));
  const watch = setInterval(() => {
    for (const { id, alive: runs } of cluster.endpoints()) {
      if (runs) alive.add(id);
      else if (alive.delete(id)) {
        say(`${id} has ended (${cluster.lastWords(id).slice(0, 200)})`);
        say(`  tgcache-node cluster restart-node ${id} --dir ${cluster.dir}`);
      }
    }
  }, 500);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  clearInterval(watch);
  say('\nStopping ...');
  await stopAll(cluster);
  say('Stopped.');
}

async function status(options: { dir: string; connect?: string; json: boolean }): Promise<void> {
  const nodes = await clusterStatus(endpointsOf(options));
  say(options.json ? JSON.stringify(nodes, null, 2) : table(nodes));
  if (leaderOf(nodes) === null) process.exitCode = 1;
}

function endpointsOf(options: { dir: string; connect?: string }): Endpoint[] {
  if (options.connect === undefined) return new ClusterDir(path.resolve(options.dir)).endpoints();
  return options.connect.split(',').map((value) => {
    const address = parseHostPort({ name: 'address', value, from: '--connect' });
    return { id: value, ...address, alive: null };
  });
}

async function stop(options: { dir: string; wipe: boolean }): Promise<void> {
  const cluster = new ClusterDir(path.resolve(options.dir));
  await stopAll(cluster);
  if (options.wipe) cluster.wipe();
  say(options.wipe ? 'Stopped and wiped.' : 'Stopped.');
}

/** All at once: no use in handing leadership around. */
async function stopAll(cluster: ClusterDir): Promise<void> {
  const ids = cluster.endpoints().map(({ id }) => id);
  await Promise.all(ids.map((id) => stopNode(cluster, id)));
}

async function stopNode(cluster: ClusterDir, id: string): Promise<void> {
  // A paused node hears nothing until it goes on.
  cluster.signal(id, 'SIGCONT');
  if (!cluster.signal(id, 'SIGTERM')) return;
  const gone = () => until(stopWithinMs, async () => (cluster.pid(id) === null ? true : null));
  if ((await gone()) !== null) return;
  say(`${id} does not stop: kill -9`);
  cluster.signal(id, 'SIGKILL');
  await gone();
}

async function restart(options: { dir: string; rolling: boolean }): Promise<void> {
  const cluster = new ClusterDir(path.resolve(options.dir));
  if (!options.rolling) {
    await stopAll(cluster);
    for (const { id } of cluster.endpoints()) cluster.startNode(id);
    return becomeReady(cluster);
  }
  const nodes = await clusterStatus(cluster.endpoints());
  const leader = leaderOf(nodes)?.node;
  const order = nodes
    .map(({ node }) => node)
    .sort((a, b) => Number(a === leader) - Number(b === leader));
  for (const id of order) {
    say(`Restarting ${id} ...`);
    await restartNode(cluster, id);
  }
  say(`\n${table(await clusterStatus(cluster.endpoints()))}`);
}

/** Waits until the node is caught up, so that the next one may go. */
async function restartNode(cluster: ClusterDir, id: string): Promise<void> {
  await stopNode(cluster, id);
  cluster.startNode(id);
  const back = await until(readyWithinMs, async () => {
    if (cluster.pid(id) === null) throw badConfig(id, `did not start: ${cluster.lastWords(id)}`);
    const nodes = await clusterStatus(cluster.endpoints());
    const self = nodes.find(({ node }) => node === id);
    const caughtUp = self?.leader != null && self.lag !== null && self.lag < 1000;
    return caughtUp && leaderOf(nodes) !== null ? true : null;
  });
  if (back === null) throw badConfig(id, 'did not catch up; see its .log file');
  say(`${id} is back.`);
}

async function send(cluster: ClusterDir, id: string, signal: NodeJS.Signals): Promise<void> {
  if (!cluster.signal(id, signal)) throw badConfig(id, 'is not running');
  say(`${signal} sent to ${id}.`);
}

async function onNode(node: string, dir: string, action: NodeAction): Promise<void> {
  const cluster = new ClusterDir(path.resolve(dir));
  let id = node;
  if (node === 'leader') {
    const leader = leaderOf(await clusterStatus(cluster.endpoints()));
    if (leader === null) throw badConfig('leader', 'nobody leads now');
    id = leader.node;
  }
  const known = cluster.read().nodes.some((each) => each.id === id);
  if (!known) throw badConfig(node, 'is no node of this cluster');
  await action(cluster, id);
}
