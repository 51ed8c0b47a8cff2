/**
 * What the keyspace costs by itself: bytes per key, ns per operation, the longest single operation,
 * and what an open view adds. Keys of 20 bytes, values of 100, a due time each.
 * Run: node --expose-gc dist/bench/keyspace-memory.js [keys]
 */
import { cpus } from 'node:os';
import { argv, memoryUsage, stdout, version } from 'node:process';
import { Keyspace } from '../src/statemachine/keyspace.js';
import { KeyspaceRestorer } from '../src/statemachine/keyspace-restorer.js';

const KEY_BYTES = 20;
const VALUE_BYTES = 100;

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

class Bench {
  private readonly key = new Uint8Array(KEY_BYTES).fill(0x30);
  private readonly value = new Uint8Array(VALUE_BYTES).fill(0x61);
  private longestMs = 0;

  constructor(readonly keyspace: Keyspace) {}

  private name(number: number): void {
    let rest = number;
    for (let at = KEY_BYTES - 1; at >= KEY_BYTES - 9; at--) {
      this.key[at] = 0x30 + (rest % 10);
      rest = (rest / 10) | 0;
    }
  }

  put(number: number): void {
    this.name(number);
    const due = 1_000_000_000 + (number % 86_400_000);
    this.keyspace.put(this.key, 0, KEY_BYTES, this.value, 0, VALUE_BYTES, due);
  }

  find(number: number): number {
    this.name(number);
    const slot = this.keyspace.find(this.key, 0, KEY_BYTES);
    if (slot < 0) return 0;
    return this.keyspace.valueBuffer(slot)[this.keyspace.valueStart(slot)]!;
  }

  /** Runs in groups of `size`, so that the clock does not weigh; the longest group is the stall. */
  measure(label: string, count: number, size: number, run: (at: number) => void): void {
    this.longestMs = 0;
    const start = performance.now();
    for (let at = 0; at < count; at += size) {
      const before = performance.now();
      for (let index = at; index < at + size; index++) run(index);
      this.longestMs = Math.max(this.longestMs, performance.now() - before);
    }
    const ns = ((performance.now() - start) * 1e6) / count;
    print(`${label}: ${ns.toFixed(0)} ns, longest ${size} took ${this.longestMs.toFixed(2)} ms`);
  }
}

function print(line: string): void {
  stdout.write(`${line}\n`);
}

function resident(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const usage = memoryUsage();
  return usage.rss;
}

function readView(keyspace: Keyspace, between: () => void): number {
  const view = keyspace.openView();
  const restorer = new KeyspaceRestorer();
  let bytes = 0;
  let longest = 0;
  let restoring = 0;
  for (;;) {
    const before = performance.now();
    const chunk = view.next();
    longest = Math.max(longest, performance.now() - before);
    if (chunk === null) break;
    bytes += chunk.length;
    const start = performance.now();
    restorer.chunk(chunk);
    restoring += performance.now() - start;
    between();
  }
  view.close();
  restorer.finish();
  print(`view: ${(bytes / 2 ** 20).toFixed(0)} MiB, longest next() ${longest.toFixed(2)} ms`);
  print(`restore: ${restoring.toFixed(0)} ms`);
  return bytes;
}

function main(): void {
  const keys = Number(argv[2] ?? 1_000_000);
  print(`${version}, ${cpus()[0]?.model}, ${keys} keys`);
  const before = resident();
  const bench = new Bench(new Keyspace());
  const next = random(12_345);
  bench.measure('put new', keys, 10, (at) => bench.put(at));
  print(`bytes per key: ${((resident() - before) / keys).toFixed(1)}`);
  const ops = 2_000_000;
  let sum = 0;
  bench.measure('find uniform', ops, 10, () => {
    sum += bench.find(next(keys));
  });
  bench.measure('put existing, uniform', ops, 10, () => bench.put(next(keys)));
  bench.keyspace.configure({ maxmemory: 0, maxkeys: keys, policy: 'allkeys-tlru' });
  bench.measure('put new, evicting', keys, 10, (at) => bench.put(keys + at));
  print(`bytes per key after churn: ${((resident() - before) / keys).toFixed(1)}`);
  const openStart = performance.now();
  bench.keyspace.openView().close();
  print(`open a view: ${(performance.now() - openStart).toFixed(3)} ms`);
  readView(bench.keyspace, () => {});
  let longest = 0;
  readView(bench.keyspace, () => {
    for (let at = 0; at < 100; at++) {
      const start = performance.now();
      bench.put(keys + next(keys));
      longest = Math.max(longest, performance.now() - start);
    }
  });
  print(`longest put while a view is open: ${longest.toFixed(2)} ms`);
  bench.keyspace.advance(1_000_000_000);
  let nowMs = 1_000_000_000;
  bench.measure('advance by 1 s', 2000, 1, () => {
    nowMs += 1000;
    bench.keyspace.advance(nowMs);
  });
  const flush = performance.now();
  bench.keyspace.flush();
  print(
    `flush: ${(performance.now() - flush).toFixed(2)} ms (${sum > 0 ? 'read' : 'nothing read'})`,
  );
}

main();
