/** The ring of records in front of LevelDB, and what is read from it after a crash. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '../../src/raft/types.js';
import { Journal } from '../../src/storage/journal.js';
import {
  blockBytes,
  encodeJournalRecord,
  journalRecordBytes,
} from '../../src/storage/journal-record.js';
import { entryAt, range } from '../conformance/log-store.js';
import { generator } from '../raft/support.js';
import { journalEntriesAfter } from './journal-entries.js';

let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'tgcache-journal-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let files = 0;
const newFile = () => path.join(root, String(++files));

describe('records of the journal', () => {
  const salt = Buffer.from('saltsalt');
  const other = Buffer.from('SALTSALT');
  const record = (entries: Entry[], by = salt) => Buffer.concat(encodeJournalRecord(by, entries));

  it('take whole blocks', () => {
    for (const bytes of [0, 1, 4000, 4042, 4043, 9000]) {
      const entries = [entryAt(1, 1, bytes)];
      expect(record(entries).length).toBe(journalRecordBytes(entries));
      expect(record(entries).length % blockBytes).toBe(0);
    }
  });

  it('are read up to the first that is missing', async () => {
    const torn = record(range(3, 4, 1));
    torn[torn.length - 1 - (blockBytes - 150)]! ^= 1;
    const indexes = async (parts: Buffer[], last = 0) =>
      (await journalEntriesAfter(Buffer.concat(parts), salt, last)).map((entry) => entry.index);
    const whole = [record(range(5, 5, 1)), record(range(1, 2, 1)), record(range(3, 4, 1))];
    expect(await indexes(whole)).toEqual([1, 2, 3, 4, 5]);
    expect(await indexes(whole, 3)).toEqual([4, 5]);
    expect(await indexes(whole, 5)).toEqual([]);
    expect(await indexes([whole[0]!, whole[1]!])).toEqual([1, 2]);
    expect(await indexes([whole[0]!, whole[1]!, record(range(3, 4, 1), other)])).toEqual([1, 2]);
    expect(await indexes([Buffer.alloc(100), whole[1]!])).toEqual([]);
  });

  it('hold as many entries as fit', async () => {
    const entries = range(1, 150_000, 1, 0);
    expect((await journalEntriesAfter(record(entries), salt, 0)).length).toBe(entries.length);
  });

  it('never begin inside a value that looks like one', async () => {
    const forged = record(range(2, 2, 1));
    const pad = Buffer.alloc(blockBytes - 54);
    const data = Buffer.concat([pad, forged]);
    const entry: Entry = { index: 1, term: 1, kind: 'command', data, configuration: null };
    const found = await journalEntriesAfter(record([entry]), salt, 0);
    expect(found.map(({ index }) => index)).toEqual([1]);
  });

  it('of any bytes at all are none', async () => {
    const random = generator(7);
    const bytes = Buffer.concat([record(range(1, 3, 1)), record([entryAt(4, 1, 9000)])]);
    for (let round = 0; round < 2000; round++) {
      const changed = Buffer.from(bytes);
      for (let flips = 1 + random(4); flips > 0; flips--) {
        changed[random(changed.length)]! ^= 1 << random(8);
      }
      const found = await journalEntriesAfter(changed, salt, 0);
      expect(
        found.every(
          ({ index, data }, at) => index === at + 1 && data.every((byte) => byte === index),
        ),
      ).toBe(true);
    }
  });
});

const ringBytes = 8 * blockBytes;
const sizes = { capacity: ringBytes, capacityMax: ringBytes };

async function begun(file: string, fsync: boolean, capacityMax = ringBytes): Promise<Journal> {
  const journal = await Journal.open({ file, capacity: ringBytes, capacityMax, fsync });
  journal.begin(journal.generationsAfter(0, Buffer.from('saltsalt')), 0);
  return journal;
}

describe('a journal file', () => {
  it('has its full length from the start where writes are synced', async () => {
    const file = newFile();
    const journal = await begun(file, true);
    expect(readFileSync(file).length).toBe(8 * blockBytes);
    const ended: number[] = [];
    const writes = [1, 2, 3].map((index) =>
      journal.append([entryAt(index, 1)]).then(() => ended.push(index)),
    );
    await Promise.all(writes);
    expect(ended).toEqual([1, 2, 3]);
    expect(readFileSync(file).length).toBe(8 * blockBytes);
    journal.close();
  });

  it('has room again for what was released', async () => {
    const journal = await begun(newFile(), false);
    let index = 0;
    let oldest = 1;
    const random = generator(3);
    for (let round = 0; round < 500; round++) {
      const entries = [entryAt(index + 1, 1, random(2 * blockBytes - 100))];
      while (!journal.hasRoom(entries)) journal.release(oldest++);
      await journal.append(entries);
      index++;
    }
    expect(oldest).toBeLessThanOrEqual(index);
    journal.close();
  });

  const indexes = (entries: readonly Entry[] | null) => entries?.map(({ index }) => index) ?? null;

  it('gives back what it holds, also around its end', async () => {
    const journal = await begun(newFile(), false);
    for (let index = 1; index <= 30; index++) {
      const entries = [entryAt(index, 1, 100)];
      if (!journal.hasRoom(entries)) journal.release(index - 5);
      await journal.append(entries);
    }
    const { usedBytes } = journal;
    const first = 31 - usedBytes / blockBytes;
    expect(usedBytes).toBeGreaterThan(2 * blockBytes);
    const all = await journal.read(first, 1e9);
    expect(indexes(all)).toEqual(range(first, 30, 1).map(({ index }) => index));
    expect(indexes(await journal.read(first + 1, 150))).toEqual([first + 1]);
    // None keeps more than itself in memory.
    for (const { record } of all!) expect(record!.buffer.byteLength).toBe(record!.length);
    expect(await journal.read(first - 1, 1e9)).toBeNull();
    expect(await journal.read(31, 1e9)).toBeNull();
    journal.close();
  });

  it('is found again whatever the size of its records, part by part', async () => {
    const file = newFile();
    const capacity = 64 * 2 ** 20;
    const options = { file, capacity, capacityMax: capacity, fsync: false };
    const generations = [{ salt: Buffer.from('saltsalt'), through: Number.MAX_SAFE_INTEGER }];
    const journal = await Journal.open(options);
    journal.begin(generations, 0);
    const random = generator(9);
    const written: [number, number][] = [];
    for (let index = 1; journal.usedShare < 0.9; index++) {
      const bytes = random(10) === 0 ? random(6 * 2 ** 20) : random(200_000);
      await journal.append([entryAt(index, 1, bytes)]);
      written.push([index, bytes]);
    }
    journal.close();
    const again = await Journal.open(options);
    const before = process.memoryUsage().arrayBuffers;
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    });
    await again.recover(generations, 0);
    clearInterval(watch);
    expect(most - before).toBeLessThan(32 * 2 ** 20);
    expect(again.last).toBe(written.length);
    for (const [index, bytes] of written) {
      const [entry] = (await again.read(index, 0))!;
      expect([entry!.index, entry!.data.length]).toEqual([index, bytes]);
    }
    again.close();
  });

  it('gives nothing that was released while it was read', async () => {
    const journal = await begun(newFile(), false);
    await journal.append(range(1, 3, 1));
    const reading = journal.read(1, 1e9);
    journal.release(3);
    await journal.append(range(4, 6, 1));
    expect(await reading).toBeNull();
    journal.close();
  });

  it('gives only what is durable', async () => {
    const journal = await begun(newFile(), false);
    await journal.append(range(1, 2, 1));
    const writing = journal.append(range(3, 4, 1));
    expect(indexes(await journal.read(1, 1e9))).toEqual([1, 2]);
    await writing;
    expect(indexes(await journal.read(1, 1e9))).toEqual([1, 2, 3, 4]);
    journal.close();
  });

  it('says so when what it holds is damaged', async () => {
    const file = newFile();
    const journal = await begun(file, false);
    await journal.append(range(1, 3, 1));
    const bytes = readFileSync(file);
    bytes[60]! ^= 1;
    writeFileSync(file, bytes);
    await expect(journal.read(1, 1e9)).rejects.toMatchObject({ code: 'CORRUPT' });
    journal.close();
  });

  it('grows twofold up to its bound, and begins with that length the next time', async () => {
    const file = newFile();
    const journal = await begun(file, true, 3 * ringBytes);
    await journal.append(range(1, 2, 1));
    for (const capacity of [2 * ringBytes, 3 * ringBytes]) {
      expect(journal.canGrow).toBe(true);
      await journal.grow();
      expect(readFileSync(file).length).toBe(capacity);
    }
    expect([journal.canGrow, journal.usedShare]).toEqual([false, blockBytes / (3 * ringBytes)]);
    const generations = journal.generationsAfter(2, Buffer.from('SALTSALT'));
    journal.close();
    const again = await Journal.open({ file, ...sizes, fsync: true });
    await again.recover(generations, 0);
    expect([again.usedShare, again.last]).toEqual([blockBytes / (3 * ringBytes), 2]);
    again.close();
  });

  it('keeps of an older generation what was not replaced', async () => {
    const file = newFile();
    const journal = await begun(file, false);
    await journal.append(range(1, 3, 1));
    await journal.append(range(4, 6, 1));
    const generations = journal.generationsAfter(2, Buffer.from('SALTSALT'));
    journal.begin(generations, 2);
    expect([journal.last, await journal.read(3, 1e9)]).toEqual([2, null]);
    await journal.append(range(3, 4, 7));
    journal.close();
    const again = await Journal.open({ file, ...sizes, fsync: false });
    await again.recover(generations, 0);
    const entries = await again.read(1, 1e9);
    expect(entries?.map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 1],
      [3, 7],
      [4, 7],
    ]);
    // Nothing of the first generation is left to name once it is released.
    again.release(2);
    expect(again.generationsAfter(4, Buffer.from('saltSALT'))).toHaveLength(2);
    again.close();
  });

  it('says which file cannot be written', async () => {
    const file = path.join(newFile(), 'not', 'there');
    await expect(begun(file, true)).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining(file),
    });
  });
});
