import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { MemoryDisk } from '../../src/storage/memory-disk.js';
import { MemorySnapshotStore } from '../../src/storage/memory-snapshot-store.js';
import { snapshotStoreSuite } from '../conformance/snapshot-store.js';

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

snapshotStoreSuite('memory', async () => {
  const disk = new MemoryDisk();
  return { open: async () => new MemorySnapshotStore(disk), close: async () => {} };
});

snapshotStoreSuite('LevelDB', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'tgcache-snapshots-'));
  made.push(dir);
  let current: DataDirectory | null = null;
  const close = async () => {
    await current?.close();
    current = null;
  };
  const open = async () => {
    await close();
    current = await DataDirectory.open(dir, { nodeId: 'n1', durability: 'os' });
    return current.snapshotStore(1);
  };
  return { open, close };
});
