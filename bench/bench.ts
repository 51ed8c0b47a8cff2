/**
 * `npm run bench`: loads on a three-node cluster and on each peer found on this machine, in turns
 * within one run (A B A B ...), so that what else the machine does weighs on all alike. Figures
 * are medians; ratios compare medians of the same run.
 */
import { Command } from 'commander';
import { closedLoop } from './closed-loop.js';
import { etcdLoop } from './etcd-loop.js';
import { fillKeys } from './fill.js';
import { type LoadResult, medianResult } from './load-result.js';
import { makeLoad } from './loads.js';
import { openLoop } from './open-loop.js';
import { addOtherBenches } from './other-benches.js';
import { PeerPool } from './peer-pool.js';
import type { Peer } from './peers/process.js';
import { Progress } from './progress.js';
import {
  newReport,
  type Ratio,
  type Report,
  ratioLine,
  tableHead,
  tableRow,
  writeChart,
  writeJson,
} from './report.js';
import {
  againstBaseline,
  mainScenarios,
  moreScenarios,
  peerNames,
  type Scenario,
  title,
} from './scenarios.js';

interface Settings {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly keys: number;
}

const full: Settings = { rounds: 5, warmUpMs: 500, measureMs: 2000, keys: 100_000 };
const quick: Settings = { rounds: 3, warmUpMs: 200, measureMs: 600, keys: 100_000 };
/** Large values: fewer keys, so that all peers hold them in memory. */
const keyBytesMax = 256 * 2 ** 20;

class Bench {
  private readonly report: Report;

  constructor(
    private readonly settings: Settings,
    private readonly progress: Progress,
    private readonly pool: PeerPool,
  ) {
    this.report = newReport({ ...settings });
  }

  async run(scenarios: readonly Scenario[], latencies: boolean): Promise<Report> {
    const { machine } = this.report;
    console.log(`${machine.cores} cores, ${machine.model}, Node ${machine.node}`);
    console.log(JSON.stringify(this.settings));
    this.progress.expect(scenarios.length * this.settings.rounds + (latencies ? 2 : 0));
    try {
      for (const scenario of scenarios) await this.measure(scenario);
      if (latencies) await this.measureLatencies();
    } finally {
      await this.pool.stop();
      this.progress.end();
    }
    return this.report;
  }

  private shape(valueBytes: number) {
    const keys = Math.min(this.settings.keys, Math.max(64, Math.floor(keyBytesMax / valueBytes)));
    return { keys, valueBytes };
  }

  private async measure(scenario: Scenario): Promise<void> {
    const peers: Peer[] = [];
    for (const name of scenario.peers) {
      const peer = await this.pool.get(name);
      if (peer !== null) peers.push(peer);
    }
    if (scenario.load.startsWith('GET') || scenario.load === '90/10') {
      for (const peer of peers) await this.pool.fill(peer, this.shape(scenario.valueBytes));
    }
    const results = new Map<Peer, LoadResult[]>(peers.map((peer) => [peer, []]));
    for (let round = 0; round < this.settings.rounds; round++) {
      for (const peer of peers) results.get(peer)!.push(await this.once(peer, scenario));
      this.progress.step(title(scenario));
    }
    this.print(scenario, peers, results);
  }

  private once(peer: Peer, scenario: Scenario): Promise<LoadResult> {
    const shape = this.shape(scenario.valueBytes);
    const { connections, pipeline } = scenario;
    const options = { ...this.settings, connections, pipeline };
    if (peer.name === peerNames.etcd) {
      return etcdLoop(peer, scenario.load === 'GET' ? 'Range' : 'Put', shape, options);
    }
    const load = peer.name === peerNames.wait ? 'SET+WAIT' : scenario.load;
    return closedLoop(peer, makeLoad(load, shape), options);
  }

  private print(
    scenario: Scenario,
    peers: readonly Peer[],
    results: ReadonlyMap<Peer, LoadResult[]>,
  ): void {
    this.progress.clear();
    console.log(tableHead(title(scenario)));
    const own = medianResult(results.get(peers[0]!)!);
    for (const peer of peers) {
      const result = medianResult(results.get(peer)!);
      const row = { scenario: title(scenario), peer: peer.name, result };
      this.report.rows.push(row);
      console.log(tableRow(row));
      if (peer === peers[0]) continue;
      const ratio: Ratio = {
        scenario: title(scenario),
        to: peer.name,
        value: own.opsPerSecond / result.opsPerSecond,
        aim: scenario.aims[peer.name] ?? null,
      };
      this.report.ratios.push(ratio);
      console.log(ratioLine(ratio));
    }
  }

  /** Latency at a fixed rate: half and four fifths of what the closed loop gave. */
  private async measureLatencies(): Promise<void> {
    const peer = (await this.pool.get(peerNames.cluster))!;
    const shape = this.shape(100);
    await fillKeys(peer, shape);
    for (const name of ['SET', 'GET']) {
      const options = { ...this.settings, connections: 50, pipeline: 1 };
      const most = (await closedLoop(peer, makeLoad(name, shape), options)).opsPerSecond;
      for (const share of [0.5, 0.8]) {
        const opsPerSecond = most * share;
        const result = await openLoop(peer, makeLoad(name, shape), { ...options, opsPerSecond });
        const scenario = `${name}, open loop at ${share * 100}% of ${Math.round(most)} ops/s`;
        const row = { scenario, peer: peer.name, result };
        this.report.rows.push(row);
        this.progress.clear();
        console.log(tableHead(scenario));
        console.log(tableRow(row));
      }
      this.progress.step(`${name}, open loop`);
    }
  }
}

interface Options {
  readonly quick?: true;
  readonly more?: true;
  readonly only?: string;
  readonly rounds?: string;
  readonly json?: string;
  readonly chart?: string;
  readonly baseline?: string;
}

async function main(options: Options): Promise<void> {
  const base = options.quick === true ? quick : full;
  const rounds = options.rounds === undefined ? base.rounds : Number(options.rounds);
  const all = options.more === true ? [...mainScenarios, ...moreScenarios] : mainScenarios;
  const wanted = options.baseline === undefined ? all : againstBaseline(all);
  const chosen = wanted.filter((scenario) => title(scenario).includes(options.only ?? ''));
  const pool = new PeerPool(options.baseline ?? null);
  const bench = new Bench({ ...base, rounds }, new Progress(process.stderr), pool);
  const latencies = options.only === undefined && options.baseline === undefined;
  const report = await bench.run(chosen, latencies);
  if (options.json !== undefined) writeJson(options.json, report);
  if (options.chart !== undefined) writeChart(options.chart, report);
}

const program = new Command('bench').description('Figures of a cluster, against its peers');
program
  .command('loads', { isDefault: true })
  .description('throughput and latency, in turns with the peers')
  .option('--quick', 'under two minutes')
  .option('--more', 'also mixes, sizes and other connection counts')
  .option('--only <text>', 'scenarios whose title holds this text')
  .option('--rounds <n>', 'turns; figures are medians')
  .option(
    '--baseline <dist>',
    'beside an earlier build (its `dist`, with node_modules above), and no other server',
  )
  .option('--json <file>', 'write all figures')
  .option('--chart <file>', 'write the ratios as SVG')
  .action(main);
addOtherBenches(program);
await program.parseAsync();
