/**
 * Redis' eviction as its source describes it (evict.c, expire.c of 7.0): five keys sampled at
 * random into a pool of sixteen candidates, an LRU clock of one second, a logarithmic LFU counter
 * that decays by the minute, and an expiry cycle ten times a second that gives up when less than a
 * tenth of a sample is due. It makes all cells comparable without waiting out their wall time;
 * live.ts checks it against a server.
 */
import { type Capacity, noTtlMs, Op, type Trace } from './workloads.js';

export const redisPolicies = ['allkeys-lru', 'allkeys-lfu', 'volatile-ttl'] as const;
export type RedisPolicy = (typeof redisPolicies)[number];

const samples = 5;
const poolSize = 16;
const cycleMs = 100;
const cycleKeys = 20;
const lfuInitial = 5;
const lfuLogFactor = 10;
const minuteMs = 60_000;

/** Keys that can be drawn at random. */
class KeySet {
  private readonly keys: Int32Array;
  private readonly places: Int32Array;
  size = 0;

  constructor(nkeys: number) {
    this.keys = new Int32Array(nkeys);
    this.places = new Int32Array(nkeys).fill(-1);
  }

  has(key: number): boolean {
    return this.places[key]! >= 0;
  }

  add(key: number): void {
    if (this.has(key)) return;
    this.keys[this.size] = key;
    this.places[key] = this.size++;
  }

  remove(key: number): void {
    const place = this.places[key]!;
    if (place < 0) return;
    const last = this.keys[--this.size]!;
    this.keys[place] = last;
    this.places[last] = place;
    this.places[key] = -1;
  }

  draw(random: (below: number) => number): number {
    return this.keys[random(this.size)]!;
  }
}

export class RedisModel {
  private readonly held: KeySet;
  private readonly expires: KeySet;
  private readonly due: Float64Array;
  /** Seconds of the last use; minutes for LFU. */
  private readonly clocks: Float64Array;
  private readonly counters: Uint8Array;
  /** Candidates, the best last. */
  private pool: { readonly key: number; readonly score: number }[] = [];
  private usedBytes = 0;
  private nextCycleMs = 0;
  private state = 12_345;

  constructor(
    private readonly trace: Trace,
    private readonly capacity: Capacity,
    private readonly policy: RedisPolicy,
  ) {
    this.held = new KeySet(trace.nkeys);
    this.expires = new KeySet(trace.nkeys);
    this.due = new Float64Array(trace.nkeys);
    this.clocks = new Float64Array(trace.nkeys);
    this.counters = new Uint8Array(trace.nkeys);
  }

  /** Hits of the trace's GETs, 0 to 1. */
  run(): number {
    const { n, key, op, dtMs } = this.trace;
    let gets = 0;
    let hits = 0;
    for (let at = 0; at < n; at++) {
      const nowMs = at * dtMs;
      this.cycles(nowMs);
      const what = op === null ? Op.get : op[at];
      if (what === Op.get) {
        gets++;
        if (this.get(key[at]!, nowMs)) hits++;
        else this.set(key[at]!, nowMs);
      } else if (what === Op.set) this.set(key[at]!, nowMs);
      else this.remove(key[at]!);
    }
    return hits / gets;
  }

  private readonly random = (below: number): number => {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % below;
  };

  private get(key: number, nowMs: number): boolean {
    if (!this.held.has(key)) return false;
    if (this.due[key]! <= nowMs) {
      this.remove(key);
      return false;
    }
    this.used(key, nowMs);
    return true;
  }

  private set(key: number, nowMs: number): void {
    if (!this.makeRoom(nowMs)) return;
    const dueMs = nowMs + this.trace.ttlMs[key]!;
    if (this.held.has(key) && this.due[key]! <= nowMs) this.remove(key);
    if (this.held.has(key)) this.used(key, nowMs);
    else {
      this.held.add(key);
      this.usedBytes += this.trace.size?.[key] ?? 0;
      this.counters[key] = lfuInitial;
      this.clocks[key] = this.clock(nowMs);
    }
    this.due[key] = dueMs;
    if (dueMs < noTtlMs) this.expires.add(key);
  }

  private remove(key: number): void {
    if (!this.held.has(key)) return;
    this.held.remove(key);
    this.expires.remove(key);
    this.usedBytes -= this.trace.size?.[key] ?? 0;
  }

  private clock(nowMs: number): number {
    return Math.floor(nowMs / (this.policy === 'allkeys-lfu' ? minuteMs : 1000));
  }

  private used(key: number, nowMs: number): void {
    if (this.policy === 'allkeys-lfu') {
      const counter = this.decayed(key, nowMs);
      const odds = 1 / (Math.max(0, counter - lfuInitial) * lfuLogFactor + 1);
      const grows = counter < 255 && this.random(2 ** 30) / 2 ** 30 < odds;
      this.counters[key] = grows ? counter + 1 : counter;
    }
    this.clocks[key] = this.clock(nowMs);
  }

  private decayed(key: number, nowMs: number): number {
    return Math.max(0, this.counters[key]! - (this.clock(nowMs) - this.clocks[key]!));
  }

  /** The higher, the sooner it goes. */
  private score(key: number, nowMs: number): number {
    if (this.policy === 'allkeys-lru') return this.clock(nowMs) - this.clocks[key]!;
    if (this.policy === 'allkeys-lfu') return 255 - this.decayed(key, nowMs);
    return -this.due[key]!;
  }

  private isOver(): boolean {
    const { keys, bytes } = this.capacity;
    return (keys > 0 && this.held.size > keys) || (bytes > 0 && this.usedBytes > bytes);
  }

  private makeRoom(nowMs: number): boolean {
    const from = this.policy === 'volatile-ttl' ? this.expires : this.held;
    while (this.isOver()) {
      if (from.size === 0) return false;
      this.populate(from, nowMs);
      for (let best = this.pool.pop(); best !== undefined; best = this.pool.pop()) {
        if (!from.has(best.key)) continue;
        this.remove(best.key);
        break;
      }
    }
    return true;
  }

  private populate(from: KeySet, nowMs: number): void {
    const { pool } = this;
    for (let sample = 0; sample < samples; sample++) {
      const key = from.draw(this.random);
      const score = this.score(key, nowMs);
      let place = 0;
      while (place < pool.length && pool[place]!.score < score) place++;
      if (pool.length === poolSize) {
        if (place === 0) continue;
        pool.shift();
        place--;
      }
      pool.splice(place, 0, { key, score });
    }
  }

  private cycles(nowMs: number): void {
    for (; this.nextCycleMs <= nowMs; this.nextCycleMs += cycleMs) {
      if (!this.expireSome(nowMs)) {
        this.nextCycleMs = nowMs + cycleMs;
        return;
      }
    }
  }

  /** False when there is nothing left for further cycles at this time. */
  private expireSome(nowMs: number): boolean {
    let expired: number;
    do {
      const count = Math.min(cycleKeys, this.expires.size);
      expired = 0;
      for (let sample = 0; sample < count; sample++) {
        const key = this.expires.draw(this.random);
        if (this.due[key]! > nowMs) continue;
        this.remove(key);
        expired++;
        if (this.expires.size === 0) return false;
      }
    } while (expired * 10 > cycleKeys);
    return expired > 0;
  }
}
