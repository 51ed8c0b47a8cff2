/** Pages in arenas: zeroed, never shared, and given back as a whole. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { PageMemory } from '../../src/statemachine/page-memory.js';
import { OpenViews, PagedRegion } from '../../src/statemachine/paged-region.js';

const pageBytes = limits.pageArenaBytes / 4;

describe('PageMemory', () => {
  it('gives buffers of their own, then pages of arenas, all apart', () => {
    const memory = new PageMemory(pageBytes);
    const pages = Array.from({ length: 9 }, () => memory.take());
    expect(pages.map((page) => memory.isShared(page))).toEqual([
      ...new Array(4).fill(false),
      ...new Array(5).fill(true),
    ]);
    expect(new Set(pages.map(({ buffer }) => buffer)).size).toBe(6);
    for (const [at, page] of pages.entries()) page.fill(at + 1);
    expect(pages.map((page) => [page[0], page[pageBytes - 1]])).toEqual(
      pages.map((_, at) => [at + 1, at + 1]),
    );
  });

  it('gives out again what was given back, zeroed', () => {
    const memory = new PageMemory(pageBytes);
    const pages = Array.from({ length: 8 }, () => memory.take());
    const [last] = pages.slice(-1);
    last!.fill(1);
    memory.give(last!);
    const again = memory.take();
    expect([again.buffer, again.byteOffset]).toEqual([last!.buffer, last!.byteOffset]);
    expect(again.every((byte) => byte === 0)).toBe(true);
  });

  it('lets an arena go when all of its pages were given back', () => {
    const memory = new PageMemory(pageBytes);
    const pages = Array.from({ length: 8 }, () => memory.take());
    const { buffer } = pages[4]!;
    for (const page of pages.slice(4)) memory.give(page);
    expect(memory.take().buffer).not.toBe(buffer);
  });

  it('a view keeps what a dropped page held although its memory is used again', () => {
    const views = new OpenViews();
    const region = new PagedRegion(views, 7, pageBytes, pageBytes / 2);
    for (let page = 0; page < 8; page++) region.addPage(page);
    region.bytes[7]!.fill(1);
    const kept: Uint8Array[] = [];
    views.open({
      epoch: views.nextEpoch(),
      needs: () => true,
      keep: (_region, _page, _granule, bytes) => kept.push(bytes),
    });
    const { buffer } = region.bytes[7]!;
    region.dropPage(7);
    region.addPage(7);
    expect(region.bytes[7]!.buffer).toBe(buffer);
    expect(kept.map((bytes) => [bytes.length, bytes[0]])).toEqual([
      [pageBytes / 2, 1],
      [pageBytes / 2, 1],
    ]);
  });
});
