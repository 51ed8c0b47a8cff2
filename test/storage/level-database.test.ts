import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LevelDatabase } from '../../src/storage/level-database.js';

const MiB = 2 ** 20;
const status = '/proc/self/status';
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'tgcache-level-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Memory of this process that no file stands behind, in bytes. */
function ownMemory(): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(status, 'latin1'))![1]) * 1024;
}

describe('LevelDatabase', () => {
  it.skipIf(process.platform !== 'linux')('keeps nothing of the batches it wrote', async () => {
    const database = await LevelDatabase.open(dir);
    const value = Buffer.alloc(MiB, 7);
    const write = () => database.batch([{ type: 'put', key: Buffer.from('key'), value }], false);
    for (let warmUp = 0; warmUp < 20; warmUp++) await write();
    const before = ownMemory();
    for (let written = 0; written < 100; written++) await write();
    // 100 to 200 MiB where each batch stays until a collection of garbage.
    expect(ownMemory() - before).toBeLessThan(50 * MiB);
    await database.close();
  });
});
