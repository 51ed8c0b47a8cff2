/** Reading the file of the journal where the kernel gives less than it was asked for. */
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { FileBytes, readAt } from '../../src/storage/journal-file.js';

/** What one read gives at most, and the calls that fail. */
const kernel = { bytesMax: Number.POSITIVE_INFINITY, failsAt: -1 };
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const read = (
    ...[fd, buffer, from, bytes, at, done]: [
      ...[number, Buffer, number, number, number],
      (error: Error | null, bytes: number) => void,
    ]
  ) => {
    if (kernel.failsAt >= at && kernel.failsAt < at + bytes && kernel.failsAt - at < 100) {
      return done(new Error('EIO'), 0);
    }
    fs.read(fd, buffer, from, Math.min(bytes, kernel.bytesMax), at, done);
  };
  return { ...fs, read };
});

let dir: string;
let fd: number;
const file = () => path.join(dir, 'file');
const content = Buffer.from(Array.from({ length: 10_000 }, (_, at) => at % 251));
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'tgcache-journal-file-'));
  writeFileSync(file(), content);
  fd = openSync(file(), 'r');
});
afterEach(() => {
  Object.assign(kernel, { bytesMax: Number.POSITIVE_INFINITY, failsAt: -1 });
});
afterAll(() => {
  closeSync(fd);
  rmSync(dir, { recursive: true, force: true });
});

describe('a read of the journal', () => {
  it('goes on after a read that gave less, to the end of the file', async () => {
    kernel.bytesMax = 100;
    expect(await readAt(fd, Buffer.alloc(1050), 9)).toEqual(content.subarray(9, 1059));
    expect(await readAt(fd, Buffer.alloc(1050), 9500)).toEqual(content.subarray(9500));
    const bytes = new FileBytes(fd);
    for (const at of [0, 5000, 9990, 20]) {
      expect(await bytes.read(at, 3000)).toEqual(content.subarray(at, at + 3000));
    }
  });

  it('fails with the disk, also in the middle: what follows is not torn', async () => {
    Object.assign(kernel, { bytesMax: 100, failsAt: 700 });
    await expect(new FileBytes(fd).read(0, 3000)).rejects.toThrow('EIO');
  });

  it('fails where the file became shorter', async () => {
    const bytes = new FileBytes(fd);
    truncateSync(file(), 6000);
    await expect(bytes.read(5000, 3000)).rejects.toThrow('the file ends at 6000');
  });
});
