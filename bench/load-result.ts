/** What one run of a load gave. */
import { readFileSync } from 'node:fs';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export interface LoadResult {
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** CPU seconds of all processes of the peer per million operations. */
  readonly cpuSecondsPerMillion: number;
}

/** What one thread of a load saw. */
export interface Recorded {
  readonly operations: number;
  readonly seconds: number;
  /** Of the latencies, in nanoseconds. */
  readonly histogram: RecordableHistogram;
}

/** Gathers latencies while it is on. */
export class Recorder {
  private readonly histogram = createHistogram();
  private operations = 0;
  private startedAt = 0;
  private on = false;

  start(): void {
    this.on = true;
    this.startedAt = performance.now();
  }

  /** `latencyMs` of a round trip that carried `operations`. */
  record(latencyMs: number, operations: number): void {
    if (!this.on) return;
    this.histogram.record(Math.max(1, Math.round(latencyMs * 1e6)));
    this.operations += operations;
  }

  stop(): Recorded {
    this.on = false;
    const seconds = (performance.now() - this.startedAt) / 1000;
    return { operations: this.operations, seconds, histogram: this.histogram };
  }
}

/** A recorder that also looks at what the peer takes. */
export class Measurement extends Recorder {
  private cpuAtStart = 0;

  constructor(private readonly pids: readonly number[]) {
    super();
  }

  override start(): void {
    super.start();
    this.cpuAtStart = cpuSeconds(this.pids);
  }

  result(): LoadResult {
    return loadResult([this.stop()], cpuSeconds(this.pids) - this.cpuAtStart);
  }
}

/** `cpuSecondsUsed`: by the peer, in the time of the threads. */
export function loadResult(threads: readonly Recorded[], cpuSecondsUsed: number): LoadResult {
  const histogram = createHistogram();
  let operations = 0;
  let opsPerSecond = 0;
  for (const thread of threads) {
    histogram.add(thread.histogram);
    operations += thread.operations;
    opsPerSecond += thread.operations / thread.seconds;
  }
  if (operations === 0) throw new Error('no operation was answered');
  const percentile = (p: number) => histogram.percentile(p) / 1e6;
  return {
    opsPerSecond,
    p50Ms: percentile(50),
    p99Ms: percentile(99),
    p999Ms: percentile(99.9),
    maxMs: histogram.max / 1e6,
    cpuSecondsPerMillion: (cpuSecondsUsed * 1e6) / operations,
  };
}

const ticksPerSecond = 100;

/** User and system time of processes, from Linux' /proc; NaN elsewhere. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      return Number.NaN;
    }
  }
  return ticks / ticksPerSecond;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** The median of each figure by itself. */
export function medianResult(results: readonly LoadResult[]): LoadResult {
  const of = (pick: (result: LoadResult) => number) => median(results.map(pick));
  return {
    opsPerSecond: of((r) => r.opsPerSecond),
    p50Ms: of((r) => r.p50Ms),
    p99Ms: of((r) => r.p99Ms),
    p999Ms: of((r) => r.p999Ms),
    maxMs: of((r) => r.maxMs),
    cpuSecondsPerMillion: of((r) => r.cpuSecondsPerMillion),
  };
}
