/**
 * Memory in pages, and the copying aside that keeps snapshot views whole.
 *
 * All state lives in regions. A page is divided into granules; whoever is about to change bytes
 * calls guard() first while a view is open. A granule that a view still needs is then copied, once
 * per view, so a view always reads what was there when it was opened. Without views this costs
 * one test of `views.active`. Pages never move and are never copied to grow.
 */
import { assert } from '../errors.js';
import { limits } from '../limits.js';
import { PageMemory } from './page-memory.js';

const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Int32Array(0);

/** What an open view offers to the regions. */
export interface GranuleKeeper {
  /** Regions as numbered at the opening of the view. */
  readonly epoch: number;
  /** False when the view has already passed this granule or knows another region by this number. */
  needs(region: PagedRegion, page: number, granule: number): boolean;
  keep(region: PagedRegion, page: number, granule: number, bytes: Uint8Array): void;
}

/**
 * Copies of granules, many in one buffer: views need thousands within a moment, and as buffers of
 * their own they would wear out the allocator. Buffers double, so that those of a large keyspace
 * are as large as its arenas (page-memory.ts) and leave nothing behind. They can be resized, which
 * gives their memory back without a collection of garbage, of which an idle node makes none. That
 * overwrites it with zeros first, so none has more than was needed.
 */
class Copies {
  readonly buffers: ArrayBuffer[] = [];
  private buffer = new ArrayBuffer(0, { maxByteLength: 0 });
  private used = 0;

  add(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (this.used + length > this.buffer.byteLength) this.makeRoom(length);
    const copy = new Uint8Array(this.buffer, this.used, length);
    copy.set(bytes);
    this.used += length;
    return copy;
  }

  private makeRoom(bytes: number): void {
    if (this.used + bytes > this.buffer.maxByteLength) this.nextBuffer(bytes);
    const { maxByteLength } = this.buffer;
    const step = Math.max(bytes, limits.snapshotCopiesStepBytes);
    this.buffer.resize(Math.min(this.used + step, maxByteLength));
  }

  private nextBuffer(least: number): void {
    const doubled = Math.max(limits.snapshotCopiesBytesMin, 2 * this.buffer.maxByteLength);
    const maxByteLength = Math.max(least, Math.min(doubled, limits.pageArenaBytes));
    this.buffer = new ArrayBuffer(0, { maxByteLength });
    this.buffers.push(this.buffer);
    this.used = 0;
  }
}

/** The open views of one keyspace. Local to the node: no part of the state. */
export class OpenViews {
  active = false;
  /** Grows with each view; a granule marked with it needs no further copy. */
  epoch = 0;
  /** Bytes that were copied because they changed under a view; only grows. */
  copiedBytes = 0;
  private views: GranuleKeeper[] = [];
  /** By region: views are done with one after the other. */
  private readonly copies = new Map<PagedRegion, Copies>();
  /** Of views that are closed. */
  private readonly unused: ArrayBuffer[] = [];

  get count(): number {
    return this.views.length;
  }

  /** Returns the epoch of the view. */
  nextEpoch(): number {
    assert(this.views.length < limits.snapshotViewsMax, 'too many open snapshot views');
    return ++this.epoch;
  }

  open(view: GranuleKeeper): void {
    this.views.push(view);
    this.active = true;
  }

  close(view: GranuleKeeper): void {
    this.views = this.views.filter((open) => open !== view);
    this.active = this.views.length > 0;
    if (this.active) return;
    for (const { buffers } of this.copies.values()) this.unused.push(...buffers);
    this.copies.clear();
  }

  /**
   * Gives some of the memory back that closed views had, less than a ms of work; false when there
   * is no more.
   */
  giveBack(): boolean {
    const last = this.unused.at(-1);
    if (last === undefined) return false;
    last.resize(Math.max(0, last.byteLength - limits.snapshotCopiesStepBytes));
    if (last.byteLength === 0) this.unused.pop();
    return this.unused.length > 0;
  }

  /** Hands a granule last saved in `savedEpoch` to the views that need it; copies at most once. */
  save(
    region: PagedRegion,
    page: number,
    granule: number,
    savedEpoch: number,
    copy: boolean,
  ): void {
    let bytes: Uint8Array | null = null;
    for (const view of this.views) {
      if (view.epoch <= savedEpoch || !view.needs(region, page, granule)) continue;
      bytes ??= copy ? this.copyOf(region, page, granule) : region.granule(page, granule);
      view.keep(region, page, granule, bytes);
    }
  }

  private copyOf(region: PagedRegion, page: number, granule: number): Uint8Array {
    let copies = this.copies.get(region);
    if (copies === undefined) {
      copies = new Copies();
      this.copies.set(region, copies);
    }
    const bytes = region.granule(page, granule);
    this.copiedBytes += bytes.length;
    return copies.add(bytes);
  }
}

export class PagedRegion {
  readonly bytes: Uint8Array[] = [];
  readonly words: Int32Array[] = [];
  /** Per page and granule: the epoch in which it was last saved or made. */
  private readonly epochs: Int32Array[] = [];
  private readonly memory: PageMemory;

  constructor(
    private readonly views: OpenViews,
    /** Which region of the keyspace this is; gives its place in the snapshot. */
    readonly kind: number,
    readonly pageBytes: number,
    readonly granuleBytes: number,
  ) {
    this.memory = new PageMemory(pageBytes);
  }

  get pageCount(): number {
    return this.bytes.length;
  }

  /** Puts zeroed memory at a page number that is new (the next one) or was dropped. */
  addPage(page: number, length = this.pageBytes): void {
    assert(page <= this.bytes.length, 'pages are added in order');
    const bytes = length === this.pageBytes ? this.memory.take() : new Uint8Array(length);
    const epochs = new Int32Array(Math.ceil(length / this.granuleBytes));
    // Views that are open now were opened before these bytes existed.
    if (this.views.epoch > 0) epochs.fill(this.views.epoch);
    this.bytes[page] = bytes;
    this.words[page] = new Int32Array(bytes.buffer, bytes.byteOffset, length >>> 2);
    this.epochs[page] = epochs;
  }

  /** Lets the memory go; views that need it keep it. */
  dropPage(page: number): void {
    const epochs = this.epochs[page]!;
    const bytes = this.bytes[page]!;
    if (this.views.active) {
      const copy = this.memory.isShared(bytes);
      for (let granule = 0; granule < epochs.length; granule++) {
        this.views.save(this, page, granule, epochs[granule]!, copy);
      }
    }
    if (bytes.length === this.pageBytes) this.memory.give(bytes);
    this.bytes[page] = NO_BYTES;
    this.words[page] = NO_WORDS;
    this.epochs[page] = NO_WORDS;
  }

  /** Call before bytes start..end of a page change. */
  guard(page: number, start: number, end: number): void {
    if (!this.views.active || end <= start) return;
    const last = Math.floor((end - 1) / this.granuleBytes);
    for (let granule = Math.floor(start / this.granuleBytes); granule <= last; granule++) {
      this.guardGranule(page, granule);
    }
  }

  guardGranule(page: number, granule: number): void {
    const epochs = this.epochs[page]!;
    const saved = epochs[granule]!;
    if (saved === this.views.epoch) return;
    epochs[granule] = this.views.epoch;
    this.views.save(this, page, granule, saved, true);
  }

  granuleCount(page: number): number {
    return this.epochs[page]!.length;
  }

  granule(page: number, granule: number): Uint8Array {
    const start = granule * this.granuleBytes;
    const bytes = this.bytes[page]!;
    return bytes.subarray(start, Math.min(start + this.granuleBytes, bytes.length));
  }
}

/** A growing array of 32-bit integers over a region; new elements are zero. */
export class PagedInts {
  private readonly shift: number;
  private readonly mask: number;
  private readonly granuleShift: number;

  constructor(
    private readonly views: OpenViews,
    readonly region: PagedRegion,
  ) {
    this.shift = 31 - Math.clz32(region.pageBytes >>> 2);
    this.mask = (1 << this.shift) - 1;
    this.granuleShift = 31 - Math.clz32(region.granuleBytes >>> 2);
    assert(1 << this.shift === region.pageBytes >>> 2, 'a page holds a power of two of integers');
  }

  /** Makes elements 0..count-1 exist: call with each step of growth. */
  reserve(count: number): void {
    while (this.region.pageCount << this.shift < count) this.region.addPage(this.region.pageCount);
  }

  get(at: number): number {
    return this.region.words[at >>> this.shift]![at & this.mask]!;
  }

  set(at: number, value: number): void {
    const page = at >>> this.shift;
    const inPage = at & this.mask;
    if (this.views.active) this.region.guardGranule(page, inPage >>> this.granuleShift);
    this.region.words[page]![inPage] = value;
  }
}
