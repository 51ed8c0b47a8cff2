/**
 * The log behind its journal. Seeded: writes of every kind on a small ring, and power cuts in the
 * middle of them that tear what is on its way into pieces; what was acknowledged is there, and
 * nothing that was not asked.
 */
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { limits } from '../../src/limits.js';
import type { LogStore } from '../../src/ports.js';
import type { Entry, RestoredLog } from '../../src/raft/types.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { blockBytes } from '../../src/storage/journal-record.js';
import { append, appendOnly, entryAt, metaAt, range } from '../conformance/log-store.js';
import { generator } from '../raft/support.js';

interface RingWrite {
  readonly bytes: Buffer;
  readonly at: number;
}

/** Writes to the ring take some turns, in any order. */
const disk = vi.hoisted(() => ({
  pending: new Set<{ bytes: Buffer; at: number }>(),
  random: (_bound: number): number => 0,
}));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const writev = (
    fd: number,
    pieces: readonly Uint8Array[],
    at: number,
    done: (error: Error | null, written: number) => void,
  ) => {
    const write = { bytes: Buffer.concat(pieces), at };
    disk.pending.add(write);
    const end = (turns: number): void => {
      if (turns > 0) return void setImmediate(end, turns - 1);
      fs.writeSync(fd, write.bytes, 0, write.bytes.length, at);
      disk.pending.delete(write);
      setImmediate(() => done(null, write.bytes.length));
    };
    setImmediate(end, disk.random(6));
  };
  return { ...fs, writev };
});

const options = { nodeId: 'n1', durability: 'fsync' } as const;
const ring = {
  journalBytes: 8 * blockBytes,
  journalBytesMax: 16 * blockBytes,
  journalMoveBytes: 2 * blockBytes,
};
const real = { ...limits };
const seeds = Number(process.env.JOURNAL_SEEDS ?? 60);
const sectorBytes = 512;
const stepsPerSeed = 40;

let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'tgcache-journal-'));
  Object.assign(limits, ring);
});
afterAll(() => {
  Object.assign(limits, real);
  rmSync(root, { recursive: true, force: true });
});

let dirs = 0;
const newDir = () => path.join(root, String(++dirs));

/** LevelDB removes and adds tables by itself: a copy from before and after that is none. */
function copyStill(from: string, to: string): void {
  const files = () =>
    readdirSync(from, { recursive: true, encoding: 'utf8' })
      .map((name) => `${name} ${statSync(path.join(from, name), { throwIfNoEntry: false })?.size}`)
      .join();
  for (;;) {
    const before = files();
    try {
      cpSync(from, to, { recursive: true });
      if (files() === before) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    rmSync(to, { recursive: true, force: true });
  }
}

/** What the log must hold, and what it may hold on top of that. */
class Model {
  term = 1;
  commit = 0;
  entries: Entry[] = [];
  firstIndex = 1;
  acknowledged = 0;

  get last(): number {
    return this.firstIndex - 1 + this.entries.length;
  }

  make(count: number, bytes: number): Entry[] {
    return Array.from({ length: count }, (_, at) => entryAt(this.last + 1 + at, this.term, bytes));
  }

  truncate(from: number): void {
    this.entries.length = from - this.firstIndex;
    this.acknowledged = Math.min(this.acknowledged, from - 1);
  }

  check(log: RestoredLog): void {
    const first = log.beforeIndex + 1;
    const found = log.entries.map((entry) => [entry.index, entry.term, entry.data.length]);
    const last = first - 1 + found.length;
    expect(last).toBeGreaterThanOrEqual(this.acknowledged);
    expect(last).toBeLessThanOrEqual(this.last);
    const expected = this.entries.slice(first - this.firstIndex, last + 1 - this.firstIndex);
    expect(found).toEqual(expected.map((entry) => [entry.index, entry.term, entry.data.length]));
    expect(log.hardState.commit).toBeLessThanOrEqual(this.commit);
    // What was on its way and did not arrive is gone.
    this.entries.length = last + 1 - this.firstIndex;
    this.acknowledged = last;
  }
}

class Killed {
  readonly model = new Model();
  private directory!: DataDirectory;
  private store!: LogStore;
  private dir = newDir();
  private inFlight: Promise<void>[] = [];

  constructor(private readonly random: (bound: number) => number) {}

  async start(): Promise<void> {
    this.directory = await DataDirectory.open(this.dir, options);
    this.store = this.directory.logStore(1);
    this.model.check(await this.store.load(1e9));
    await this.vote();
  }

  /** Of what is on its way any sectors may be there. */
  private tear(ring: string, writes: readonly RingWrite[]): void {
    const bytes = readFileSync(ring);
    for (const write of writes) {
      for (let from = 0; from < write.bytes.length; from += sectorBytes) {
        if (this.random(3) > 0) write.bytes.copy(bytes, write.at + from, from, from + sectorBytes);
      }
    }
    writeFileSync(ring, bytes);
  }

  /** A copy of the files as they are now, but for what is on its way. */
  async kill(): Promise<void> {
    const left = newDir();
    const { acknowledged } = this.model;
    const torn = [...disk.pending];
    copyStill(this.dir, left);
    this.tear(path.join(left, 'journal-1'), torn);
    await this.settled();
    await this.directory.close();
    rmSync(this.dir, { recursive: true });
    this.model.acknowledged = acknowledged;
    this.dir = left;
    await this.start();
  }

  async step(): Promise<void> {
    const { random, model } = this;
    const kind = random(20);
    if (kind < 12) return this.appendOnly(1 + random(3), random(3) === 0 ? random(12_000) : 50);
    // Once around the ring and more, while little goes to LevelDB.
    if (kind >= 18) return this.burst();
    await this.settled();
    if (kind === 12) await this.vote();
    else if (kind === 13) await this.truncate();
    else if (kind === 14) await this.compact();
    else if (kind === 15) await this.reset();
    else if (kind === 16 && model.last >= model.firstIndex) await this.read();
    else if (kind === 17) await this.tellCommit();
  }

  async settled(): Promise<void> {
    await Promise.all(this.inFlight.splice(0));
  }

  private async appendOnly(count: number, bytes: number): Promise<void> {
    if (this.inFlight.length >= 3) await this.settled();
    const { model } = this;
    const entries = model.make(count, bytes);
    model.entries.push(...entries);
    const { last } = model;
    const told = this.store.write(appendOnly(entries)).then(() => {
      expect(model.acknowledged).toBe(last - count);
      model.acknowledged = last;
    });
    this.inFlight.push(told);
    if (this.random(2) === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  private async burst(): Promise<void> {
    await this.appendOnly(1, 3500);
    for (let count = 8 + this.random(8); count > 0; count--) await this.appendOnly(1, 10);
  }

  private async vote(): Promise<void> {
    const { model } = this;
    model.term++;
    const hardState = { term: model.term, votedFor: 'n1', commit: model.commit };
    const entries = this.random(2) === 0 ? model.make(1, 10) : [];
    await this.store.write(append(entries, { hardState }));
    model.entries.push(...entries);
    model.acknowledged = model.last;
  }

  private async truncate(): Promise<void> {
    const { model } = this;
    if (model.last <= model.commit) return;
    const from = Math.max(model.commit + 1, model.last - this.random(8));
    model.truncate(from);
    const entries = model.make(this.random(3), 30);
    model.entries.push(...entries);
    await this.store.write(append(entries, { hardState: null, truncateFrom: from }));
    model.acknowledged = model.last;
  }

  private async compact(): Promise<void> {
    const { model } = this;
    if (model.last < model.firstIndex) return;
    const index = model.last;
    const keeps = this.random(model.entries.length + 1);
    model.commit = index;
    const meta = metaAt(index, model.entries.at(-1)!.term);
    const compacted = this.store.compact(index - keeps, meta);
    // Beside writes, as in a node.
    await this.appendOnly(1, 50);
    await compacted;
    model.entries.splice(0, index - keeps + 1 - model.firstIndex);
    model.firstIndex = index - keeps + 1;
  }

  private async tellCommit(): Promise<void> {
    this.model.commit = this.model.last;
    await this.store.write(appendOnly([], this.model.commit));
  }

  private async reset(): Promise<void> {
    const { model } = this;
    const index = Math.max(model.commit, model.last - this.random(5)) + this.random(6);
    await this.store.reset(metaAt(index, model.term));
    model.entries = [];
    model.firstIndex = index + 1;
    model.commit = index;
    model.acknowledged = index;
  }

  private async read(): Promise<void> {
    const { model } = this;
    const from = model.firstIndex + this.random(model.entries.length);
    const [entry] = await this.store.read(from, 1);
    expect([entry!.index, entry!.term]).toEqual([
      from,
      model.entries[from - model.firstIndex]!.term,
    ]);
  }

  async end(): Promise<void> {
    await this.settled();
    await this.directory.close();
    rmSync(this.dir, { recursive: true });
  }
}

describe('a log behind a journal', () => {
  it(`is what was written, whenever it was killed (${seeds} seeds)`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const random = generator(seed);
      disk.random = random;
      const node = new Killed(random);
      try {
        await node.start();
        for (let step = 0; step < stepsPerSeed; step++) {
          await node.step();
          if (random(6) === 0) await node.kill();
        }
        await node.end();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  }, 120_000);

  it('refuses to start without what the journal alone had', async () => {
    const dir = newDir();
    const directory = await DataDirectory.open(dir, options);
    const store = directory.logStore(1);
    await store.load(1e6);
    await store.write(append(range(1, 2, 1)));
    await store.write(appendOnly(range(3, 4, 1)));
    for (const damage of ['deleted', 'flipped'] as const) {
      const left = newDir();
      cpSync(dir, left, { recursive: true });
      const file = path.join(left, 'journal-1');
      const bytes = readFileSync(file);
      bytes[60]! ^= 1;
      if (damage === 'deleted') rmSync(file);
      else writeFileSync(file, bytes);
      const again = await DataDirectory.open(left, options);
      await expect(again.logStore(1).load(1e6)).rejects.toMatchObject({
        code: 'CORRUPT',
        message: expect.stringContaining('ends at entry 0 but had promised 4'),
      });
      await again.close();
    }
    await directory.close();
  });

  it('tells every later write of a failed one', async () => {
    const directory = await DataDirectory.open(newDir(), options);
    const store = directory.logStore(1);
    await store.load(1e6);
    await store.write(append(range(1, 1, 1)));
    const index = range(3, 3, 1);
    await expect(store.write(append(index))).rejects.toThrow('entry 3 after 1');
    await expect(store.write(appendOnly(range(2, 2, 1)))).rejects.toThrow('entry 3 after 1');
    await directory.close();
  });
});
