/**
 * A view of the keyspace as it was when the view was opened, read out as the chunks of a snapshot.
 * Opening copies the header and nothing else; granules that change later are handed over by the
 * regions before they do (paged-region.ts) and let go once they were read.
 */

import { limits } from '../limits.js';
import { type Header, INT_COUNT, NUM_COUNT } from './header.js';
import { type KeyspaceState, Kind } from './keyspace-state.js';
import type { GranuleKeeper, OpenViews, PagedRegion } from './paged-region.js';
import {
  CHUNK_HEADER_BYTES,
  checksum,
  HEADER_BYTES,
  HEADER_PREFIX_BYTES,
  type Part,
  SNAPSHOT_MAGIC,
  SNAPSHOT_VERSION,
  snapshotParts,
} from './snapshot-format.js';

/** Copies of one page, by granule. */
type Granules = (Uint8Array | undefined)[];

export class SnapshotView implements GranuleKeeper {
  readonly epoch: number;
  private readonly views: OpenViews;
  private readonly regions: readonly (PagedRegion | null)[];
  private readonly header: Header;
  /** By region and page: a map of all granules would be made anew, at once, as it grows. */
  private readonly kept: readonly Map<number, Granules>[];
  private readonly parts: Iterator<Part, void, void>;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private headerSent = false;
  private open = true;
  /** What was read last: everything before it in the order of parts is no longer needed. */
  private passed: Part = { kind: Kind.header, page: 0, start: 0, end: 0 };

  constructor(state: KeyspaceState) {
    this.views = state.views;
    this.epoch = state.views.nextEpoch();
    this.regions = state.regions;
    this.header = { nums: state.header.nums.slice(), ints: state.header.ints.slice() };
    this.kept = state.regions.map(() => new Map());
    this.parts = snapshotParts(this.header, (kind, word) => this.metaWord(kind, word));
    this.words = new Int32Array((CHUNK_HEADER_BYTES + limits.snapshotChunkBytes) / 4);
    this.bytes = new Uint8Array(this.words.buffer);
    this.views.open(this);
  }

  /** The next chunk, or null after the last one. The array is valid until the next call. */
  next(): Uint8Array | null {
    if (!this.open) return null;
    if (!this.headerSent) {
      this.headerSent = true;
      return this.headerChunk();
    }
    const part = this.parts.next();
    if (part.done) return null;
    return this.partChunk(part.value);
  }

  /** Lets all memory go. Needed also after the last chunk; may be called twice. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.views.close(this);
    for (const pages of this.kept) pages.clear();
  }

  /** OpenViews.giveBack, after close(). */
  giveBack(): boolean {
    return this.views.giveBack();
  }

  needs(region: PagedRegion, page: number, granule: number): boolean {
    if (this.regions[region.kind] !== region) return false;
    // The descriptions of pages are read until the end.
    if (region.kind <= Kind.ownMeta) return true;
    const { passed } = this;
    if (region.kind !== passed.kind) return region.kind > passed.kind;
    if (page !== passed.page) return page > passed.page;
    return (granule + 1) * region.granuleBytes > passed.end;
  }

  keep(region: PagedRegion, page: number, granule: number, bytes: Uint8Array): void {
    const pages = this.kept[region.kind]!;
    let granules = pages.get(page);
    if (granules === undefined) {
      granules = new Array(region.granuleCount(page));
      pages.set(page, granules);
    }
    granules[granule] = bytes;
  }

  private metaWord(kind: number, word: number): number {
    const region = this.regions[kind]!;
    const page = Math.floor((word * 4) / region.pageBytes);
    const inPage = word * 4 - page * region.pageBytes;
    const granule = Math.floor(inPage / region.granuleBytes);
    const kept = this.kept[kind]!.get(page)?.[granule];
    if (kept === undefined) return region.words[page]![inPage / 4]!;
    const at = inPage - granule * region.granuleBytes;
    return new DataView(kept.buffer, kept.byteOffset).getInt32(at, true);
  }

  private headerChunk(): Uint8Array {
    const prefix = [SNAPSHOT_MAGIC, SNAPSHOT_VERSION, NUM_COUNT, INT_COUNT];
    this.words.set(prefix, CHUNK_HEADER_BYTES / 4);
    const { nums, ints } = this.header;
    const numsAt = CHUNK_HEADER_BYTES + HEADER_PREFIX_BYTES;
    this.bytes.set(new Uint8Array(nums.buffer), numsAt);
    this.bytes.set(new Uint8Array(ints.buffer), numsAt + nums.byteLength);
    return this.seal({ kind: Kind.header, page: 0, start: 0, end: HEADER_BYTES });
  }

  private partChunk(part: Part): Uint8Array {
    const region = this.regions[part.kind]!;
    this.letPassedGo(part);
    const kept = this.kept[part.kind]!.get(part.page);
    for (let at = part.start; at < part.end; ) {
      const granule = Math.floor(at / region.granuleBytes);
      const start = granule * region.granuleBytes;
      const end = Math.min(part.end, start + region.granuleBytes);
      const bytes = kept?.[granule] ?? region.granule(part.page, granule);
      const target = CHUNK_HEADER_BYTES + at - part.start;
      this.bytes.set(bytes.subarray(at - start, end - start), target);
      at = end;
    }
    this.passed = part;
    return this.seal(part);
  }

  private letPassedGo(next: Part): void {
    const { kind, page } = this.passed;
    // The descriptions of pages are read until the end.
    if (kind > Kind.ownMeta && (kind !== next.kind || page !== next.page)) {
      this.kept[kind]!.delete(page);
    }
  }

  private seal(part: Part): Uint8Array {
    const end = CHUNK_HEADER_BYTES + part.end - part.start;
    this.words[0] = part.kind;
    this.words[1] = part.page;
    this.words[2] = part.start;
    this.words[3] = checksum(this.words.subarray(CHUNK_HEADER_BYTES / 4, end / 4));
    return this.bytes.subarray(0, end);
  }
}
