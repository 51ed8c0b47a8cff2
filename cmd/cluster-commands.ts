/** `tgcache-node cluster ...`: a cluster on this machine. */
import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { formatHostPort } from '../src/host-port.js';
import { type NodePlace, readClusterFile } from './cluster-file.js';
import { type StartOptions, startCluster } from './cluster-start.js';
import { CommandError } from './command-error.js';
import { LocalCluster } from './local-cluster.js';
import { processState, signalNode } from './node-process.js';
import { clientPassword, collect, parseConnect } from './settings-sources.js';
import { clusterStatus, leaderOf, membersOf, type NodeStatus } from './status.js';
import { statusTable } from './status-table.js';

interface DirOption {
  readonly dir: string;
}

export function addClusterCommands(program: Command): void {
  const cluster = program.command('cluster').description('a cluster of nodes on this machine');
  addStart(cluster);
  withDir(cluster.command('status').description('show each node; exit code 1 without a leader'))
    .option('--connect <HOST:PORT,...>', 'ask these nodes and those that they know')
    .option('--json', 'as JSON')
    .action(showStatus);
  withDir(cluster.command('stop').description('stop all nodes'))
    .option('--wipe', 'then delete the cluster and its data')
    .action(stop);
  withDir(cluster.command('restart').description('stop and start all nodes'))
    .option('--rolling', 'one after another, the leader last, without an outage')
    .action(restart);
  addNodeCommand(cluster, 'kill', 'kill a node at once (SIGKILL)', killNode);
  addNodeCommand(cluster, 'pause', 'freeze a node (SIGSTOP)', pauseNode);
  addNodeCommand(cluster, 'resume', 'let a frozen node go on (SIGCONT)', resumeNode);
  addNodeCommand(cluster, 'restart-node', 'start a node, stopping it first', restartNode);
}

function withDir(command: Command): Command {
  return command.option('--dir <DIR>', 'where the cluster lives', './tgcache-data');
}

function addStart(cluster: Command): void {
  withDir(cluster.command('start').description('start a cluster, or resume the one in DIR'))
    .option('--nodes <N>', 'how many nodes (default: 3)', whole(1, 64))
    .option('--base-port <PORT>', 'client port of the first node (default: 7001)', whole(1, 65535))
    .option('--detach', 'return as soon as the cluster is ready', false)
    .option('--config <FILE>', 'YAML file of settings for all nodes')
    .option('--set <NAME=VALUE>', 'a setting for all nodes; repeatable', collect, [])
    .action((options: StartOptions) => startCluster(options));
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

type NodeAction = (cluster: LocalCluster, place: NodePlace) => Promise<void> | void;

function addNodeCommand(cluster: Command, name: string, text: string, run: NodeAction): void {
  withDir(
    cluster.command(name).description(text).argument('<NODE>', 'n1, n2, ... or leader'),
  ).action(async (node: string, { dir }: DirOption) => {
    const opened = LocalCluster.open(path.resolve(dir));
    await run(opened, await opened.find(node));
  });
}

function mustSignal(place: NodePlace, signal: NodeJS.Signals): void {
  if (signalNode(place, signal)) return;
  throw new CommandError(`${place.id} is not running`);
}

async function killNode(cluster: LocalCluster, place: NodePlace): Promise<void> {
  mustSignal(place, 'SIGKILL');
  await cluster.killNode(place);
  cluster.say(`${place.id} was killed; 'cluster restart-node ${place.id}' brings it back`);
}

function pauseNode(cluster: LocalCluster, place: NodePlace): void {
  mustSignal(place, 'SIGSTOP');
  cluster.say(`${place.id} is paused; 'cluster resume ${place.id}' lets it go on`);
}

function resumeNode(cluster: LocalCluster, place: NodePlace): void {
  mustSignal(place, 'SIGCONT');
  cluster.say(`${place.id} goes on`);
}

async function restartNode(cluster: LocalCluster, place: NodePlace): Promise<void> {
  await cluster.stopNode(place);
  cluster.startNode(place);
  await cluster.becomeCaughtUp(place);
}

async function stop({ dir, wipe }: DirOption & { wipe?: true }): Promise<void> {
  const cluster = LocalCluster.open(path.resolve(dir));
  if (cluster.running().length === 0) cluster.say('No node is running.');
  cluster.markState('stopped');
  await cluster.stopAll();
  if (wipe) cluster.wipe();
  cluster.say(wipe ? 'Stopped, and all data deleted.' : 'Stopped; the data stays.');
}

async function restart({ dir, rolling }: DirOption & { rolling?: true }): Promise<void> {
  const cluster = LocalCluster.open(path.resolve(dir));
  if (rolling) await restartRolling(cluster);
  else await restartAll(cluster);
  cluster.say(`\n${statusTable(await cluster.status())}`);
}

async function restartAll(cluster: LocalCluster): Promise<void> {
  cluster.markState('running');
  await cluster.stopAll();
  for (const place of cluster.places) cluster.startNode(place);
  await cluster.becomeReady();
}

/** Never two nodes at once: all must run and have caught up before the next one goes. */
async function restartRolling(cluster: LocalCluster): Promise<void> {
  const missing = cluster.places.filter((place) => processState(place) !== 'running');
  if (missing.length > 0) {
    const names = missing.map(({ id }) => id).join(', ');
    throw new CommandError(`not all nodes run (${names}): bring them back with restart-node first`);
  }
  const leader = leaderOf(await cluster.allReady())?.node;
  const followers = cluster.places.filter(({ id }) => id !== leader);
  const last = cluster.places.filter(({ id }) => id === leader);
  for (const place of [...followers, ...last]) {
    await restartNode(cluster, place);
    await cluster.allReady();
  }
}

interface StatusOptions extends DirOption {
  readonly connect?: string;
  readonly json?: true;
}

async function showStatus(options: StatusOptions): Promise<void> {
  const nodes = await statusFor(options);
  const leader = leaderOf(nodes)?.node ?? null;
  const text = options.json ? JSON.stringify({ leader, nodes }, null, 2) : statusTable(nodes);
  process.stdout.write(`${text}\n`);
  if (leader === null) throw new CommandError('no node leads now');
}

function statusFor(options: StatusOptions): Promise<NodeStatus[]> {
  if (options.connect !== undefined) return statusBy(options.connect);
  const dir = path.resolve(options.dir);
  if (readClusterFile(dir) === null) {
    throw new CommandError(`${dir} holds no cluster: give --dir, or --connect HOST:PORT`);
  }
  return LocalCluster.open(dir).status();
}

/** The given nodes, and the other members that the first of them to answer knows. */
async function statusBy(connect: string): Promise<NodeStatus[]> {
  const given = parseConnect(connect);
  const password = clientPassword();
  const known = await Promise.all(given.map((address) => membersOf(address, password)));
  const all = [...given, ...known.flat()].map((address) => [formatHostPort(address), address]);
  const endpoints = [...new Map(all as [string, (typeof given)[number]][])].map(
    ([id, address]) => ({ id, address, process: null }),
  );
  return clusterStatus(endpoints, password);
}
