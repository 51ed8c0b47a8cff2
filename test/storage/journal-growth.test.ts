/** A ring that grows: on a full disk, on one that fills up meanwhile, and when the node stops. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Journal } from '../../src/storage/journal.js';
import { blockBytes } from '../../src/storage/journal-record.js';
import { range } from '../conformance/log-store.js';

const MiB = 1024 * 1024;

const disk = vi.hoisted(() => ({
  /** Null: as the real one. */
  freeBytes: null as number | null,
  /** A write that would reach beyond it fails in its midst. */
  fullAt: Number.POSITIVE_INFINITY,
}));

vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>();
  const statfs = async (name: string) => {
    const found = await fs.statfs(name);
    return disk.freeBytes === null ? found : { ...found, bsize: 1, bavail: disk.freeBytes };
  };
  const open = async (...given: Parameters<typeof fs.open>) => {
    const handle = await fs.open(...given);
    const write = handle.write.bind(handle) as (...args: unknown[]) => Promise<never>;
    handle.write = (async (bytes: Buffer, from: number, length: number, at: number) => {
      if (at + length <= disk.fullAt) return write(bytes, from, length, at);
      await write(bytes, from, disk.fullAt - at, at);
      throw new Error('ENOSPC');
    }) as unknown as typeof handle.write;
    return handle;
  };
  return { ...fs, statfs, open };
});

let root: string;
let files = 0;
let file: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'tgcache-journal-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  Object.assign(disk, { freeBytes: null, fullAt: Number.POSITIVE_INFINITY });
  file = path.join(root, String(++files));
});

const open = () => Journal.open({ file, capacity: MiB, capacityMax: 64 * MiB, fsync: true });

/** With three entries. */
async function used(): Promise<Journal> {
  const journal = await open();
  journal.begin(journal.generationsAfter(0, Buffer.from('saltsalt')), 0);
  await journal.append(range(1, 3, 1));
  return journal;
}

async function restarted(journal: Journal): Promise<Journal> {
  const generations = journal.generationsAfter(3, Buffer.from('SALTSALT'));
  journal.close();
  const again = await open();
  await again.recover(generations, 0);
  return again;
}

describe('a journal that grows', () => {
  it('leaves most of what is free to others', async () => {
    disk.freeBytes = 8 * MiB - 1;
    const journal = await used();
    await journal.grow();
    expect([statSync(file).size, journal.canGrow]).toEqual([MiB, false]);
    expect(await journal.read(1, 1e6)).toHaveLength(3);
    journal.close();
  });

  it('gives back what it got on a disk that fills up, and starts again there', async () => {
    const journal = await used();
    await journal.grow();
    disk.fullAt = 3 * MiB + 100;
    await journal.grow();
    // What was whole and synced counts.
    expect([statSync(file).size, journal.canGrow]).toEqual([3 * MiB, false]);
    const again = await restarted(journal);
    expect([statSync(file).size, again.last]).toEqual([3 * MiB, 3]);
    await again.append(range(4, 6, 1));
    again.close();
  });

  it('stops soon when its node does', async () => {
    const journal = await used();
    for (let times = 0; times < 5; times++) await journal.grow();
    const before = statSync(file).size;
    const growing = journal.grow();
    await vi.waitFor(() => expect(statSync(file).size).toBeGreaterThan(before), { interval: 1 });
    journal.stopGrowing();
    await growing;
    expect(statSync(file).size).toBeLessThan(64 * MiB);
    const again = await restarted(journal);
    expect([again.last, again.usedShare]).toEqual([3, blockBytes / statSync(file).size]);
    again.close();
  });
});
