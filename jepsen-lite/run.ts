/**
 * A run: clusters one after the other, on each of them a control and then phases, until the time
 * is over. What is found is kept: the history, and the logs and data of the nodes.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Prng } from '../src/statemachine/prng.js';
import { holdMs, type Kind, kindsFor } from './catalog.js';
import type { Report } from './check.js';
import { powerLossControl, staleReadControl } from './control.js';
import { judge } from './judge.js';
import { churn, membersMax } from './membership-nemeses.js';
import { type Harm, type Nemesis, shuffled } from './nemesis.js';
import { runPhase } from './phase.js';
import { pictureOf } from './picture.js';
import type { Recorder } from './recorder.js';
import { type PhaseSummary, phaseLine, summary } from './report.js';
import { type Network, type Rig, startRig } from './rig.js';

export interface RunOptions {
  /** Cluster sizes, taken in turn. */
  readonly nodes: readonly number[];
  readonly minutes: number;
  readonly workloads: readonly string[];
  readonly nemeses: readonly Nemesis[];
  /** Taken in turn. */
  readonly networks: readonly Network[];
  readonly seed: number;
  /** False: how long things took is told and not judged, for machines that do other work too. */
  readonly judgesTimes: boolean;
  /** Keeps every history. Null: a temporary directory, deleted when nothing was found. */
  readonly dir: string | null;
  readonly say: (line: string) => void;
}

export interface RunReport {
  readonly phases: readonly PhaseSummary[];
  /** Nemeses to the reason why they could not be done. */
  readonly skipped: ReadonlyMap<string, string>;
  readonly notReached: readonly string[];
  readonly controls: number;
  /** Controls that were judged fine: nothing else in this run counts. */
  readonly deafControls: number;
  /** Clusters that did not start, or did not come back to take the next phase. */
  readonly broken: number;
}

const electionTimeoutMs = 1000;
const phasesPerCluster = 8;
/** A control in which no write or no read came through says nothing. */
const controlTriesMax = 5;
/** Where so many clusters break there is nothing to learn from the next. */
const brokenMax = 5;

/** 0: nothing was found; 1: a violation, or a control that was judged fine; 2: undecided. */
export function exitCodeOf({ phases, deafControls, broken }: RunReport): 0 | 1 | 2 {
  if (deafControls + broken > 0 || phases.some(({ isFine }) => !isFine)) return 1;
  return phases.some(({ undecided }) => undecided) ? 2 : 0;
}

export class Run {
  private readonly random = new Prng();
  private readonly dir: string;
  private readonly kinds: readonly Kind[];
  private readonly phases: PhaseSummary[] = [];
  private readonly skipped = new Map<string, string>();
  private readonly reached = new Set<string>();
  private readonly untilMs: number;
  private queue: Nemesis[] = [];
  private controls = 0;
  private deafControls = 0;
  private broken = 0;

  constructor(private readonly options: RunOptions) {
    this.random.seed(options.seed);
    this.dir = options.dir ?? mkdtempSync(path.join(tmpdir(), 'jepsen-lite-'));
    mkdirSync(this.dir, { recursive: true });
    this.kinds = kindsFor(options.workloads);
    this.untilMs = performance.now() + options.minutes * 60_000;
  }

  async execute(): Promise<RunReport> {
    const { say, nodes, seed } = this.options;
    say(`jepsen-lite: seed ${seed}, ${this.options.minutes} minutes, histories in ${this.dir}`);
    await this.powerControl();
    for (let round = 0; round === 0 || !this.isOver; round++) {
      const kind = this.kinds[round % this.kinds.length]!;
      const turn = Math.floor(round / this.kinds.length);
      await this.round(round, kind, nodes[turn % nodes.length]!).catch((error: Error) => {
        this.broken++;
        say(`VIOLATION a cluster broke: ${error.message}`);
        if (this.broken >= brokenMax) throw error;
      });
    }
    const report = this.report();
    for (const line of summary(report)) say(line);
    if (this.options.dir === null && exitCodeOf(report) !== 1)
      rmSync(this.dir, { recursive: true, force: true });
    else say(`kept: ${this.dir}`);
    return report;
  }

  private get isOver(): boolean {
    return performance.now() > this.untilMs;
  }

  private report(): RunReport {
    const { phases, skipped, controls, deafControls, broken } = this;
    const names = this.options.nemeses.map(({ name }) => name);
    const notReached = names.filter((name) => !this.reached.has(name) && !skipped.has(name));
    return { phases, skipped, notReached, controls, deafControls, broken };
  }

  private async round(round: number, kind: Kind, nodes: number): Promise<void> {
    const dir = path.join(this.dir, `round-${round}`);
    // Half of the clusters take snapshots all the time.
    const settings = (round >> 1) % 2 === 0 ? [] : ['snapshot-threshold-bytes=64kb'];
    const set = [...kind.settings, ...settings];
    const disks = this.options.nemeses.some(({ name }) => /disk|power/.test(name));
    const { networks } = this.options;
    const network = networks[round % networks.length] ?? 'relays';
    const spares = this.options.nemeses.includes(churn) ? membersMax - nodes : 0;
    const rig = await startRig({
      ...{ dir, nodes, spares, set, network, disks, holdMs },
      random: this.random,
    });
    if (rig.noNamespaces !== null) this.options.say(`no namespaces: ${rig.noNamespaces}`);
    if (rig.noDisks !== null) this.skipWithoutDisks(rig.noDisks);
    let isFine = false;
    try {
      isFine = await this.phasesOn(rig, kind, round);
    } finally {
      await rig.stop(isFine);
    }
  }

  private async phasesOn(rig: Rig, kind: Kind, round: number): Promise<boolean> {
    if (kind.name === 'redirect' && !(await this.control(rig.harm))) return false;
    for (let phase = 0; phase < phasesPerCluster && (phase === 0 || !this.isOver); phase++) {
      const nemesis = this.next(rig.harm);
      if (nemesis === null) break;
      // What went wrong once would go wrong again, and bury its traces.
      if (!(await this.phase(`${round}.${phase}`, nemesis, kind, rig))) return false;
    }
    return true;
  }

  private skipWithoutDisks(reason: string): void {
    for (const { name } of this.options.nemeses) {
      if (/disk|power/.test(name) && !this.skipped.has(name)) {
        this.skipped.set(name, reason);
        this.options.say(`${name}: skipped, ${reason}`);
      }
    }
  }

  /** In an order by the seed, each once before any comes again. */
  private next(harm: Harm): Nemesis | null {
    for (let tries = 0; tries <= this.options.nemeses.length; tries++) {
      if (this.queue.length === 0) this.queue = shuffled(this.options.nemeses, this.random);
      const nemesis = this.queue.shift();
      if (nemesis === undefined) return null;
      const reason = nemesis.impossible?.(harm) ?? null;
      if (reason === null) return nemesis;
      if (!this.reached.has(nemesis.name) && !this.skipped.has(nemesis.name)) {
        this.skipped.set(nemesis.name, reason);
      }
    }
    return null;
  }

  private async phase(name: string, nemesis: Nemesis, kind: Kind, rig: Rig): Promise<boolean> {
    const { harm, network } = rig;
    const { workloads, forward } = kind;
    const { judgesTimes } = this.options;
    const what = { nemesis, workloads, harm, name, forward };
    const result = await runPhase({ ...what, electionTimeoutMs, judgesTimes });
    this.reached.add(nemesis.name);
    this.skipped.delete(nemesis.name);
    const { history, ...figures } = result;
    const { verdict, text, report } = judge(history);
    const problems = verdict === 'not linearizable' ? [...result.problems, text] : result.problems;
    const count = (st: string) => history.operations.filter((each) => each.st === st).length;
    const phase: PhaseSummary = {
      ...figures,
      ...{ refused: count('fail'), unknown: count('unknown') },
      problems,
      kind: kind.name,
      network,
      nodes: harm.cluster.ids.length,
      undecided: verdict === 'unknown',
      isFine: problems.length === 0,
    };
    this.phases.push(phase);
    this.options.say(phaseLine(phase));
    const wanted = !phase.isFine || phase.undecided || this.options.dir !== null;
    if (wanted) this.keep(`phase-${name}-${nemesis.name}`, history, report);
    return phase.isFine;
  }

  /** The history, and a picture of what is wrong with it. */
  private keep(name: string, recorder: Recorder, report: Report): void {
    const file = path.join(this.dir, `${name}.jsonl`);
    writeFileSync(file, recorder.toJsonl());
    this.options.say(`  the history: ${file}`);
    if (report.failure === null) return;
    const picture = path.join(this.dir, `${name}.html`);
    writeFileSync(picture, pictureOf(path.basename(file), report));
    this.options.say(`  a picture: ${picture}`);
  }

  /**
   * Once in a run that has power losses. What the kernel wrote by itself just before is not lost,
   * so one try does not tell.
   */
  private async powerControl(): Promise<void> {
    if (!this.options.nemeses.some(({ name }) => name === 'power-loss')) return;
    let lost: number | null = 0;
    for (let tries = 0; lost === 0 && tries < controlTriesMax; tries++) {
      lost = await this.losePowerWithoutSync();
    }
    if (lost === null) return;
    this.controls++;
    if (lost === 0) this.deafControls++;
    this.options.say(
      lost > 0
        ? `control: a power loss with durability os lost ${lost} writes, as it must`
        : 'CONTROL FAILED: power losses with durability os lost nothing',
    );
  }

  /** Null: power cannot be lost here. */
  private async losePowerWithoutSync(): Promise<number | null> {
    const { random, dir } = this;
    const own = { dir: path.join(dir, 'control'), nodes: 3, spares: 0, random } as const;
    const rig = await startRig({
      ...own,
      network: 'relays',
      set: ['durability=os'],
      disks: true,
      holdMs,
    });
    try {
      return rig.noDisks === null ? await powerLossControl(rig.harm) : null;
    } finally {
      await rig.stop(true);
    }
  }

  /** True: the checker saw that stale reads are not linearizable. */
  private async control(harm: Harm): Promise<boolean> {
    let history: Recorder | null = null;
    for (let tries = 0; history === null && tries < controlTriesMax; tries++) {
      history = await staleReadControl(harm);
    }
    if (history === null) {
      this.options.say('control: no write or no read came through, so it says nothing');
      return true;
    }
    this.controls++;
    const { verdict, report } = judge(history);
    if (verdict === 'not linearizable') {
      this.options.say('control: stale follower reads are judged not linearizable, as they must');
      return true;
    }
    this.deafControls++;
    this.options.say('CONTROL FAILED: stale follower reads were not found out');
    this.keep(`control-${this.controls}`, history, report);
    return false;
  }
}
