/** Pages in arenas: zeroed, never shared, and given back as a whole. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { PageMemory } from '../../src/statemachine/page-memory.js';
import { type GranuleKeeper, OpenViews, PagedRegion } from '../../src/statemachine/paged-region.js';

const perArena = 4;
const pageBytes = limits.pageArenaBytes / perArena;
const alone = limits.pagesAloneBytes / pageBytes;

describe('PageMemory', () => {
  it('gives buffers of their own, then pages of arenas, all apart', () => {
    const memory = new PageMemory(pageBytes);
    const pages = Array.from({ length: alone + perArena + 1 }, () => memory.take());
    expect(pages.map((page) => memory.isShared(page))).toEqual([
      ...new Array(alone).fill(false),
      ...new Array(perArena + 1).fill(true),
    ]);
    expect(new Set(pages.map(({ buffer }) => buffer)).size).toBe(alone + 2);
    for (const [at, page] of pages.entries()) page.fill(at + 1);
    expect(pages.map((page) => [page[0], page[pageBytes - 1]])).toEqual(
      pages.map((_, at) => [at + 1, at + 1]),
    );
  });

  it('gives out again what was given back, zeroed', () => {
    const memory = new PageMemory(pageBytes);
    const pages = Array.from({ length: alone + perArena }, () => memory.take());
    const [last] = pages.slice(-1);
    last!.fill(1);
    memory.give(last!);
    const again = memory.take();
    expect([again.buffer, again.byteOffset]).toEqual([last!.buffer, last!.byteOffset]);
    expect(again.every((byte) => byte === 0)).toBe(true);
  });

  it('lets an arena go when all of its pages were given back', () => {
    const memory = new PageMemory(pageBytes);
    const pages = Array.from({ length: alone + perArena }, () => memory.take());
    const { buffer } = pages[alone]!;
    for (const page of pages.slice(alone)) memory.give(page);
    expect(memory.take().buffer).not.toBe(buffer);
  });

  it('a view keeps what a dropped page held although its memory is used again', () => {
    const views = new OpenViews();
    const region = new PagedRegion(views, 7, pageBytes, pageBytes / 2);
    const last = alone + perArena - 1;
    for (let page = 0; page <= last; page++) region.addPage(page);
    region.bytes[last]!.fill(1);
    const kept: Uint8Array[] = [];
    views.open({
      epoch: views.nextEpoch(),
      needs: () => true,
      keep: (_region, _page, _granule, bytes) => kept.push(bytes),
    });
    const { buffer } = region.bytes[last]!;
    region.dropPage(last);
    region.addPage(last);
    expect(region.bytes[last]!.buffer).toBe(buffer);
    expect(kept.map((bytes) => [bytes.length, bytes[0]])).toEqual([
      [pageBytes / 2, 1],
      [pageBytes / 2, 1],
    ]);
  });

  it('takes memory for copies as they come, and gives it back piece by piece', () => {
    const views = new OpenViews();
    const region = new PagedRegion(views, 7, pageBytes, pageBytes);
    const copies = 2.5 * perArena;
    for (let page = 0; page < copies; page++) region.addPage(page);
    const kept: Uint8Array[] = [];
    const view: GranuleKeeper = {
      epoch: views.nextEpoch(),
      needs: () => true,
      keep: (_region, _page, _granule, bytes) => kept.push(bytes),
    };
    views.open(view);
    for (let page = 0; page < copies; page++) {
      region.bytes[page]!.fill(page + 1);
      region.guard(page, 0, 1);
    }
    expect(kept.map((bytes) => [bytes[0], bytes.at(-1)])).toEqual(
      kept.map((_, page) => [page + 1, page + 1]),
    );
    expect([kept.length, views.copiedBytes]).toEqual([copies, copies * pageBytes]);
    const buffers = new Set(kept.map(({ buffer }) => buffer));
    const held = () => [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect([buffers.size, held()]).toEqual([4, copies * pageBytes]);
    views.close(view);
    // Another view, of a digest perhaps, comes and goes meanwhile.
    expect(views.giveBack()).toBe(true);
    const other = { ...view, epoch: views.nextEpoch() };
    views.open(other);
    views.close(other);
    for (let left = held(); left > 0; left = held()) {
      expect(views.giveBack()).toBe(left > limits.snapshotCopiesStepBytes);
      expect(left - held()).toBe(limits.snapshotCopiesStepBytes);
    }
    expect(views.giveBack()).toBe(false);
  });
});
