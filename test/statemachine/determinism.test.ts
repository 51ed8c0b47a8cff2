/** One log gives one state, whatever the process around it says of time, place and chance. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compiled } from '../../jepsen-lite/node-cluster.js';
import {
  encodePulse,
  encodeSettings,
  encodeTouchEntry,
} from '../../src/statemachine/batch-format.js';
import { keyspaceSpecs } from '../../src/statemachine/keyspace-commands.js';
import { encodeTouches } from '../../src/statemachine/touches.js';
import { TransactionBuilder } from '../../src/statemachine/transaction.js';
import { CommandMachine } from './command-machine.js';
import { digestOf } from './replay.js';
import { argsOf, specOf } from './words.js';
import { Draw, writeSamples } from './write-samples.js';

const entryCount = 2500;
const writes = keyspaceSpecs.filter(({ kind }) => kind === 'write').map(({ name }) => name);
/** They would keep the keyspace empty. */
const rare = ['flushall', 'flushdb'];
const usual = writes.filter((name) => !rare.includes(name));
/** Each rules for a part of the log: neither limit, few keys, little memory, TTLs from settings. */
const settings: readonly (readonly [string, string])[][] = [
  [
    ['maxmemory-policy', 'allkeys-tlru'],
    ['maxmemory', '0'],
  ],
  [['maxkeys', '30']],
  [
    ['maxkeys', '0'],
    ['maxmemory', '20000'],
    ['maxmemory-policy', 'volatile-tlru'],
  ],
  [
    ['maxmemory-policy', 'tlru-due'],
    ['default-ttl', '3'],
    ['max-ttl', '9'],
  ],
  [
    ['maxmemory-policy', 'noeviction'],
    ['default-ttl', '0'],
  ],
];

class LogMaker {
  readonly machine = new CommandMachine();
  readonly digests: string[] = [];
  /** Keys evicted before each change of the settings. */
  readonly evicted: number[] = [];
  /** Commands that did what they are for at least once. */
  readonly succeeded = new Set<string>();
  private readonly draw = new Draw(20_261_121);

  make(): void {
    const each = Math.ceil(entryCount / settings.length);
    for (let at = 0; at < entryCount; at++) {
      this.machine.nowMs += this.draw.below(60);
      if (at % each === 0) this.change(settings[at / each]!);
      else this.entry();
      this.digests.push(digestOf(this.machine));
    }
  }

  private entry(): void {
    const kind = this.draw.below(40);
    if (kind === 0) this.machine.replay(encodePulse(this.machine.nowMs, this.seed()));
    else if (kind === 1) this.touches();
    else if (kind <= 3) this.transaction();
    else this.command(this.name());
  }

  private name(): string {
    return this.draw.below(300) === 0 ? this.draw.of(rare) : this.draw.of(usual);
  }

  private command(name: string): void {
    const reply = this.machine.runIn(this.database(), ...this.words(name));
    if (!reply.startsWith('-')) this.succeeded.add(name);
  }

  private database(): number {
    return this.draw.of([0, 0, 0, 1, 2]);
  }

  private words(name: string): string[] {
    return [name, ...writeSamples[name]!(this.draw, this.machine.nowMs)];
  }

  private transaction(): void {
    const builder = new TransactionBuilder();
    for (let count = this.draw.below(4); count >= 0; count--) {
      const words = this.words(this.draw.of(usual));
      builder.queue(specOf(words[0]!), argsOf(...words), this.database());
    }
    this.machine.exec(builder.build());
  }

  private touches(): void {
    const slots = Int32Array.from([0, 3, 5 + this.draw.below(20)]);
    const validAt = this.machine.machine.keyspace.changes;
    const { nowMs } = this.machine;
    this.machine.replay(encodeTouchEntry(nowMs, this.seed(), encodeTouches({ validAt, slots })));
  }

  private change(pairs: readonly (readonly [string, string])[]): void {
    this.evicted.push(this.machine.machine.keyspace.evicted);
    this.machine.replay(encodeSettings(this.machine.nowMs, this.seed(), pairs));
  }

  private seed(): number {
    return this.draw.below(2 ** 32);
  }
}

interface Surroundings {
  readonly skewMs: number;
  readonly zone: string;
  readonly locale: string;
  readonly seed: number;
}

/** What the process said of its surroundings, and its digests. */
async function replayIn(
  { skewMs, zone, locale, seed }: Surroundings,
  log: readonly Uint8Array[],
): Promise<{ saw: string; digests: string[] }> {
  const clock = fileURLToPath(new URL('../cluster/skewed-clock.mjs', import.meta.url));
  const flags = [`--random-seed=${seed}`, `--hash-seed=${seed}`, '--import', clock];
  const file = compiled('test/statemachine/replay.js');
  const env = { ...process.env, SKEW_MS: String(skewMs), TZ: zone, LC_ALL: locale, LANG: locale };
  const child = spawn(process.execPath, [...flags, file, 'replay'], { env });
  child.stdin.end(log.map((entry) => `${Buffer.from(entry).toString('base64')}\n`).join(''));
  const [out, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(complaints).toBe('');
  const [saw, ...digests] = out.trim().split('\n');
  return { saw: saw!, digests };
}

describe('determinism', () => {
  it('every write command of the table has a sample', () => {
    expect(Object.keys(writeSamples).sort()).toEqual([...writes].sort());
  });

  it('two processes with other clocks, zones and seeds agree at each index', async () => {
    const maker = new LogMaker();
    maker.make();
    expect([...maker.succeeded].sort()).toEqual([...writes].sort());
    const [, before, byCount, byMemory, byTime] = maker.evicted as [number, ...number[]];
    expect([before, byCount! > before!, byMemory! > byCount!, byTime! > byMemory!]).toEqual([
      0,
      true,
      true,
      true,
    ]);
    const log = maker.machine.entries;
    const [one, other] = await Promise.all([
      replayIn({ skewMs: -3_600_000, zone: 'Asia/Tokyo', locale: 'de_DE.UTF-8', seed: 1 }, log),
      replayIn({ skewMs: 90_000_000, zone: 'America/Lima', locale: 'en_US.UTF-8', seed: 2 }, log),
    ]);
    const [left, right] = [one.saw.split(' '), other.saw.split(' ')];
    expect(Math.abs(Number(left[0]) - Number(right[0]))).toBeGreaterThan(80_000_000);
    expect(left[1]).not.toBe(right[1]);
    expect(left[2]).not.toBe(right[2]);
    const { digests } = maker;
    expect(new Set(digests).size).toBeGreaterThan(entryCount * 0.9);
    const firstDifference = digests.findIndex(
      (digest, at) => one.digests[at] !== digest || other.digests[at] !== digest,
    );
    expect(firstDifference, 'the first index with different digests').toBe(-1);
    expect([one.digests.length, other.digests.length]).toEqual([entryCount, entryCount]);
  });
});
