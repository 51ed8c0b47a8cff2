/**
 * `npm run bench -- profile --load SET --pipeline 16`: where the time of a command goes. Runs one
 * load on a three-node cluster under `node --cpu-prof`; prints the functions of the leader and of a
 * follower by their own time, in microseconds per command; keeps profiles and flame graphs.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { closedLoop } from './closed-loop.js';
import { readProfile, selfTimes } from './cpu-profile.js';
import { fillKeys } from './fill.js';
import { writeFlameGraph } from './flame-graph.js';
import { makeLoad } from './loads.js';
import { type Cluster, startCluster } from './peers/cluster.js';

export interface ProfileOptions {
  readonly load: string;
  readonly pipeline: string;
  readonly connections: string;
  readonly seconds: string;
  readonly top: string;
  readonly out: string;
  readonly set: readonly string[];
}

export async function benchProfile(options: ProfileOptions): Promise<void> {
  const out = path.resolve(options.out);
  mkdirSync(out, { recursive: true });
  const dirOf = (id: string) => path.join(out, `${id}-${process.pid}`);
  const cluster = await startCluster({
    name: 'tgcache',
    set: options.set,
    nodeFlags: (id) => ['--cpu-prof', `--cpu-prof-dir=${dirOf(id)}`],
  });
  try {
    const commands = await runLoad(cluster, options);
    const leaderPort = await cluster.leaderPort();
    const leader = cluster.nodes.find(({ port }) => port === leaderPort)!;
    const follower = cluster.nodes.find(({ port }) => port !== leaderPort)!;
    await Promise.all(cluster.nodes.map(({ runner }) => runner.end()));
    for (const [role, { id }] of [['leader', leader] as const, ['follower', follower] as const]) {
      explain(role, dirOf(id), commands, Number(options.top));
    }
  } finally {
    await cluster.stop();
  }
}

/** The number of commands carried out. */
async function runLoad(cluster: Cluster, options: ProfileOptions): Promise<number> {
  const shape = { keys: 100_000, valueBytes: 100 };
  if (options.load !== 'SET') await fillKeys(cluster, shape);
  const load = makeLoad(options.load, shape);
  const [connections, pipeline] = [Number(options.connections), Number(options.pipeline)];
  const measureMs = Number(options.seconds) * 1000;
  const result = await closedLoop(cluster, load, { connections, pipeline, warmUpMs: 0, measureMs });
  console.log(
    `${load.name}, ${connections} connections, pipeline ${pipeline}: ` +
      `${Math.round(result.opsPerSecond)} ops/s, p50 ${result.p50Ms.toFixed(2)} ms, ` +
      `p99 ${result.p99Ms.toFixed(2)} ms, CPU s/M ${result.cpuSecondsPerMillion.toFixed(1)}`,
  );
  return result.opsPerSecond * Number(options.seconds);
}

function explain(role: string, dir: string, commands: number, top: number): void {
  const root = readProfile(dir);
  const graph = `${dir}.svg`;
  writeFlameGraph(graph, root);
  const { busyUs, functions } = selfTimes(root);
  const perCommand = (us: number) => (us / commands).toFixed(3).padStart(8);
  console.log(
    `${role}: busy ${((busyUs / root.totalUs) * 100).toFixed(0)} % of its life, ` +
      `${(busyUs / commands).toFixed(2)} us per command; ${graph}`,
  );
  for (const [name, us] of functions.slice(0, top)) {
    console.log(`${perCommand(us)} us ${((us / busyUs) * 100).toFixed(1).padStart(5)} %  ${name}`);
  }
}
