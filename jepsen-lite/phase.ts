/**
 * One nemesis on a running cluster: load, harm, healing, agreement, a last look at every key, and
 * the verdicts.
 */
import { pause } from './client.js';
import { type Harm, healAll, type Nemesis } from './nemesis.js';
import { waitFor } from './node-cluster.js';
import { Prober } from './prober.js';
import { Recorder } from './recorder.js';
import type { MakeWorkload, Workload } from './workload.js';

/** Requirement 57. */
const agreeMsMax = 10_000;
/** Agreement is waited for so much longer, to tell late from never. */
const agreePatienceMs = 60_000;
const beforeHarmMs = 1000;
/** Between two operations of a client, at most. */
const thinkMsMax = 40;

export interface PhaseOptions {
  readonly nemesis: Nemesis;
  readonly workloads: readonly MakeWorkload[];
  readonly harm: Harm;
  /** Part of the names of its keys. */
  readonly name: string;
  readonly forward: boolean;
  readonly electionTimeoutMs: number;
  /** False: how long things took is told and not judged. */
  readonly judgesTimes: boolean;
}

export interface PhaseResult {
  readonly nemesis: string;
  readonly history: Recorder;
  readonly operations: number;
  /** The longest time without an acknowledged write while the harm lasted. */
  readonly gapMs: number;
  /** What that may be; null: no bound. */
  readonly gapMsMax: number | null;
  /** From healing until all nodes had the same digest. */
  readonly agreeMs: number;
  readonly elections: number;
  /** Nodes that were started again. */
  readonly restarts: number;
  /** A line each. */
  readonly problems: readonly string[];
}

/** Requirements 16, 17 and 56. */
function gapBound({ hits }: Nemesis, electionTimeoutMs: number): number | null {
  if (hits === 'minority') return 2 * 2 * electionTimeoutMs + 1000;
  return hits === 'network' ? 10 * electionTimeoutMs : null;
}

export async function runPhase(options: PhaseOptions): Promise<PhaseResult> {
  const { harm, forward } = options;
  const { cluster, random } = harm;
  const history = new Recorder();
  const strange: string[] = [];
  const context = { cluster, history, random, strange, phase: options.name, forward };
  const workloads = options.workloads.map((make) => make(context));
  const [termBefore, startsBefore] = [await termOf(harm), cluster.starts];
  for (const workload of workloads) await workload.prepare?.();
  const load = new Load(workloads, harm);
  try {
    const { late, ...times } = await hurt(options, load);
    for (const workload of workloads) await workload.finish?.();
    const problems = [...late, ...unexpected(harm, options.nemesis), ...new Set(strange)];
    for (const workload of workloads) problems.push(...((await workload.check?.()) ?? []));
    if (options.judgesTimes) problems.push(...tooLong(times));
    const elections = (await termOf(harm)) - termBefore;
    const restarts = cluster.starts - startsBefore;
    const unrecorded = workloads.map((workload) => workload.unrecorded?.() ?? 0);
    const operations = unrecorded.reduce((sum, each) => sum + each, history.operations.length);
    const figures = { operations, ...times, elections, restarts };
    return { nemesis: options.nemesis.name, history, ...figures, problems };
  } finally {
    await load.stop();
    for (const workload of workloads) workload.close();
  }
}

type Times = Pick<PhaseResult, 'gapMs' | 'gapMsMax' | 'agreeMs'>;

/** The harm, the healing, and the agreement, which may come late. */
async function hurt(
  { nemesis, harm, electionTimeoutMs }: PhaseOptions,
  load: Load,
): Promise<Times & { readonly late: readonly string[] }> {
  await pause(beforeHarmMs);
  load.prober.begin();
  await nemesis.run(harm);
  const gapMs = load.prober.end();
  const healedAtMs = performance.now();
  await healAll(harm);
  if (nemesis.endsNodes) await replaceLostDirectories(harm);
  const late = await settle(harm, () => load.stop());
  const agreeMs = performance.now() - healedAtMs;
  return { gapMs, gapMsMax: gapBound(nemesis, electionTimeoutMs), agreeMs, late };
}

function tooLong({ gapMs, gapMsMax, agreeMs }: Times): string[] {
  const late = gapMsMax !== null && gapMs > gapMsMax;
  return [
    ...(late ? [`no write for ${Math.round(gapMs)} ms`] : []),
    ...(agreeMs > agreeMsMax ? [`agreed only after ${Math.round(agreeMs)} ms`] : []),
  ];
}

/**
 * A disk that failed may have lost what it said was synced. The node finds that out at its start,
 * ends and asks for its directory to be deleted: then it comes back as a learner.
 */
async function replaceLostDirectories({ cluster }: Harm): Promise<void> {
  await waitFor('the nodes to start', async () => {
    for (const id of cluster.ids) {
      if (cluster.isRunning(id)) continue;
      if (cluster.log(id).trimEnd().endsWith('comes back with all data as a learner.')) {
        cluster.wipe(id);
      }
      cluster.restart(id);
    }
    // A node that loads answers too, and may yet end.
    const infos = await Promise.all(cluster.ids.map((id) => cluster.raft(id)));
    return infos.every((info) => info.get('leader_id')) || null;
  });
}

/** Under load until a leader is followed by all, then without load until all digests are equal. */
async function settle({ cluster }: Harm, stopLoad: () => Promise<unknown>): Promise<string[]> {
  const ready = cluster.ready(agreePatienceMs).then(
    () => [],
    (error: unknown) => [String(error)],
  );
  const late = await ready;
  await stopLoad();
  if (late.length > 0) return late;
  return cluster.equalDigest(agreePatienceMs).then(
    () => [],
    (error: unknown) => [String(error)],
  );
}

async function termOf({ cluster }: Harm): Promise<number> {
  const leader = await cluster.leader(agreePatienceMs);
  return Number((await cluster.raft(leader)).get('term'));
}

function unexpected({ surprises }: Harm, nemesis: Nemesis): string[] {
  const ends = surprises.splice(0);
  // Requirement 4: a node without a working disk ends with 3 and says why.
  return nemesis.endsNodes ? ends.filter((end) => !end.includes(' ended with 3: ')) : ends;
}

/** Every client of every workload, step after step, and the prober. */
class Load {
  readonly prober: Prober;
  private running = true;
  private readonly loops: Promise<void>[];

  constructor(workloads: readonly Workload[], { cluster, random }: Harm) {
    this.prober = new Prober(cluster);
    const run = async (step: () => Promise<void>) => {
      while (this.running) {
        await step();
        await pause(random.next() % thinkMsMax);
      }
    };
    this.loops = workloads.flatMap(({ steps }) => steps.map(run));
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all([...this.loops, this.prober.stop()]);
  }
}
