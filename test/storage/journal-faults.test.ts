/** What a failed write, a torn one and a damaged ring leave behind the journal. */
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { seal, unseal } from '../../src/codec/sealed.js';
import { limits } from '../../src/limits.js';
import type { LogStore } from '../../src/ports.js';
import type { RestoredLog } from '../../src/raft/types.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { blockBytes, encodeJournalRecord } from '../../src/storage/journal-record.js';
import { type BatchOperation, LevelDatabase } from '../../src/storage/level-database.js';
import { entryKey, journalKey } from '../../src/storage/log-keys.js';
import { append, appendOnly, entryAt, metaAt, range } from '../conformance/log-store.js';
import { journalEntriesAfter } from './journal-entries.js';

const real = { ...limits };
let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'tgcache-journal-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  Object.assign(limits, real);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let dirs = 0;
const newDir = () => path.join(root, String(++dirs));

/** Every batch for LevelDB fails from now on, as on a full disk. */
function fillDisk(): void {
  vi.spyOn(ClassicLevel.prototype, 'batch').mockImplementation((() => {
    throw new Error('ENOSPC');
  }) as never);
}

async function withLog(
  dir: string,
  use: (store: LogStore, log: RestoredLog) => Promise<void>,
): Promise<void> {
  const directory = await DataDirectory.open(dir, { nodeId: 'n1', durability: 'fsync' });
  try {
    const store = directory.logStore(1);
    await use(store, await store.load(1e6));
  } finally {
    await directory.close();
  }
}

async function inLevelDb(
  dir: string,
  use: (database: LevelDatabase) => Promise<void>,
): Promise<void> {
  const database = await LevelDatabase.open(path.join(dir, 'log'));
  try {
    await use(database);
  } finally {
    await database.close();
  }
}

async function indexesIn(dir: string): Promise<number[]> {
  let indexes: number[] = [];
  await withLog(dir, async (_, log) => {
    indexes = log.entries.map(({ index }) => index);
  });
  return indexes;
}

describe('the log behind its journal', () => {
  it('requirement 4: takes no entries behind one that LevelDB refused', async () => {
    Object.assign(limits, { journalBytes: 8 * blockBytes, journalBytesMax: 8 * blockBytes });
    const dir = newDir();
    await withLog(dir, async (store) => {
      await store.write(append(range(1, 2, 1)));
      fillDisk();
      const huge = expect(
        store.write(appendOnly([entryAt(3, 1, 3 * blockBytes)])),
      ).rejects.toThrow();
      const behind = expect(store.write(appendOnly(range(4, 4, 1)))).rejects.toThrow();
      await Promise.all([huge, behind]);
    });
    vi.restoreAllMocks();
    expect(await indexesIn(dir)).toEqual([1, 2]);
  });

  it('requirement 4: takes no entries behind one that had no room', async () => {
    Object.assign(limits, { journalBytes: 8 * blockBytes, journalBytesMax: 8 * blockBytes });
    const dir = newDir();
    await withLog(dir, async (store) => {
      await store.write(append(range(1, 1, 1)));
      for (let index = 2; index <= 5; index++)
        await store.write(appendOnly(range(index, index, 1)));
      fillDisk();
      const first = store.write(appendOnly([entryAt(6, 1, blockBytes)]));
      const two = expect(store.write(appendOnly([entryAt(7, 1, blockBytes)]))).rejects.toThrow();
      const one = expect(store.write(appendOnly(range(8, 8, 1)))).rejects.toThrow();
      await Promise.all([first, two, one]);
    });
    vi.restoreAllMocks();
    expect(await indexesIn(dir)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('requirement 58: a kill between the identity file and LevelDB loses no term', async () => {
    const dir = newDir();
    const vote = append([], { hardState: { term: 1, votedFor: null, commit: 0 } });
    await withLog(dir, async (store) => {
      fillDisk();
      await expect(store.write(vote)).rejects.toThrow();
    });
    vi.restoreAllMocks();
    await withLog(dir, async (store, log) => {
      expect(log.hardState.term).toBe(1);
      await store.write(appendOnly(range(1, 3, 1)));
      await store.write(appendOnly([], 3));
    });
    expect(await indexesIn(dir)).toEqual([1, 2, 3]);
  });

  it('requirement 5: a damaged record with later ones behind it is refused', async () => {
    const dir = newDir();
    const left = newDir();
    await withLog(dir, async (store) => {
      await store.write(append(range(1, 2, 1)));
      // After a power cut the durable index may be this old.
      const early = readFileSync(path.join(dir, 'durable-1'));
      for (let index = 3; index <= 20; index++)
        await store.write(appendOnly(range(index, index, 1)));
      cpSync(dir, left, { recursive: true });
      writeFileSync(path.join(left, 'durable-1'), early);
    });
    const ring = path.join(left, 'journal-1');
    const bytes = readFileSync(ring);
    bytes[2 * blockBytes + 60]! ^= 1;
    writeFileSync(ring, bytes);
    await expect(indexesIn(left)).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});

describe('a vote', () => {
  it('does not wait until what was compacted is removed', async () => {
    // All of the log is in LevelDB.
    Object.assign(limits, { journalBytes: blockBytes, journalBytesMax: blockBytes });
    const batch = LevelDatabase.prototype.batch;
    let remove = (): void => {};
    const gate = new Promise<void>((resolve) => {
      remove = resolve;
    });
    const removed = vi.spyOn(LevelDatabase.prototype, 'batch').mockImplementation(async function (
      this: LevelDatabase,
      operations: BatchOperation[],
      sync: boolean,
    ) {
      if (operations[0]?.type === 'del') await gate;
      return batch.call(this, operations, sync);
    });
    await withLog(newDir(), async (store) => {
      await store.write(append(range(1, 9, 1)));
      const compacted = store.compact(5, metaAt(9, 1));
      await store.write(append([], { hardState: { term: 2, votedFor: 'n1', commit: 9 } }));
      expect((await store.read(6, 1e6)).map(({ index }) => index)).toEqual([6, 7, 8, 9]);
      expect(removed).toHaveBeenCalledWith(
        [1, 2, 3, 4, 5].map((index) => ({ type: 'del', key: entryKey(1, index) })),
        false,
      );
      remove();
      await compacted;
    });
  });
});

describe('the journal', () => {
  const small = { journalBytes: 8 * blockBytes, journalBytesMax: 8 * blockBytes };
  const one = (index: number, bytes = 3000) => appendOnly([entryAt(index, 1, bytes)]);
  const truncation = (term: number, from: number) =>
    append([], { hardState: { term, votedFor: null, commit: 0 }, truncateFrom: from });

  it('goes on behind a record that LevelDB has half of, the rest replaced', async () => {
    Object.assign(limits, { ...small, journalMoveBytes: 8200 });
    const dir = newDir();
    await withLog(dir, async (store) => {
      await store.write(append([]));
      for (const index of [1, 2]) await store.write(one(index));
      await store.write(appendOnly(range(3, 5, 1, 1000)));
      for (const index of [6, 7, 8]) await store.write(one(index));
      // Reads end where LevelDB does.
      await vi.waitFor(async () => expect(await store.read(1, 1e6)).toHaveLength(4));
      await store.write(one(9));
      await store.write(truncation(2, 4));
      for (let index = 4; index <= 20; index++) {
        await store.write(appendOnly([entryAt(index, 2, 6000)]));
      }
    });
    expect(await indexesIn(dir)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
  });

  it('requirement 5: is refused without the end of an older generation', async () => {
    const dir = newDir();
    let early = Buffer.alloc(0);
    await withLog(dir, async (store) => {
      await store.write(append(range(1, 2, 1)));
      early = readFileSync(path.join(dir, 'durable-1'));
      for (let index = 3; index <= 20; index++) await store.write(one(index, 50));
    });
    expect(await indexesIn(dir)).toHaveLength(20);
    // After a power cut the durable index may be this old.
    writeFileSync(path.join(dir, 'durable-1'), early);
    const ring = path.join(dir, 'journal-1');
    const bytes = readFileSync(ring);
    bytes[18 * blockBytes + 60]! ^= 1;
    writeFileSync(ring, bytes);
    await expect(indexesIn(dir)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('entry 20 is missing'),
    });
  });

  it('is there again after a start that was refused without it', async () => {
    const dir = newDir();
    await withLog(dir, async (store) => store.write(append(range(1, 3, 1))));
    const ring = path.join(dir, 'journal-1');
    renameSync(ring, `${ring}-away`);
    const directory = await DataDirectory.open(dir, { nodeId: 'n1', durability: 'fsync' });
    const store = directory.logStore(1);
    for (let start = 0; start < 2; start++) {
      await expect(store.load(1e6)).rejects.toMatchObject({ code: 'CORRUPT' });
    }
    await directory.close();
    renameSync(`${ring}-away`, ring);
    expect(await indexesIn(dir)).toEqual([1, 2, 3]);
  });

  it('serves a node again that was stopped while it grew', async () => {
    Object.assign(limits, small);
    const dir = newDir();
    await withLog(dir, async (store) => {
      for (const index of [1, 2, 3]) await store.write(one(index));
    });
    appendFileSync(path.join(dir, 'journal-1'), Buffer.alloc(2.5 * blockBytes));
    await withLog(dir, async (store) => {
      for (let index = 4; index <= 30; index++) await store.write(one(index));
    });
    expect(await indexesIn(dir)).toHaveLength(30);
  });

  it('of a build that named one salt is read; what this one names is refused there', async () => {
    const dir = newDir();
    await withLog(dir, async (store) => {
      await store.write(append(range(1, 3, 1)));
    });
    const key = journalKey(1);
    let sealed = Buffer.alloc(0);
    await inLevelDb(dir, async (database) => {
      sealed = Buffer.from((await database.get(key))!);
      const [salt] = unseal(sealed, 'generations', 3);
      await database.batch([{ type: 'put', key, value: seal([salt]) }], true);
    });
    expect(() => unseal(sealed, 'the salt')).toThrow('the salt has version 3, known is 2');
    expect(await indexesIn(dir)).toEqual([1, 2, 3]);
  });
});

describe('a torn record', () => {
  it('takes no entry of what was in its place before', async () => {
    const firstBlock = blockBytes - 28 - 22;
    const record = (salt: string, terms: [number, number]) =>
      Buffer.concat(
        encodeJournalRecord(Buffer.from(salt), [
          entryAt(11, terms[0], firstBlock),
          entryAt(12, terms[1], 100),
        ]),
      );
    const dead = record('SALTSALT', [5, 5]);
    const torn = Buffer.concat([
      record('saltsalt', [3, 6]).subarray(0, blockBytes),
      dead.subarray(blockBytes),
    ]);
    const found = await journalEntriesAfter(torn, Buffer.from('saltsalt'), 10);
    expect(found.map(({ index, term }) => [index, term])).not.toContainEqual([12, 5]);
  });
});
