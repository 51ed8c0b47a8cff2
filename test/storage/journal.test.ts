/** The ring of records in front of LevelDB, and what is read from it after a crash. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '../../src/raft/types.js';
import { Journal } from '../../src/storage/journal.js';
import {
  blockBytes,
  encodeJournalRecord,
  journalEntriesAfter,
  journalRecordBytes,
} from '../../src/storage/journal-record.js';
import { entryAt, range } from '../conformance/log-store.js';
import { generator } from '../raft/support.js';

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

  it('are read up to the first that is missing', () => {
    const torn = record(range(3, 4, 1));
    torn[torn.length - 1 - (blockBytes - 150)]! ^= 1;
    const indexes = (parts: Buffer[], last = 0) =>
      journalEntriesAfter(Buffer.concat(parts), salt, last).map((entry) => entry.index);
    const whole = [record(range(5, 5, 1)), record(range(1, 2, 1)), record(range(3, 4, 1))];
    expect(indexes(whole)).toEqual([1, 2, 3, 4, 5]);
    expect(indexes(whole, 3)).toEqual([4, 5]);
    expect(indexes(whole, 5)).toEqual([]);
    expect(indexes([whole[0]!, whole[1]!])).toEqual([1, 2]);
    expect(indexes([whole[0]!, whole[1]!, record(range(3, 4, 1), other)])).toEqual([1, 2]);
    expect(indexes([Buffer.alloc(100), whole[1]!])).toEqual([]);
  });

  it('hold as many entries as fit', () => {
    const entries = range(1, 150_000, 1, 0);
    expect(journalEntriesAfter(record(entries), salt, 0).length).toBe(entries.length);
  });

  it('never begin inside a value that looks like one', () => {
    const forged = record(range(2, 2, 1));
    const pad = Buffer.alloc(blockBytes - 54);
    const data = Buffer.concat([pad, forged]);
    const entry: Entry = { index: 1, term: 1, kind: 'command', data, configuration: null };
    expect(journalEntriesAfter(record([entry]), salt, 0).map(({ index }) => index)).toEqual([1]);
  });

  it('of any bytes at all are none', () => {
    const random = generator(7);
    const bytes = Buffer.concat([record(range(1, 3, 1)), record([entryAt(4, 1, 9000)])]);
    for (let round = 0; round < 2000; round++) {
      const changed = Buffer.from(bytes);
      for (let flips = 1 + random(4); flips > 0; flips--) {
        changed[random(changed.length)]! ^= 1 << random(8);
      }
      const found = journalEntriesAfter(changed, salt, 0);
      expect(
        found.every(
          ({ index, data }, at) => index === at + 1 && data.every((byte) => byte === index),
        ),
      ).toBe(true);
    }
  });
});

describe('a journal file', () => {
  it('has its full length from the start where writes are synced', async () => {
    const file = newFile();
    const journal = await Journal.open({ file, capacity: 8 * blockBytes, fsync: true });
    journal.begin(Buffer.from('saltsalt'));
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
    const journal = await Journal.open({ file: newFile(), capacity: 8 * blockBytes, fsync: false });
    journal.begin(Buffer.from('saltsalt'));
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

  it('says which file cannot be written', async () => {
    const file = path.join(newFile(), 'not', 'there');
    await expect(Journal.open({ file, capacity: blockBytes, fsync: true })).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining(file),
    });
  });
});
