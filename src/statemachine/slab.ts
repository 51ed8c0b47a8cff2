/**
 * Where keys and values lie: blocks of a size class in pages of 1 MiB, and buffers of their own
 * for what is longer. An entry has one block, its key followed by its value. What is given out,
 * and what lies in freed blocks, depends on the order of calls alone, so replicas agree.
 */
import { assert } from '../errors.js';
import { CLASS_PAGES, type Header, Int } from './header.js';
import type { PagedInts, PagedRegion } from './paged-region.js';
import { BLOCK_BYTES_MAX, classBytes, sizeClassOf } from './size-classes.js';

export const SLAB_PAGE_BYTES = 1024 * 1024;
/** An address is the page (15 bits) and the offset in units of 8 bytes (17 bits). */
const UNIT_SHIFT = 3;
const PAGE_SHIFT = 17;
const OFFSET_MASK = (1 << PAGE_SHIFT) - 1;
const SLAB_PAGES_MAX = 1 << 15;

/** Words that describe a page of the slab. Part of the snapshot format. */
export const PageMeta = {
  /** Size class + 1; 0: the page has no memory. */
  sizeClass: 0,
  /** Blocks in use. */
  used: 1,
  /** Freed blocks, last in first out: offset in units + 1. */
  freeBlock: 2,
  /** Blocks below this were given out at least once; those above are zero. */
  reached: 3,
  /** Neighbours among the pages of the class that have room, or in the list of free pages; + 1. */
  previous: 4,
  next: 5,
} as const;
export const PAGE_META_WORDS = 8;

/** Words that describe a buffer of its own: units of 8 bytes (0: free), next free one + 1. */
export const LARGE_META_WORDS = 2;
const OWN_GROWTH_BYTES_MAX = 1024 * 1024;

export class BlockStore {
  private readonly ints: Int32Array;

  constructor(
    readonly pages: PagedRegion,
    readonly pageMeta: PagedInts,
    readonly own: PagedRegion,
    readonly ownMeta: PagedInts,
    header: Header,
  ) {
    this.ints = header.ints;
  }

  isLarge(length: number): boolean {
    return length > BLOCK_BYTES_MAX;
  }

  /** Address of a block for `length` bytes; its content is undefined but the same everywhere. */
  allocate(length: number, growing: boolean): number {
    if (!this.isLarge(length)) return this.allocateBlock(sizeClassOf(length));
    const spare = growing ? Math.min(length >>> 2, OWN_GROWTH_BYTES_MAX) : 0;
    return this.allocateOwn(length + spare);
  }

  free(address: number, large: boolean): void {
    if (large) this.freeOwn(address);
    else this.freeBlock(address);
  }

  buffer(address: number, large: boolean): Uint8Array {
    return large ? this.own.bytes[address]! : this.pages.bytes[address >>> PAGE_SHIFT]!;
  }

  start(address: number, large: boolean): number {
    return large ? 0 : (address & OFFSET_MASK) << UNIT_SHIFT;
  }

  capacity(address: number, large: boolean): number {
    if (large) return this.own.bytes[address]!.length;
    return classBytes(this.meta(address >>> PAGE_SHIFT, PageMeta.sizeClass) - 1);
  }

  /** Call before bytes from..to of the block change. */
  guard(address: number, large: boolean, from: number, to: number): void {
    if (large) {
      this.own.guard(address, from, to);
      return;
    }
    const start = (address & OFFSET_MASK) << UNIT_SHIFT;
    this.pages.guard(address >>> PAGE_SHIFT, start + from, start + to);
  }

  private meta(page: number, word: number): number {
    return this.pageMeta.get(page * PAGE_META_WORDS + word);
  }

  private setMeta(page: number, word: number, value: number): void {
    this.pageMeta.set(page * PAGE_META_WORDS + word, value);
  }

  private allocateBlock(sizeClass: number): number {
    const first = this.ints[CLASS_PAGES + sizeClass]!;
    const page = first === 0 ? this.openPage(sizeClass) : first - 1;
    const offset = this.takeBlock(page, sizeClass);
    const used = this.meta(page, PageMeta.used) + 1;
    this.setMeta(page, PageMeta.used, used);
    if (used === Math.floor(SLAB_PAGE_BYTES / classBytes(sizeClass))) this.unlink(page, sizeClass);
    return (page << PAGE_SHIFT) | offset;
  }

  /** Offset in units of a block that was free. */
  private takeBlock(page: number, sizeClass: number): number {
    const free = this.meta(page, PageMeta.freeBlock);
    if (free !== 0) {
      const words = this.pages.words[page]!;
      this.setMeta(page, PageMeta.freeBlock, words[((free - 1) << UNIT_SHIFT) >>> 2]!);
      return free - 1;
    }
    const reached = this.meta(page, PageMeta.reached);
    this.setMeta(page, PageMeta.reached, reached + 1);
    return (reached * classBytes(sizeClass)) >>> UNIT_SHIFT;
  }

  private freeBlock(address: number): void {
    const page = address >>> PAGE_SHIFT;
    const offset = address & OFFSET_MASK;
    const sizeClass = this.meta(page, PageMeta.sizeClass) - 1;
    const used = this.meta(page, PageMeta.used);
    if (used === Math.floor(SLAB_PAGE_BYTES / classBytes(sizeClass))) this.link(page, sizeClass);
    const start = offset << UNIT_SHIFT;
    this.pages.guard(page, start, start + 4);
    this.pages.words[page]![start >>> 2] = this.meta(page, PageMeta.freeBlock);
    this.setMeta(page, PageMeta.freeBlock, offset + 1);
    this.setMeta(page, PageMeta.used, used - 1);
    if (used === 1) this.closePage(page, sizeClass);
  }

  private openPage(sizeClass: number): number {
    const { ints } = this;
    const free = ints[Int.freeSlabPage]!;
    const page = free === 0 ? ints[Int.slabPages]! : free - 1;
    if (free === 0) {
      assert(page < SLAB_PAGES_MAX, 'the address space of the slab is used up');
      ints[Int.slabPages] = page + 1;
      this.pageMeta.reserve((page + 1) * PAGE_META_WORDS);
    } else {
      ints[Int.freeSlabPage] = this.meta(page, PageMeta.next);
    }
    this.pages.addPage(page);
    this.setMeta(page, PageMeta.sizeClass, sizeClass + 1);
    this.setMeta(page, PageMeta.freeBlock, 0);
    this.setMeta(page, PageMeta.reached, 0);
    this.link(page, sizeClass);
    return page;
  }

  /** The last page of a class stays, or a key that comes and goes would cost a page each time. */
  private closePage(page: number, sizeClass: number): void {
    if (this.ints[CLASS_PAGES + sizeClass] === page + 1 && this.meta(page, PageMeta.next) === 0) {
      return;
    }
    this.unlink(page, sizeClass);
    this.pages.dropPage(page);
    this.setMeta(page, PageMeta.sizeClass, 0);
    this.setMeta(page, PageMeta.next, this.ints[Int.freeSlabPage]!);
    this.ints[Int.freeSlabPage] = page + 1;
  }

  private link(page: number, sizeClass: number): void {
    const first = this.ints[CLASS_PAGES + sizeClass]!;
    this.setMeta(page, PageMeta.previous, 0);
    this.setMeta(page, PageMeta.next, first);
    if (first !== 0) this.setMeta(first - 1, PageMeta.previous, page + 1);
    this.ints[CLASS_PAGES + sizeClass] = page + 1;
  }

  private unlink(page: number, sizeClass: number): void {
    const previous = this.meta(page, PageMeta.previous);
    const next = this.meta(page, PageMeta.next);
    if (previous === 0) this.ints[CLASS_PAGES + sizeClass] = next;
    else this.setMeta(previous - 1, PageMeta.next, next);
    if (next !== 0) this.setMeta(next - 1, PageMeta.previous, previous);
    this.setMeta(page, PageMeta.previous, 0);
    this.setMeta(page, PageMeta.next, 0);
  }

  private allocateOwn(length: number): number {
    const { ints, ownMeta } = this;
    const free = ints[Int.freeLarge]!;
    const address = free === 0 ? ints[Int.largeLimit]! : free - 1;
    if (free === 0) {
      ints[Int.largeLimit] = address + 1;
      ownMeta.reserve((address + 1) * LARGE_META_WORDS);
    } else {
      ints[Int.freeLarge] = ownMeta.get(address * LARGE_META_WORDS + 1);
    }
    const units = Math.ceil(length / 8);
    ownMeta.set(address * LARGE_META_WORDS, units);
    ownMeta.set(address * LARGE_META_WORDS + 1, 0);
    this.own.addPage(address, units * 8);
    return address;
  }

  private freeOwn(address: number): void {
    this.own.dropPage(address);
    this.ownMeta.set(address * LARGE_META_WORDS, 0);
    this.ownMeta.set(address * LARGE_META_WORDS + 1, this.ints[Int.freeLarge]!);
    this.ints[Int.freeLarge] = address + 1;
  }
}
