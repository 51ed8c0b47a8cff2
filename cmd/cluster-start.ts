/**
 * `tgcache-node cluster start`: makes or resumes a cluster in a directory, waits until it serves,
 * and watches over it until Ctrl-C. Nodes outlive this process when it is killed.
 */
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { httpPortOffset, peerPortOffset, Settings } from '../src/config.js';
import { formatHostPort, type HostPort } from '../src/host-port.js';
import { isKnownName } from '../src/settings.js';
import { type ClusterFile, readClusterFile } from './cluster-file.js';
import { CommandError } from './command-error.js';
import { clusterHints, connectionHelp } from './connection-help.js';
import { type ClusterOptions, LocalCluster } from './local-cluster.js';
import { gatherSettings } from './settings-sources.js';
import { statusTable } from './status-table.js';
import { Watch } from './watch.js';

export interface StartOptions {
  /** Undefined where the flag was not given. */
  readonly nodes: number | undefined;
  readonly basePort: number | undefined;
  readonly dir: string;
  readonly detach: boolean;
  readonly config: string | undefined;
  readonly set: readonly string[];
}

const defaultNodes = 3;
const defaultBasePort = 7001;
const watchEveryMs = 500;
/** npm and the terminal both pass on one Ctrl-C. */
const sameSignalMs = 500;

export async function startCluster(
  options: StartOptions,
  clusterOptions: ClusterOptions = {},
): Promise<void> {
  const dir = path.resolve(options.dir);
  const before = readClusterFile(dir);
  const file = before === null ? newCluster(options) : resumed(before, options);
  // All values are checked before the first node starts.
  new Settings(gatherSettings(file.set, file.config).filter(({ name }) => isKnownName(name)));
  const cluster = new LocalCluster(dir, file, clusterOptions);
  refuseWhenRunning(cluster);
  await refuseUsedPorts(cluster);
  cluster.markState('running');
  const nodes = file.nodes === 1 ? '1 node' : `${file.nodes} nodes`;
  cluster.say(`${before === null ? 'Starting' : 'Resuming'} a cluster of ${nodes} in ${dir}`);
  const interrupt = new Interrupt();
  const watch = new Watch(cluster);
  for (const place of cluster.places) watch.owns(place, cluster.startNode(place));
  await becomeReady(cluster, interrupt);
  if (!options.detach) await supervise(cluster, watch, interrupt);
}

function newCluster(options: StartOptions): ClusterFile {
  const { nodes = defaultNodes, basePort = defaultBasePort } = options;
  const highest = basePort + nodes - 1 + peerPortOffset;
  if (highest > 65535) {
    throw new CommandError(`--base-port ${basePort}: peer ports would go up to ${highest}`, 2);
  }
  const config = options.config === undefined ? null : path.resolve(options.config);
  return { version: 1, nodes, basePort, set: [...options.set], config, state: 'running' };
}

/** The members and addresses of a cluster are in its log; settings may be given anew. */
function resumed(before: ClusterFile, options: StartOptions): ClusterFile {
  const { nodes = before.nodes, basePort = before.basePort, dir } = options;
  if (nodes !== before.nodes || basePort !== before.basePort) {
    throw new CommandError(
      `${dir} holds a cluster of ${before.nodes} at base port ${before.basePort}: start it ` +
        'without --nodes and --base-port, or choose another --dir',
      2,
    );
  }
  const set = options.set.length > 0 ? [...options.set] : before.set;
  const config = options.config === undefined ? before.config : path.resolve(options.config);
  return { ...before, set, config };
}

function refuseWhenRunning(cluster: LocalCluster): void {
  const running = cluster.running().map(({ id }) => id);
  if (running.length === 0) return;
  const all = running.length === cluster.places.length;
  throw new CommandError(
    `the cluster in ${cluster.dir} is already running (${running.join(', ')}); ` +
      (all ? "'cluster status' shows it" : "'cluster restart-node' brings the others back"),
  );
}

async function refuseUsedPorts(cluster: LocalCluster): Promise<void> {
  for (const place of cluster.places) {
    const ports = { client: place.client, peer: place.peer, http: place.http };
    for (const [kind, address] of Object.entries(ports)) {
      if (!(await isUsed(address))) continue;
      throw new CommandError(
        `${formatHostPort(address)} (${kind} port of ${place.id}) is in use: stop what listens ` +
          `there, or choose another --base-port (peer ports are ${peerPortOffset} above, ` +
          `HTTP ports ${httpPortOffset})`,
      );
    }
  }
}

function isUsed({ host, port }: HostPort): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(true);
      else reject(error);
    });
    server.listen(port, host, () => server.close(() => resolve(false)));
  });
}

async function becomeReady(cluster: LocalCluster, interrupt: Interrupt): Promise<void> {
  const startedAt = performance.now();
  try {
    const nodes = await cluster.becomeReady(() => interrupt.asked);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    cluster.say(`Ready after ${seconds} s\n\n${statusTable(nodes)}\n\n${connectionHelp(cluster)}`);
  } catch (error) {
    cluster.markState('stopped');
    await cluster.stopAll();
    throw error;
  }
}

async function supervise(cluster: LocalCluster, watch: Watch, interrupt: Interrupt): Promise<void> {
  cluster.say(`\n${clusterHints(cluster)}\n\nCtrl-C stops the cluster.`);
  watch.start(await cluster.status());
  while (!interrupt.asked) {
    if (watch.wasStopped()) return cluster.say('The cluster was stopped.');
    watch.look(await cluster.status());
    await Promise.race([sleep(watchEveryMs), interrupt.promise]);
  }
  cluster.say('\nStopping the nodes; Ctrl-C again kills them');
  interrupt.onSecond(() => void cluster.killAll());
  cluster.markState('stopped');
  await cluster.stopAll();
  cluster.say('Stopped. The data stays; the same command resumes the cluster.');
}

/** Ctrl-C or SIGTERM: the first is a wish, the second an order. */
class Interrupt {
  readonly promise: Promise<void>;
  private askedAt: number | null = null;
  private second: () => void = () => {};

  constructor() {
    let resolve: () => void = () => {};
    this.promise = new Promise((done) => {
      resolve = done;
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => this.ask(resolve));
  }

  get asked(): boolean {
    return this.askedAt !== null;
  }

  onSecond(run: () => void): void {
    this.second = run;
  }

  private ask(resolve: () => void): void {
    const now = performance.now();
    if (this.askedAt === null) {
      this.askedAt = now;
      resolve();
    } else if (now - this.askedAt > sameSignalMs) this.second();
  }
}
