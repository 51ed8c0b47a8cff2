/** Counters for INFO. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Rounds of the server's timer that instantaneous_ops_per_sec looks back. */
const samplesMax = 16;
/** Distinct error codes that are counted one by one. */
const errorCodesMax = 128;

/** How often the event loop is looked at; Node counts this time in. */
const loopSampleMs = 10;

interface Sample {
  readonly atMs: number;
  readonly commands: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export class ServerStats {
  readonly startedAtMs = Date.now();
  connections = 0;
  rejectedConnections = 0;
  commands = 0;
  inputBytes = 0;
  outputBytes = 0;
  errors = 0;
  /** Redis: INFO errorstats. */
  readonly errorsByCode = new Map<string, number>();
  private readonly loopDelay = monitorEventLoopDelay({ resolution: loopSampleMs });
  /** Bytes that the engine has in use, at the start and at most so far. */
  readonly startupBytes = usedBytes();
  peakBytes = this.startupBytes;
  /** Most bytes of keys and values so far. */
  peakDatasetBytes = 0;
  /** Times a client's input was read, and output written. */
  reads = 0;
  writes = 0;
  private samplesTaken = 0;
  private readonly samples: Sample[] = [];

  /** From the server's start to its stop the delays of the event loop are noted. */
  watchEventLoop(on: boolean): void {
    if (on) this.loopDelay.enable();
    else this.loopDelay.disable();
  }

  /** How much too late the event loop came to its timers, in ms, since the last reset. */
  loopDelayMs(): { readonly p99: number; readonly max: number } {
    const late = (ns: number) => Math.max(0, ns / 1e6 - loopSampleMs);
    return { p99: late(this.loopDelay.percentile(99)), max: late(this.loopDelay.max) };
  }

  /** `text` begins with its code: "ERR syntax error". */
  noteError(text: string): void {
    this.errors++;
    const space = text.indexOf(' ');
    const code = space < 0 ? text : text.slice(0, space);
    const count = this.errorsByCode.get(code);
    if (count === undefined && this.errorsByCode.size >= errorCodesMax) return;
    this.errorsByCode.set(code, (count ?? 0) + 1);
  }

  sample(nowMs: number, datasetBytes: number): void {
    const { commands, inputBytes, outputBytes } = this;
    this.samples.push({ atMs: nowMs, commands, inputBytes, outputBytes });
    if (this.samples.length > samplesMax) this.samples.shift();
    this.peakDatasetBytes = Math.max(this.peakDatasetBytes, datasetBytes);
    // Asking the engine is not cheap.
    if (this.samplesTaken++ % samplesMax === 0) this.notePeak(usedBytes());
  }

  notePeak(bytes: number): void {
    this.peakBytes = Math.max(this.peakBytes, bytes);
  }

  /** Per second, over the last one and a half seconds. */
  rate(counter: 'commands' | 'inputBytes' | 'outputBytes'): number {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return ((last[counter] - first[counter]) * 1000) / (last.atMs - first.atMs);
  }

  /** CONFIG RESETSTAT */
  reset(): void {
    this.connections = 0;
    this.rejectedConnections = 0;
    this.commands = 0;
    this.inputBytes = 0;
    this.outputBytes = 0;
    this.reads = 0;
    this.writes = 0;
    this.errors = 0;
    this.errorsByCode.clear();
    this.samples.length = 0;
    this.loopDelay.reset();
  }
}
