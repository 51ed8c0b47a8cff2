/** What every LogStore must do. `open` opens a store on what the last one left behind. */
import { afterEach, describe, expect, it } from 'vitest';
import type { LogStore } from '../../src/ports.js';
import type { LogWrite } from '../../src/raft/effects.js';
import type { Entry, SnapshotMeta } from '../../src/raft/types.js';

export interface LogStoreWorld {
  open(): Promise<LogStore>;
  close(): Promise<void>;
}

export function entryAt(index: number, term: number, bytes = 20): Entry {
  const data = Buffer.alloc(bytes, index & 255);
  return { index, term, kind: 'command', data, configuration: null };
}

export const configuration = {
  voters: ['n1'],
  outgoing: [],
  learners: [],
  members: [{ id: 'n1', peerAddress: '127.0.0.1:1', incarnation: 'a' }],
};

export function metaAt(index: number, term: number): SnapshotMeta {
  return { lastIncludedIndex: index, lastIncludedTerm: term, configuration };
}

let seq = 0;
export function append(entries: Entry[], more: Partial<LogWrite> = {}): LogWrite {
  const last = entries[entries.length - 1]?.term ?? 1;
  return {
    seq: ++seq,
    hardState: { term: last, votedFor: 'n1', commit: 0 },
    truncateFrom: null,
    entries,
    sync: true,
    appends: false,
    afterwards: [],
    ...more,
  };
}

/** As almost all writes: neither term nor vote changes; `commit`: a hint that goes along. */
export function appendOnly(entries: Entry[], commit: number | null = null): LogWrite {
  const hardState = commit === null ? null : { term: 1, votedFor: 'n1', commit };
  return append(entries, { hardState, appends: true });
}

export function range(from: number, to: number, term: number, bytes?: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => entryAt(from + at, term, bytes));
}

function summary(entries: readonly Entry[]): string[] {
  return entries.map((e) => `${e.index}@${e.term}:${e.data.length}`);
}

export function logStoreSuite(name: string, make: () => Promise<LogStoreWorld>): void {
  describe(`LogStore: ${name}`, () => {
    const worlds: LogStoreWorld[] = [];
    const world = async () => {
      const made = await make();
      worlds.push(made);
      return made;
    };
    afterEach(async () => {
      for (const each of worlds.splice(0)) await each.close();
    });

    it('is empty at first', async () => {
      const log = await (await world()).open().then((store) => store.load(1e6));
      expect(log.entries).toEqual([]);
      expect(log.hardState).toEqual({ term: 0, votedFor: null, commit: 0 });
      expect(log.beforeIndex).toBe(0);
    });

    it('gives back what was written', async () => {
      const w = await world();
      const store = await w.open();
      await store.load(1e6);
      await store.write(append(range(1, 5, 1)));
      await store.write(
        append(range(6, 9, 3), { hardState: { term: 3, votedFor: null, commit: 7 } }),
      );
      const log = await (await w.open()).load(1e6);
      expect(summary(log.entries)).toEqual(summary([...range(1, 5, 1), ...range(6, 9, 3)]));
      expect(log.hardState).toEqual({ term: 3, votedFor: null, commit: 7 });
    });

    it('requirement 3: replaces a conflicting suffix', async () => {
      const w = await world();
      const store = await w.open();
      await store.load(1e6);
      await store.write(append(range(1, 9, 1)));
      await store.write(append(range(4, 5, 2), { truncateFrom: 4 }));
      const log = await (await w.open()).load(1e6);
      expect(summary(log.entries)).toEqual(summary([...range(1, 3, 1), ...range(4, 5, 2)]));
    });

    it('keeps the newest entries in the window and reads the others', async () => {
      const w = await world();
      const store = await w.open();
      await store.load(1e6);
      const hardState = { term: 1, votedFor: null, commit: 18 };
      await store.write(append(range(1, 20, 1, 100), { hardState }));
      const reopened = await w.open();
      const log = await reopened.load(350);
      expect(summary(log.entries)).toEqual(summary(range(18, 20, 1, 100)));
      expect([log.beforeIndex, log.beforeTerm, log.firstIndex]).toEqual([17, 1, 1]);
      const read = await reopened.read(3, 1);
      expect(summary(read)).toEqual(['3@1:100']);
      expect((await reopened.read(1, 1e6)).length).toBe(20);
    });

    it('forgets what a snapshot covers and keeps a tail', async () => {
      const w = await world();
      const store = await w.open();
      await store.load(1e6);
      await store.write(append(range(1, 10, 2)));
      await store.compact(6, metaAt(8, 2));
      await expect(store.read(6, 1e6)).rejects.toThrow();
      const log = await (await w.open()).load(1e6);
      expect(summary(log.entries)).toEqual(summary(range(7, 10, 2)));
      expect([log.beforeIndex, log.beforeTerm, log.firstIndex]).toEqual([6, 2, 7]);
      expect(log.snapshot).toEqual(metaAt(8, 2));
    });

    it('requirement 46: starts anew behind a received snapshot', async () => {
      const w = await world();
      const store = await w.open();
      await store.load(1e6);
      await store.write(append(range(1, 10, 2)));
      await store.reset(metaAt(50, 4));
      let log = await (await w.open()).load(1e6);
      expect([log.entries.length, log.beforeIndex, log.beforeTerm]).toEqual([0, 50, 4]);
      const again = await w.open();
      await again.load(1e6);
      await again.write(append(range(51, 52, 5)));
      log = await (await w.open()).load(1e6);
      expect(summary(log.entries)).toEqual(summary(range(51, 52, 5)));
    });

    it('requirement 46: is not taken back by an older snapshot saved meanwhile', async () => {
      const w = await world();
      const store = await w.open();
      await store.load(1e6);
      await store.write(append(range(1, 10, 2)));
      const racing = store.compact(6, metaAt(8, 2));
      await Promise.all([racing, store.reset(metaAt(50, 4))]);
      await store.compact(7, metaAt(9, 2));
      await store.write(append(range(51, 52, 5)));
      const log = await (await w.open()).load(1e6);
      expect(log.snapshot).toEqual(metaAt(50, 4));
      expect([log.beforeIndex, log.firstIndex]).toEqual([50, 51]);
      expect(summary(log.entries)).toEqual(summary(range(51, 52, 5)));
    });

    it('keeps configurations above the snapshot', async () => {
      const w = await world();
      const store = await w.open();
      await store.load(1e6);
      const config: Entry = { ...entryAt(2, 1, 0), kind: 'config', configuration };
      await store.write(append([entryAt(1, 1), config, entryAt(3, 1)]));
      const log = await (await w.open()).load(1e6);
      expect(log.configurations.map((e) => e.index)).toEqual([2]);
      expect(log.configurations[0]!.configuration).toEqual(configuration);
    });
  });
}
