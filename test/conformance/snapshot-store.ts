/** What every SnapshotStore must do. `open` opens a store on what the last one left behind. */
import { afterEach, describe, expect, it } from 'vitest';
import type { SnapshotStore } from '../../src/ports.js';
import { metaAt } from './log-store.js';

export interface SnapshotStoreWorld {
  open(): Promise<SnapshotStore>;
  close(): Promise<void>;
}

const chunk = (text: string) => Buffer.from(text);

async function store(snapshots: SnapshotStore, index: number, term: number, chunks: string[]) {
  const writer = await snapshots.stage(metaAt(index, term));
  for (const text of chunks) await writer.write(chunk(text));
  await writer.commit();
}

async function textOf(snapshots: SnapshotStore, index: number, term: number): Promise<string> {
  let text = '';
  for await (const bytes of snapshots.read(metaAt(index, term))) text += Buffer.from(bytes);
  return text;
}

export function snapshotStoreSuite(name: string, newWorld: () => Promise<SnapshotStoreWorld>) {
  describe(`SnapshotStore: ${name}`, () => {
    let world: SnapshotStoreWorld;
    afterEach(() => world.close());

    it('has nothing at first', async () => {
      world = await newWorld();
      expect(await (await world.open()).latest()).toBeNull();
    });

    it('gives back what was committed, also after a restart', async () => {
      world = await newWorld();
      await store(await world.open(), 10, 2, ['one ', 'two ', 'three']);
      const again = await world.open();
      expect(await again.latest()).toEqual(metaAt(10, 2));
      expect(await textOf(again, 10, 2)).toBe('one two three');
    });

    it('requirement 42: does not show what is staged, nor what was aborted', async () => {
      world = await newWorld();
      const snapshots = await world.open();
      await store(snapshots, 5, 1, ['kept']);
      const staged = await snapshots.stage(metaAt(9, 1));
      await staged.write(chunk('half'));
      expect(await snapshots.latest()).toEqual(metaAt(5, 1));
      await staged.abort();
      expect(await (await world.open()).latest()).toEqual(metaAt(5, 1));
    });

    it('keeps a copy of each chunk', async () => {
      world = await newWorld();
      const snapshots = await world.open();
      const writer = await snapshots.stage(metaAt(3, 1));
      const bytes = chunk('before');
      await writer.write(bytes);
      bytes.write('after!');
      await writer.commit();
      expect(await textOf(snapshots, 3, 1)).toBe('before');
    });

    it('requirement 49: takes the newest by index as a number', async () => {
      world = await newWorld();
      const snapshots = await world.open();
      await store(snapshots, 9, 1, ['nine']);
      await store(snapshots, 100, 1, ['hundred']);
      expect(await snapshots.latest()).toEqual(metaAt(100, 1));
      await store(snapshots, 20, 1, ['twenty']);
      expect(await snapshots.latest()).toEqual(metaAt(100, 1));
      expect(await (await world.open()).latest()).toEqual(metaAt(100, 1));
    });

    it('replaces one at the same place', async () => {
      world = await newWorld();
      const snapshots = await world.open();
      await store(snapshots, 7, 3, ['first']);
      await store(snapshots, 7, 3, ['second']);
      expect(await textOf(await world.open(), 7, 3)).toBe('second');
    });

    it('lets a reader finish although a newer snapshot came', async () => {
      world = await newWorld();
      const snapshots = await world.open();
      await store(snapshots, 5, 1, ['a', 'b']);
      const reader = snapshots.read(metaAt(5, 1))[Symbol.asyncIterator]();
      expect(Buffer.from((await reader.next()).value!).toString()).toBe('a');
      await store(snapshots, 6, 1, ['new']);
      expect(Buffer.from((await reader.next()).value!).toString()).toBe('b');
      expect((await reader.next()).done).toBe(true);
    });

    it('lets a reader finish although the same snapshot came again', async () => {
      world = await newWorld();
      const snapshots = await world.open();
      await store(snapshots, 5, 1, ['a', 'b']);
      const reader = snapshots.read(metaAt(5, 1))[Symbol.asyncIterator]();
      expect(Buffer.from((await reader.next()).value!).toString()).toBe('a');
      await store(snapshots, 5, 1, ['A', 'B']);
      expect(Buffer.from((await reader.next()).value!).toString()).toBe('b');
      expect((await reader.next()).done).toBe(true);
      expect(await textOf(snapshots, 5, 1)).toBe('AB');
      expect(await textOf(await world.open(), 5, 1)).toBe('AB');
    });

    it('refuses to read one it does not have', async () => {
      world = await newWorld();
      const snapshots = await world.open();
      await expect(textOf(snapshots, 1, 1)).rejects.toThrow('no snapshot at 1');
    });
  });
}
