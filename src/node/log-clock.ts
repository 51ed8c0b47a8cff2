/**
 * The time that leaders write into the log. It runs at the rate of the monotonic clock from the
 * last stamp this node has seen live, so that neither a change of leader nor a jump of the wall
 * clock makes keys expire early or live on; towards the wall clock it drifts by at most one part
 * in a hundred. Only a node that has heard no present stamp since its start takes the wall clock
 * as it is: time went on while the whole cluster was down.
 */
import type { Clock } from '../ports.js';

const slewMax = 0.01;
/** By the clock of any other node no leader's log clock is slower, if their rates differ by 1 %. */
const slowest = 1 - 2 * slewMax;

/**
 * Stamps that stay behind for longer wait for no commit: the log's time itself is behind, since
 * most nodes were suspended as machines, which stops their monotonic clocks.
 */
const lateMsMax = 20_000;

export class LogClock {
  private value = 0;
  private atMs = 0;
  private live = false;
  /** How old the newest replayed stamp can be. */
  private ageMsMax = Number.POSITIVE_INFINITY;
  /** The log's time was at least this, at that time of the monotonic clock. */
  private heard: { readonly value: number; readonly atMs: number } | null = null;
  /** Since when, by the monotonic clock, every stamp was below that. */
  private behindSinceMs = Number.NaN;

  constructor(private readonly clock: Clock) {}

  /**
   * A stamp of before this node's start, from its own disk or of an entry that it missed: a lower
   * bound, not the present. It may be applied late, when the clock runs already: an entry that only
   * the next leader commits. A wall clock that would make it older than `ageMsMax` is wrong.
   * `cameMs` here and below: when the entry came to this node, by the monotonic clock; its stamp
   * was the log's time then.
   */
  replayed(
    stampMs: number,
    ageMsMax = Number.POSITIVE_INFINITY,
    cameMs = this.clock.monotonicMs(),
  ): void {
    if (this.live) return this.led(stampMs, cameMs);
    if (stampMs > this.value) this.value = stampMs;
    this.ageMsMax = ageMsMax;
  }

  /**
   * A stamp that a leader made just now, or a while ago: an entry that waited for its commit, or
   * for this node to wake up. Time went on meanwhile.
   */
  observed(stampMs: number, cameMs = this.clock.monotonicMs()): void {
    this.set(this.hear(stampMs, cameMs));
  }

  /**
   * A stamp that was applied while this node leads. The leader before may have been ahead: the
   * log's time would stand still until this clock has caught up.
   */
  led(stampMs: number, cameMs = this.clock.monotonicMs()): void {
    const heard = this.hear(stampMs, cameMs);
    this.now();
    if (heard > this.value) this.set(heard);
  }

  /** Unix ms, whole; never goes back between two observed stamps. */
  now(): number {
    if (!this.live) this.begin();
    const now = this.clock.monotonicMs();
    const elapsed = Math.max(0, now - this.atMs);
    const free = this.value + elapsed;
    const offset = this.clock.wallMs() - free;
    const bound = elapsed * slewMax;
    this.value = free + Math.max(-bound, Math.min(bound, offset));
    this.atMs = now;
    return Math.floor(this.value);
  }

  /** What the log's time is at least, now that this stamp was applied. */
  private hear(madeMs: number, cameMs: number): number {
    const atMs = this.clock.monotonicMs();
    const stampMs = madeMs + (atMs - cameMs) * slowest;
    const { heard } = this;
    const before = heard === null ? 0 : heard.value + (atMs - heard.atMs) * slowest;
    if (stampMs >= before) this.behindSinceMs = Number.NaN;
    else if (Number.isNaN(this.behindSinceMs)) this.behindSinceMs = atMs;
    const isLate = !(atMs - this.behindSinceMs > lateMsMax);
    const value = isLate ? Math.max(stampMs, before) : stampMs;
    this.heard = { value, atMs };
    return value;
  }

  /** No present stamp was heard so far. */
  private begin(): void {
    const wall = this.clock.wallMs();
    const isBelieved = wall >= this.value && wall - this.value <= this.ageMsMax;
    this.set(isBelieved ? wall : this.value);
  }

  private set(value: number): void {
    this.value = value;
    this.atMs = this.clock.monotonicMs();
    this.live = true;
  }
}
