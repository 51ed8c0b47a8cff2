/** Logs that no correct node writes, made by hand: a start refuses each of them (requirement 6). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeEntry } from '../../src/codec/log-record.js';
import { limits } from '../../src/limits.js';
import { finishRestore, recover } from '../../src/node/recovery.js';
import { StateMachine, StateMachineRestorer } from '../../src/statemachine/state-machine.js';
import { DataDirectory } from '../../src/storage/data-directory.js';
import { blockBytes } from '../../src/storage/journal-record.js';
import { LevelDatabase } from '../../src/storage/level-database.js';
import { entryKey, hardStateKey } from '../../src/storage/log-keys.js';
import { append, entryAt, metaAt, range } from '../conformance/log-store.js';

const options = { nodeId: 'n1', durability: 'os' } as const;
const real = { ...limits };
let dir: string;
beforeEach(() => {
  // A journal that takes nothing: all of the log is in LevelDB.
  Object.assign(limits, { journalBytes: blockBytes, journalBytesMax: blockBytes });
  dir = mkdtempSync(path.join(tmpdir(), 'tgcache-broken-'));
});
afterEach(() => {
  Object.assign(limits, real);
  rmSync(dir, { recursive: true, force: true });
});

/** Entries 1 to 10 of term 2; `compacted`: those up to 5 are in a snapshot and gone. */
async function build(compacted: boolean): Promise<void> {
  const directory = await DataDirectory.open(dir, options);
  const store = directory.logStore(1);
  await store.load(1e6);
  const hardState = { term: 2, votedFor: 'n1', commit: 8 };
  await store.write(append(range(1, 10, 2), { hardState }));
  if (compacted) {
    await saveSnapshot(directory, 5);
    await store.compact(5, metaAt(5, 2));
  }
  await directory.close();
}

async function saveSnapshot(directory: DataDirectory, index: number): Promise<void> {
  const machine = new StateMachine();
  for (let at = 1; at <= index; at++) machine.skipEntry(at);
  const writer = await (await directory.snapshotStore(1)).stage(metaAt(index, 2));
  const view = machine.openSnapshot();
  for (let chunk = view.next(); chunk !== null; chunk = view.next()) await writer.write(chunk);
  view.close();
  await writer.commit();
}

interface Damage {
  readonly compacted?: boolean;
  readonly remove?: readonly Uint8Array[];
  readonly put?: readonly (readonly [Uint8Array, Uint8Array])[];
}

async function damage({ remove = [], put = [] }: Damage): Promise<void> {
  const database = await LevelDatabase.open(path.join(dir, 'log'));
  await database.batch(
    [
      ...remove.map((key) => ({ type: 'del', key }) as const),
      ...put.map(([key, value]) => ({ type: 'put', key, value }) as const),
    ],
    true,
  );
  await database.close();
}

/** Commit index and last index of what starts. */
async function start(): Promise<[commit: number, last: number, applied: number]> {
  const directory = await DataDirectory.open(dir, options);
  try {
    const { log, machine } = await recover(directory.logStore(1), await directory.snapshotStore(1));
    const last = log.beforeIndex + log.entries.length;
    return [log.hardState.commit, last, machine.appliedIndex];
  } finally {
    await directory.close();
  }
}

const key = (index: number) => entryKey(1, index);
const record = (index: number, term: number) => encodeEntry(entryAt(index, term));

describe('a hand-made log', () => {
  it.each([[false], [true]])(
    'requirement 6: starts when it is whole (compacted: %s)',
    async (is) => {
      await build(is);
      expect(await start()).toEqual([8, 10, is ? 5 : 0]);
    },
  );

  it.each<[string, Damage, RegExp]>([
    ['lacks its first entry', { remove: [key(1)] }, /jumps from entry 0 to 2/],
    ['lacks one in the middle', { remove: [key(7)] }, /jumps from entry 6 to 8/],
    ['lacks its last entry', { remove: [key(10)] }, /ends at entry 9 but had promised 10/],
    ['has an entry under the key of another', { put: [[key(7), record(8, 2)]] }, /jumps/],
    ['has a term that goes back', { put: [[key(7), record(7, 1)]] }, /term goes back at entry 7/],
    [
      'lacks the entry after its snapshot',
      { compacted: true, remove: [key(6)] },
      /jumps from entry 5 to 7/,
    ],
    [
      'goes back in term after its snapshot',
      { compacted: true, put: [[key(6), record(6, 1)]] },
      /term goes back at entry 6/,
    ],
    ['lacks its hard state', { remove: [hardStateKey(1)] }, /hard state is missing/],
  ])('requirement 6: is refused when it %s', async (_, how, text) => {
    await build(how.compacted === true);
    await damage(how);
    await expect(start()).rejects.toMatchObject({ code: 'CORRUPT', message: text });
  });

  it('requirement 6: is refused without the snapshot that it rests on', async () => {
    await build(true);
    rmSync(path.join(dir, 'snapshots'), { recursive: true });
    await expect(start()).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining(
        'rests on a snapshot at index 5, but the newest one is at 0',
      ),
    });
  });

  it('requirement 6: a snapshot that holds the state of another index is refused', () => {
    const view = new StateMachine().openSnapshot();
    const restorer = new StateMachineRestorer();
    for (let chunk = view.next(); chunk !== null; chunk = view.next()) restorer.chunk(chunk);
    view.close();
    expect(() => finishRestore(restorer, metaAt(5, 2))).toThrow(/holds the state at 0/);
  });
});
