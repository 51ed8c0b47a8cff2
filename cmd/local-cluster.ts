/**
 * A cluster on this machine as its directory describes it: the nodes' places, their processes,
 * and what they say. The commands of `tgcache-node cluster` are built from these steps.
 */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Settings } from '../src/config.js';
import {
  type ClusterFile,
  clusterFileIn,
  clusterIn,
  type NodePlace,
  nodePlaces,
  writeClusterFile,
} from './cluster-file.js';
import { CommandError } from './command-error.js';
import {
  forgetNode,
  lastLogLine,
  ownScript,
  pidOf,
  processState,
  signalNode,
  spawnNode,
  waitForEnd,
} from './node-process.js';
import { gatherSettings } from './settings-sources.js';
import { clusterStatus, isCaughtUp, isReady, leaderOf, type NodeStatus } from './status.js';

/** A node that does not end in this time after SIGTERM is killed. */
const stopMsMax = 20_000;
/** Forming a cluster, or catching up after a restart. */
const readyMsMax = 60_000;
const lookEveryMs = 50;

export interface ClusterOptions {
  /** The program that nodes run; this one unless a test puts another in its place. */
  readonly script?: string;
  readonly say?: (line: string) => void;
}

export class LocalCluster {
  readonly places: readonly NodePlace[];
  readonly say: (line: string) => void;
  private readonly script: string;
  private password: string | null = null;

  constructor(
    readonly dir: string,
    private readonly file: ClusterFile,
    options: ClusterOptions = {},
  ) {
    this.places = nodePlaces(dir, file);
    this.say = options.say ?? ((line) => process.stdout.write(`${line}\n`));
    this.script = options.script ?? ownScript;
  }

  static open(dir: string, options: ClusterOptions = {}): LocalCluster {
    return new LocalCluster(dir, clusterIn(dir), options);
  }

  /** Why a node stops is written down first, for a supervisor that watches. */
  markState(state: ClusterFile['state']): void {
    writeClusterFile(this.dir, { ...this.file, state });
  }

  /** Nodes can be stopped and killed even when the file of their settings is gone. */
  private passwordForNodes(): string {
    try {
      const given = gatherSettings(this.file.set, this.file.config);
      return new Settings(given.filter(({ name }) => name === 'requirepass')).get('requirepass');
    } catch (error) {
      this.say(`without the password of the nodes: ${(error as Error).message}`);
      return '';
    }
  }

  status(): Promise<NodeStatus[]> {
    this.password ??= this.passwordForNodes();
    const endpoints = this.places.map((place) => ({
      id: place.id,
      address: place.client,
      process: processState(place),
    }));
    return clusterStatus(endpoints, this.password);
  }

  running(): readonly NodePlace[] {
    return this.places.filter((place) => pidOf(place) !== null);
  }

  /** The node of that name, or the one that leads now. */
  async find(name: string): Promise<NodePlace> {
    const id = name === 'leader' ? await this.leaderId() : name;
    const place = this.places.find((candidate) => candidate.id === id);
    if (place !== undefined) return place;
    const known = this.places.map((candidate) => candidate.id).join(', ');
    throw new CommandError(`there is no node '${name}': say leader or one of ${known}`, 2);
  }

  private async leaderId(): Promise<string> {
    const leader = leaderOf(await this.status());
    if (leader === null) throw new CommandError('no node leads now: name a node, or try again');
    return leader.node;
  }

  startNode(place: NodePlace): ChildProcess {
    const child = spawnNode(place, this.places, this.file, this.script);
    this.say(`  ${place.id} started (pid ${child.pid}), data in ${place.dataDir}`);
    return child;
  }

  /** SIGTERM, and SIGKILL when that does not help in time. */
  async stopNode(place: NodePlace): Promise<void> {
    if (signalNode(place, 'SIGTERM')) {
      // A paused node hears the signal when it goes on.
      signalNode(place, 'SIGCONT');
      if (!(await waitForEnd(place, stopMsMax))) {
        this.say(`  ${place.id} does not stop: killing it`);
        await this.killNode(place);
      } else this.say(`  ${place.id} stopped`);
    }
    forgetNode(place);
  }

  async killNode(place: NodePlace): Promise<void> {
    signalNode(place, 'SIGKILL');
    await waitForEnd(place, stopMsMax);
  }

  /** The leader first, while a majority can still answer what is in flight there; then in order. */
  async stopAll(): Promise<void> {
    const leader = leaderOf(await this.status())?.node;
    const first = this.places.filter(({ id }) => id === leader);
    for (const place of [...first, ...this.places.filter(({ id }) => id !== leader)]) {
      await this.stopNode(place);
    }
  }

  async killAll(): Promise<void> {
    await Promise.all(this.places.map((place) => this.killNode(place)));
  }

  /** Deletes what belongs to the cluster, and the directory when nothing else is in it. */
  wipe(): void {
    for (const place of this.places) {
      rmSync(place.dataDir, { recursive: true, force: true });
      forgetNode(place);
    }
    rmSync(clusterFileIn(this.dir), { force: true });
    if (readdirSync(this.dir).length === 0) rmdirSync(this.dir);
  }

  /** Until all nodes follow one leader, telling what is new. Rejects when one ends. */
  becomeReady(cancelled: () => boolean = () => false): Promise<NodeStatus[]> {
    const progress = new Progress(this.say);
    return this.allReady((nodes) => {
      if (cancelled()) throw new CommandError('interrupted before the cluster was ready');
      progress.show(nodes);
    });
  }

  /** As becomeReady, without a word. */
  allReady(look: (nodes: readonly NodeStatus[]) => void = () => {}): Promise<NodeStatus[]> {
    return this.until(isReady, 'the cluster is not ready', (nodes) => {
      look(nodes);
      for (const place of this.places) this.mustRun(place);
    });
  }

  async becomeCaughtUp(place: NodePlace): Promise<void> {
    const caughtUp = (nodes: readonly NodeStatus[]) => {
      const leader = leaderOf(nodes);
      const self = nodes.find(({ node }) => node === place.id);
      return leader !== null && self !== undefined && isCaughtUp(self, leader);
    };
    await this.until(caughtUp, `${place.id} has not caught up`, () => this.mustRun(place));
    this.say(`  ${place.id} has caught up`);
  }

  private mustRun(place: NodePlace): void {
    if (pidOf(place) !== null) return;
    throw new CommandError(
      `${place.id} has ended: ${lastLogLine(place) || 'it wrote nothing'} (${place.logFile})`,
    );
  }

  private async until(
    condition: (nodes: readonly NodeStatus[]) => boolean,
    otherwise: string,
    look: (nodes: readonly NodeStatus[]) => void,
  ): Promise<NodeStatus[]> {
    const deadline = performance.now() + readyMsMax;
    for (;;) {
      const nodes = await this.status();
      look(nodes);
      if (condition(nodes)) return nodes;
      if (performance.now() > deadline) {
        const logs = this.places.map(({ logFile }) => logFile).join(', ');
        throw new CommandError(`${otherwise} after ${readyMsMax / 1000} s; see ${logs}`);
      }
      await sleep(lookEveryMs);
    }
  }
}

/** Says what is new since the last look, a line each. */
class Progress {
  private readonly told = new Set<string>();

  constructor(private readonly say: (line: string) => void) {}

  show(nodes: readonly NodeStatus[]): void {
    for (const node of nodes) {
      if (node.term !== null) this.tell(`  ${node.node} answers at ${node.address}`);
    }
    const leader = leaderOf(nodes);
    if (leader !== null) this.tell(`  ${leader.node} leads in term ${leader.term}`);
  }

  private tell(line: string): void {
    if (this.told.has(line)) return;
    this.told.add(line);
    this.say(line);
  }
}
