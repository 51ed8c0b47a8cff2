/**
 * One seed from the formation of the cluster to the last check: faults and clients, then a phase
 * in which all is healed, or only a majority while the rest stays broken for ever, in which there
 * must be progress; then last reads, equal digests, and the histories of all keys.
 */

import type { NodeConfig } from '../../src/config.js';
import { limits } from '../../src/limits.js';
import { Settings } from '../../src/settings.js';
import { SimFailure } from './failure.js';
import { type Covered, type Fault, Nemesis } from './faults.js';
import { forbidRealTime } from './guard.js';
import { History } from './history.js';
import { Invariants } from './invariants.js';
import { LastReader } from './last-reader.js';
import { Links } from './links.js';
import { type Profile, profileOf, stream, useLimits } from './profile.js';
import { Scheduler } from './scheduler.js';
import { SimClient } from './sim-client.js';
import { SimNode } from './sim-node.js';
import { chooseSurvivors, leaveBroken } from './survivors.js';

export interface Report extends Covered {
  readonly seed: number;
  readonly trace: string;
  readonly steps: number;
  readonly elections: number;
  readonly snapshots: number;
  readonly operations: number;
  readonly packets: number;
  readonly undecided: number;
  readonly virtualMs: number;
}

export interface Variation {
  /** Faults that are left out, by number. */
  readonly without?: ReadonlySet<number>;
  readonly change?: (profile: Profile) => Profile;
}

/** Requirement 19 and 64: twenty of the longest election timeouts. */
const progressMs = 20 * 200;
/** A round trip of a link that is clogged for ever, and the disk. */
const slowAnswerMs = 80;
const agreementMs = 10_000;
const longestTtlMs = 1500;
const stepsMax = 1_000_000;
/** What the log's time is behind: stamps are heard when committed, later after a start. */
const commitsMs = 120;
const failoverMs = 300;

/** Throws what a checker found. One at a time in a process: it takes over clocks and bounds. */
export async function simulate(seed: number, variation: Variation = {}): Promise<Report> {
  const planned = profileOf(seed);
  const profile = variation.change?.(planned) ?? planned;
  const faults = profile.faults.filter(({ number }) => variation.without?.has(number) !== true);
  const restoreTime = forbidRealTime();
  const restoreLimits = useLimits(profile.limits);
  try {
    return await new Simulation(profile, faults).run();
  } finally {
    restoreLimits();
    restoreTime();
  }
}

/** The threshold has a sensible lower bound, which simulations have no use for. */
class TinySettings extends Settings {
  constructor(private readonly profile: Profile) {
    super(
      Object.entries(profile.settings).map(([name, value]) => ({ name, value, from: 'the seed' })),
    );
  }

  override number(name: string): number {
    return name === 'snapshot-threshold-bytes' ? this.profile.snapshotBytes : super.number(name);
  }
}

export class Simulation {
  readonly scheduler = new Scheduler(stepsMax);
  readonly history = new History();
  readonly nodes: SimNode[];
  readonly links: Links;
  readonly nemesis: Nemesis;
  readonly invariants: Invariants;
  private readonly clients: SimClient[];

  constructor(
    readonly profile: Profile,
    private readonly faults: readonly Fault[],
  ) {
    const { seed } = profile;
    const { scheduler } = this;
    const watch: Links['watch'] = (packet) => this.checked(() => this.invariants.watch(packet));
    this.links = new Links(scheduler, stream(seed, 1), watch, profile.codec);
    this.setWeather(profile.loss, profile.duplicate, profile.delayMaxMs);
    this.nodes = this.makeNodes();
    this.invariants = new Invariants(this.nodes, 5, 97);
    this.nemesis = new Nemesis(this.nodes, this.links, scheduler);
    this.clients = this.makeClients();
  }

  async run(): Promise<Report> {
    const { profile, scheduler, nemesis } = this;
    for (const node of this.nodes) node.start();
    nemesis.plan(this.faults);
    await scheduler.run(profile.faultsMs);
    nemesis.end();
    await this.recover();
    this.history.check();
    return this.report();
  }

  private setWeather(loss: number, duplicate: number, delayMaxMs: number): void {
    Object.assign(this.links, { loss, duplicate, delayMaxMs });
  }

  private makeNodes(): SimNode[] {
    const { voters, spares, seed, driftPpm, wildWalls, diskMs } = this.profile;
    const random = stream(seed, 2);
    return Array.from({ length: voters + spares }, (_, at) => {
      const node = new SimNode(`n${at + 1}`, {
        scheduler: this.scheduler,
        network: this.links.network,
        random: stream(seed, 100 + at),
        config: (id) => this.configOf(id),
        rate: 1 + (random(2 * driftPpm + 1) - driftPpm) / 1e6,
        diskMs,
        reaches: (from, to) => !this.links.isCut(from, to) && !this.links.isCut(to, from),
        onStep: (one) => this.checked(() => this.invariants.check(one)),
      });
      if (wildWalls) node.wallOffsetMs = (random(1000) - 500) * 10_000;
      return node;
    });
  }

  /** Inside a node: what a check throws must not be taken for a fault of the node. */
  private checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.scheduler.fail(error);
    }
  }

  private configOf(id: string): NodeConfig {
    const { voters } = this.profile;
    const first = this.nodes.slice(0, voters).map((node) => node.id);
    const joins = this.nodes.find((node) => node.id === id)!.joins;
    const others = this.nodes.flatMap((node) => (node.id === id ? [] : [`${node.id}:1`]));
    const address = (name: string, port: number) => ({ host: name, port });
    return {
      id,
      dataDir: id,
      clientListen: address(id, 2),
      peerListen: address(id, 1),
      httpListen: null,
      clientAdvertise: address(id, 2),
      peerAdvertise: address(id, 1),
      httpAdvertise: null,
      initialCluster: joins ? [] : first.map((name) => ({ id: name, peerAddress: `${name}:1` })),
      join: joins ? others : [],
      zone: null,
      location: null,
      settings: new TinySettings(this.profile),
    };
  }

  private makeClients(): SimClient[] {
    const { profile, scheduler, history, nodes } = this;
    const { seed, thinkMs, pipelineMax, patienceMs, evicting } = profile;
    return Array.from({ length: profile.clients + 1 }, (_, at) => {
      const stale = at === profile.clients && !evicting;
      return new SimClient(
        {
          scheduler,
          random: stream(seed, 200 + at),
          history,
          nodes,
          thinkMs,
          pipelineMax,
          patienceMs,
          stale,
          evicting,
          earliestExpiry: (ttlMs) => this.earliestExpiry(ttlMs),
        },
        String.fromCharCode(97 + at),
      );
    });
  }

  /**
   * A key's life may be shorter by the rates of clocks, and by what the log's time was behind: a
   * leader with a better clock makes up for that at once, and so does the first wall clock that
   * counts again after a restart of all. Where that one is wild, it may end at any time.
   */
  private earliestExpiry(ttlMs: number): number {
    const { wildWalls, calm } = this.profile;
    if (wildWalls && !calm) return 0;
    return Math.max(0, ttlMs * 0.97 - (calm ? commitsMs : commitsMs + failoverMs));
  }

  private async recover(): Promise<void> {
    const { profile, nodes, links, scheduler } = this;
    const random = stream(profile.seed, 3);
    const survivors = profile.healAll ? nodes : chooseSurvivors(nodes, random);
    this.setWeather(0, 0, 2);
    leaveBroken(nodes, survivors, links, random);
    this.keepUp(survivors);
    for (const client of this.clients) client.moveTo(survivors);
    const before = this.invariants.safety.highestCommit;
    const progress = () => {
      const ready = this.nemesis.leader?.core?.readyToServe === true;
      return ready && this.invariants.safety.highestCommit > before + 1;
    };
    await this.reach('progress', progressMs + this.catchUpMs, progress);
    for (const client of this.clients) client.stop();
    await this.readAll(survivors, false);
    if (survivors.length === nodes.length) await this.agree();
    // What is under way may still become a write, with its whole life before it.
    await scheduler.run(Math.max(scheduler.now, links.quietAt) + longestTtlMs * 1.1);
    await this.readAll(survivors, true);
  }

  /** A node may lack the whole log, and get it entry by entry over a link that answers late. */
  private get catchUpMs(): number {
    return (this.invariants.safety.highestCommit * slowAnswerMs) / limits.inflightAppendsMax;
  }

  /** Whoever watches over processes starts them again, and again. */
  private keepUp(survivors: readonly SimNode[]): void {
    for (const node of survivors) {
      node.diskFull = false;
      node.disk.memory.failAt = Number.POSITIVE_INFINITY;
      node.disk.crashAfterSteps = Number.POSITIVE_INFINITY;
      node.disk.syncFailsIn = Number.POSITIVE_INFINITY;
      node.disk.delayMs = 3;
      node.resume();
      node.start();
    }
    this.scheduler.after(100, () => this.keepUp(survivors));
  }

  private async reach(what: string, withinMs: number, reached: () => boolean): Promise<void> {
    const { scheduler } = this;
    if (await scheduler.run(scheduler.now + withinMs, reached)) return;
    throw new SimFailure('liveness', `no ${what} within ${withinMs} ms: ${this.describe()}`);
  }

  private async readAll(survivors: readonly SimNode[], expired: boolean): Promise<void> {
    const reader = new LastReader({
      scheduler: this.scheduler,
      history: this.history,
      leader: () => this.nemesis.leader,
      evicting: this.profile.evicting,
      expired,
    });
    await this.reach('answer to the last reads', progressMs + survivors.length, () => reader.done);
  }

  /** Requirement 57: all members at the same index with the same digest. */
  private async agree(): Promise<void> {
    const same = () => {
      const core = this.nemesis.leader?.core;
      if (core === undefined || core === null || !core.readyToServe) return false;
      const { members, outgoing } = core.configuration;
      const all = members.map(({ id }) => this.nodes.find((node) => node.id === id)!);
      const index = core.lastLogIndex;
      const equal = all.every((node) => node.core?.lastApplied === index);
      return equal && outgoing.length === 0;
    };
    await this.reach('agreement of all', agreementMs, same);
    for (const node of this.nodes) if (node.core !== null) this.invariants.checkDigest(node);
  }

  private describe(): string {
    return this.nodes
      .map(({ id, core, up, paused }) => {
        if (core === null) return `${id} ${up ? 'without log' : 'down'}`;
        const { role, term, commitIndex, lastLogIndex, lastApplied, configuration } = core;
        const { voters, learners } = configuration;
        return (
          `${id}${paused ? ' paused' : ''} ${role} t${term} ${lastApplied}/${commitIndex}/` +
          `${lastLogIndex} of ${voters.join('')}+${learners.join('')}`
        );
      })
      .join(', ');
  }

  private report(): Report {
    const { scheduler, invariants, history, links, nemesis, nodes } = this;
    for (const node of nodes) {
      if (node.core !== null) scheduler.traceText(invariants.checkDigest(node));
    }
    scheduler.trace(invariants.safety.highestCommit);
    return {
      seed: this.profile.seed,
      trace: scheduler.traceHash,
      steps: scheduler.steps,
      elections: invariants.elections,
      snapshots: nodes.reduce((sum, node) => sum + node.snapshots, 0),
      operations: history.operations.length,
      packets: links.packets,
      undecided: history.undecided,
      virtualMs: scheduler.now,
      ...nemesis.covered,
    };
  }
}
