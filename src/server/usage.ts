/**
 * What commands cost at this node: how often each ran, how long it took, how often it failed
 * (INFO commandstats, latencystats). Reading the clock twice costs as much as a twentieth of a
 * small command, so of short ones that ran often only one in sixteen is timed and stands for all.
 */
import type { Args } from '../resp/args.js';
import { fullName, type SpecBase } from '../statemachine/command-spec.js';
import { execSpec, specByOpcode } from '../statemachine/keyspace-commands.js';
import { forEachQueued } from '../statemachine/transaction.js';
import type { ExecutionMeter, Origin } from './group.js';
import { LatencyHistogram } from './latency-histogram.js';
import type { LiveSettings } from './live-settings.js';
import type { ServerStats } from './stats.js';

/** Up to so many calls of a command are timed one by one. */
const exactCalls = 1000;
/** Beyond it one in so many; a power of two. */
const sampleEvery = 16;
/** Arguments with more bytes than this make a command long. */
const shortBytesMax = 4096;
/** A slow log that wants less than this (microseconds) needs the time of every command. */
const preciseBelowUs = 1000;
const untimed = -1;

export class CommandUsage {
  calls = 0;
  rejected = 0;
  failed = 0;
  histogram: LatencyHistogram | null = null;
  private timedMs = 0;
  private weight = 0;

  /** Every call is timed: its work grows with its arguments or with the keyspace. */
  constructor(readonly isLong: boolean) {}

  note(ms: number, weight: number): void {
    this.timedMs += ms * weight;
    this.weight += weight;
  }

  /** Of all calls; of those that were not timed as of the others. */
  get microseconds(): number {
    return this.weight === 0 ? 0 : (this.timedMs / this.weight) * this.calls * 1000;
  }
}

export type OnTimed = (origin: Origin, spec: SpecBase, args: Args, ms: number) => void;

export class UsageMeter implements ExecutionMeter {
  private bySpec = new Map<SpecBase, CommandUsage>();
  /** EXEC has two specs, one for the client and one for the log. */
  private byName = new Map<string, CommandUsage>();
  private current = new CommandUsage(false);
  /** Of the command before: most often the next one is another of it. */
  private lastSpec: SpecBase | null = null;
  private lastUsage = this.current;
  private errorsBefore = 0;

  constructor(
    private readonly stats: ServerStats,
    private readonly live: LiveSettings,
    private readonly onTimed: OnTimed,
  ) {}

  of(spec: SpecBase): CommandUsage {
    if (spec === this.lastSpec) return this.lastUsage;
    this.lastUsage = this.find(spec);
    this.lastSpec = spec;
    return this.lastUsage;
  }

  private find(spec: SpecBase): CommandUsage {
    const known = this.bySpec.get(spec);
    if (known !== undefined) return known;
    const name = fullName(spec);
    const usage = this.byName.get(name) ?? new CommandUsage(spec.complexity !== 'O(1)');
    this.bySpec.set(spec, usage);
    this.byName.set(name, usage);
    return usage;
  }

  /** Commands that were ever called or refused, by full name. */
  get all(): ReadonlyMap<string, CommandUsage> {
    return this.byName;
  }

  begin(spec: SpecBase, args: Args): number {
    const usage = this.of(spec);
    usage.calls++;
    this.current = usage;
    this.errorsBefore = this.stats.errors;
    if (spec === execSpec) this.countQueued(args);
    return this.weightOf(usage, args) === 0 ? untimed : performance.now();
  }

  end(origin: Origin, spec: SpecBase, args: Args, begun: number): void {
    const { live } = this;
    if (this.stats.errors !== this.errorsBefore) this.current.failed++;
    if (begun === untimed) return;
    if (!this.bySpec.has(spec)) this.again(spec);
    const ms = performance.now() - begun;
    const { current } = this;
    const weight = this.weightOf(current, args);
    current.note(ms, weight);
    if (live.latencyTracking) {
      current.histogram ??= new LatencyHistogram();
      current.histogram.note(ms * 1000, weight);
    }
    const isSlow = live.slowlogUs >= 0 && ms * 1000 >= live.slowlogUs;
    const isLate = live.latencyThresholdMs > 0 && ms >= live.latencyThresholdMs;
    if (isSlow || isLate) this.onTimed(origin, spec, args, ms);
  }

  /** Refused before it was carried out: the error is its reply. */
  rejected(spec: SpecBase): void {
    this.of(spec).rejected++;
  }

  /** Carried out as far as its error. */
  failed(spec: SpecBase): void {
    const usage = this.of(spec);
    usage.calls++;
    usage.failed++;
  }

  /** CONFIG RESETSTAT itself counts after it. */
  private again(spec: SpecBase): void {
    this.current = this.of(spec);
    this.current.calls++;
  }

  reset(): void {
    this.bySpec = new Map();
    this.byName = new Map();
    this.lastSpec = null;
  }

  /** For how many calls this one stands; 0: its time is not taken. */
  private weightOf(usage: CommandUsage, args: Args): number {
    const { calls } = usage;
    if (calls <= exactCalls || usage.isLong || this.isPrecise) return 1;
    if (args.end(args.count - 1) - args.start(0) > shortBytesMax) return 1;
    return (calls & (sampleEvery - 1)) === 0 ? sampleEvery : 0;
  }

  private get isPrecise(): boolean {
    const { slowlogUs } = this.live;
    return slowlogUs >= 0 && slowlogUs < preciseBelowUs;
  }

  private countQueued(args: Args): void {
    forEachQueued(args, (opcode) => {
      this.of(specByOpcode(opcode)).calls++;
    });
  }
}
