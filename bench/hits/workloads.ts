/**
 * What the hit ratio is measured on: the traces and generators of ../shared/data/traces, each with
 * its mix of TTLs, at three capacities.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Request i happens at i * dtMs; GET 0, SET 1, DEL 2; a GET that misses is followed by a SET. */
export interface Trace {
  readonly n: number;
  readonly nkeys: number;
  readonly dtMs: number;
  readonly key: Uint32Array;
  readonly op: Uint8Array | null;
  /** Charge per key (key, value and 56); null: all alike, and the capacity counts keys. */
  readonly size: Uint32Array | null;
  /** Per key. */
  readonly ttlMs: Float64Array;
}

type RawTrace = Omit<Trace, 'ttlMs'>;
type TtlMix = readonly (readonly [seconds: number, share: number])[];

interface TraceModule {
  load(file: string): RawTrace;
  withMix(trace: RawTrace, mix: string): Trace;
  ownTtl(trace: RawTrace): Trace;
  readonly FAR: number;
  readonly MIXES: Readonly<Record<string, { readonly mix: TtlMix | null }>>;
}

interface GeneratorModule {
  twitterLike(cluster: string, n: number, seed: number): RawTrace;
  zipf(n: number, keys: number, alpha: number, seed: number, ttls?: TtlMix): RawTrace;
  scanMix(...args: [number, number, number, number, TtlMix, number]): RawTrace;
  loopMix(n: number, keys: number, seed: number, ttls: TtlMix): RawTrace;
  appMix(n: number, seed: number): RawTrace;
  metaKv(...args: [unknown, unknown, number, number, number, TtlMix, number, number]): RawTrace;
  readonly TW: Readonly<Record<string, unknown>>;
}

export interface Workload {
  readonly name: string;
  readonly load: () => Trace;
}

const folder = path.resolve('..', 'shared', 'data', 'traces');
const seed = 7;
const day = 86_400;

export const haveTraces = (): boolean => existsSync(path.join(folder, 'lib', 'trace.mjs'));

export async function allWorkloads(): Promise<readonly Workload[]> {
  const traces = (await import(path.join(folder, 'lib', 'trace.mjs'))) as TraceModule;
  const generators = (await import(path.join(folder, 'lib', 'gen.mjs'))) as GeneratorModule;
  return [...recorded(traces), ...generated(traces, generators)];
}

function recorded({ load, withMix, MIXES }: TraceModule): Workload[] {
  return ['c2k-web07', 'c2k-orm-busy', 'scarab'].flatMap((file) =>
    Object.keys(MIXES).map((mix) => ({
      name: `${file} ${mix}`,
      load: () => withMix(load(path.join(folder, 'traces', `${file}.tlt`)), mix),
    })),
  );
}

/** Values of 67 kB: fewer requests, or copying is all that happens. */
const requestsOf = (cluster: string) => (cluster === 'c50' ? 200_000 : 1_000_000);

function generated({ ownTtl, MIXES }: TraceModule, generators: GeneratorModule): Workload[] {
  const { TW, twitterLike, zipf, scanMix, loopMix, appMix, metaKv } = generators;
  const twitter = Object.keys(TW).map((cluster) => ({
    name: `twitter ${cluster}`,
    make: () => twitterLike(cluster, requestsOf(cluster), seed),
  }));
  const mix = (name: string) => MIXES[name]!.mix!;
  const meta = (name: string): unknown =>
    JSON.parse(readFileSync(path.join(folder, 'meta', `kvcache_reg.${name}.json`), 'utf8'));
  const others = [
    { name: 'app', make: () => appMix(1_000_000, seed) },
    { name: 'zipf 0.9', make: () => zipf(1_000_000, 100_000, 0.9, seed) },
    { name: 'zipf 0.9 tw4', make: () => zipf(1_000_000, 100_000, 0.9, seed, mix('tw4')) },
    { name: 'scan', make: () => scanMix(1_000_000, 50_000, 0.9, seed, [[0, 1]], 0) },
    { name: 'scan tw52', make: () => scanMix(1_000_000, 50_000, 0.9, seed, mix('tw52'), day) },
    { name: 'loop', make: () => loopMix(1_000_000, 30_000, seed, [[0, 1]]) },
    { name: 'loop half', make: () => loopMix(1_000_000, 30_000, seed, mix('half')) },
    {
      name: 'meta kv tw4',
      make: () =>
        metaKv(meta('pop'), meta('sizes'), 1_000_000, 100_000, seed, mix('tw4'), day, 0.1),
    },
  ];
  return [...twitter, ...others].map(({ name, make }) => ({
    name,
    load: () => countedWhereAlike(ownTtl(make())),
  }));
}

/** Generators that know no sizes give each key the size 1. */
function countedWhereAlike(trace: Trace): Trace {
  return trace.size?.every((bytes) => bytes === 1) === true ? { ...trace, size: null } : trace;
}

/** Of the most that an unlimited cache would hold at one time. */
export const capacityShares = [0.01, 0.05, 0.2] as const;

export interface Capacity {
  /** 0: not limited by this. */
  readonly keys: number;
  readonly bytes: number;
}

/** Smaller than this a cache is not worth the name. */
const keysMin = 500;

export function capacityOf(trace: Trace, share: number): Capacity {
  const most = mostLive(trace);
  const keys = Math.max(keysMin, Math.round(most.keys * share));
  if (trace.size === null) return { keys, bytes: 0 };
  return { keys: 0, bytes: Math.round((most.bytes * keys) / most.keys) };
}

/** How often mostLive() looks. */
const looks = 200;

/** Live keys and their charge at the time when they are most. */
function mostLive(trace: Trace): Capacity {
  const { n, nkeys, key, op, dtMs, ttlMs, size } = trace;
  const due = new Float64Array(nkeys);
  let most: Capacity = { keys: 0, bytes: 0 };
  for (let at = 0; at < n; at++) {
    const nowMs = at * dtMs;
    const name = key[at]!;
    const what = op === null ? Op.get : op[at];
    if (what === Op.del) due[name] = 0;
    else if (what === Op.set || due[name]! <= nowMs) due[name] = nowMs + ttlMs[name]!;
    if ((at + 1) % Math.ceil(n / looks) !== 0 && at !== n - 1) continue;
    let [keys, bytes] = [0, 0];
    for (let each = 0; each < nkeys; each++) {
      if (due[each]! <= nowMs) continue;
      keys++;
      bytes += size?.[each] ?? 0;
    }
    if (bytes > most.bytes || (size === null && keys > most.keys)) most = { keys, bytes };
  }
  return most;
}

export const Op = { get: 0, set: 1, del: 2 } as const;
/** Charge of a key where a trace has no sizes: only the number counts there. */
const plainCharge = 156;
export const keyBytes = 16;

/** Bytes of the value that gives the key its charge. */
export function valueBytesOf({ size }: Trace, key: number): number {
  return (size === null ? plainCharge : size[key]!) - keyBytes - 56;
}

/** Due dates of keys without a TTL lie beyond this. */
export const noTtlMs = 1e14;
