import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { LogStore } from '../../src/ports.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { LevelDatabase } from '../../src/storage/level-database.js';
import { MemoryDisk } from '../../src/storage/memory-disk.js';
import { MemoryLogStore } from '../../src/storage/memory-log-store.js';
import { append, logStoreSuite, metaAt, range } from '../conformance/log-store.js';

const options = { nodeId: 'n1', durability: 'os' } as const;
const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function newDir(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'tgcache-storage-'));
  made.push(dir);
  return dir;
}

logStoreSuite('memory', async () => {
  const disk = new MemoryDisk();
  return { open: async () => new MemoryLogStore(disk), close: async () => {} };
});

logStoreSuite('LevelDB', async () => {
  const dir = newDir();
  let current: DataDirectory | null = null;
  const close = async () => {
    await current?.close();
    current = null;
  };
  const open = async (): Promise<LogStore> => {
    await close();
    current = await DataDirectory.open(dir, options);
    return current.logStore(1);
  };
  return { open, close };
});

async function written(dir: string, entries: number): Promise<void> {
  const directory = await DataDirectory.open(dir, options);
  const store = directory.logStore(1);
  await store.load(1e6);
  for (let from = 1; from <= entries; from += 5)
    await store.write(append(range(from, from + 4, 1)));
  await directory.close();
}

describe('a data directory', () => {
  it('requirement 7: the directory of another node is refused', async () => {
    const dir = newDir();
    await written(dir, 5);
    await expect(DataDirectory.open(dir, { ...options, nodeId: 'n2' })).rejects.toMatchObject({
      code: 'WRONG_DIRECTORY',
    });
  });

  it('requirement 58: a first start that was killed is begun anew', async () => {
    const dir = newDir();
    const begun = await LevelDatabase.open(path.join(dir, 'log'));
    await begun.close();
    const directory = await DataDirectory.open(dir, options);
    expect(directory.identity.clusterId).toBe(null);
    await directory.close();
  });

  it('data without an identity is refused', async () => {
    const dir = newDir();
    await written(dir, 5);
    for (const lost of ['identity', 'durable-1', 'snapshots']) {
      rmSync(path.join(dir, lost), { recursive: true });
      await expect(DataDirectory.open(dir, options)).rejects.toMatchObject({ code: 'CORRUPT' });
    }
  });

  it('a directory in use is refused', async () => {
    const dir = newDir();
    const first = await DataDirectory.open(dir, options);
    await expect(DataDirectory.open(dir, options)).rejects.toMatchObject({
      code: 'DIRECTORY_LOCKED',
    });
    await first.close();
  });
});

describe('MemoryDisk', () => {
  it('requirement 1: loses what was not synced in a crash', async () => {
    const disk = new MemoryDisk();
    const store = new MemoryLogStore(disk);
    await store.write(append(range(1, 3, 1)));
    await store.write(append(range(4, 6, 1), { sync: false }));
    disk.crash();
    expect((await new MemoryLogStore(disk).load(1e6)).entries.length).toBe(3);
  });

  it('requirement 4: a failed write is final', async () => {
    const disk = new MemoryDisk();
    const store = new MemoryLogStore(disk);
    disk.failNext();
    await expect(store.write(append(range(1, 1, 1)))).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
    });
    disk.failAt = Number.POSITIVE_INFINITY;
    await expect(store.compact(1, metaAt(1, 1))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});
