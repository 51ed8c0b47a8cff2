/** Runs many seeds in several processes, in the order of the seeds, until the time is over. */
import { fork } from 'node:child_process';
import { noTotals, sum, type Totals } from './covered.js';
import type { Failure } from './verdict.js';

export interface CampaignOptions {
  readonly firstSeed: number;
  /** At most so many seeds. */
  readonly seeds: number;
  readonly seconds: number;
  /** Processes. */
  readonly workers: number;
  readonly onFailure: (failure: Failure) => void;
  /** Now and then: what is covered so far. */
  readonly onProgress: (totals: Totals) => void;
}

/** What a worker answers to the seeds it was given. */
export interface Batch {
  readonly totals: Totals;
  readonly failures: readonly Failure[];
}

export interface Covered {
  readonly totals: Totals;
  readonly failures: number;
}

const batchSeeds = 20;
const progressMs = 60_000;

export async function runCampaign(options: CampaignOptions): Promise<Covered> {
  const campaign = new Campaign(options);
  const workers = Array.from({ length: options.workers }, () => campaign.work());
  await Promise.all(workers);
  return { totals: campaign.totals, failures: campaign.failures };
}

class Campaign {
  totals = noTotals();
  failures = 0;
  private next: number;
  private readonly end: number;
  private readonly endMs: number;
  private progressAtMs = performance.now() + progressMs;

  constructor(private readonly options: CampaignOptions) {
    this.next = options.firstSeed;
    this.end = options.firstSeed + options.seeds;
    this.endMs = performance.now() + options.seconds * 1000;
  }

  /** One process after the other, should one die. */
  async work(): Promise<void> {
    while (this.take() !== null) await this.workInProcess();
  }

  private take(): readonly number[] | null {
    const { next, end } = this;
    if (next >= end || performance.now() >= this.endMs) return null;
    return Array.from({ length: Math.min(batchSeeds, end - next) }, (_, at) => next + at);
  }

  private workInProcess(): Promise<void> {
    const child = fork(new URL('./campaign-worker.js', import.meta.url));
    let given: readonly number[] = [];
    return new Promise((resolve, reject) => {
      const give = () => {
        const seeds = this.take();
        given = seeds ?? [];
        this.next += given.length;
        if (seeds === null) child.disconnect();
        else child.send(seeds);
      };
      child.on('message', (batch: Batch) => {
        this.add(batch);
        give();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        if (given.length > 0) this.died(given, `exit ${code ?? signal}`);
        resolve();
      });
      give();
    });
  }

  private add({ totals, failures }: Batch): void {
    this.totals = sum(this.totals, totals);
    this.failures += failures.length;
    for (const failure of failures) this.options.onFailure(failure);
    if (performance.now() < this.progressAtMs) return;
    this.progressAtMs += progressMs;
    this.options.onProgress(this.totals);
  }

  private died(seeds: readonly number[], what: string): void {
    const [seed] = seeds;
    const command = `node dist/test/sim/soak.js --first-seed ${seed} --seeds ${seeds.length}`;
    this.add({
      totals: {},
      failures: [{ seed: seed!, command, what: `a process died: ${what}`, checker: 'process' }],
    });
  }
}
