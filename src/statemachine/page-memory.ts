/**
 * Memory for the pages of a region. The first pages are buffers of their own, which fill what room
 * the heap of the process has free. Further ones lie many in a buffer so large that the allocator
 * maps it by itself: between them, what else comes and goes in a process left holes that cost a
 * large keyspace a tenth of its memory. What is mapped and not used yet costs nothing.
 */
import { limits } from '../limits.js';

export class PageMemory {
  private readonly pagesPerArena: number;
  private alone = 0;
  private arena: ArrayBuffer | null = null;
  private used = 0;
  /** Pages given back, by the arena they lie in. */
  private readonly free = new Map<ArrayBufferLike, Uint8Array[]>();

  constructor(private readonly pageBytes: number) {
    this.pagesPerArena = Math.ceil(limits.pageArenaBytes / pageBytes);
  }

  /** A zeroed page. */
  take(): Uint8Array {
    const given = this.takeFree();
    if (given !== null) return given.fill(0);
    if (this.alone * this.pageBytes < limits.pagesAloneBytes) {
      this.alone++;
      return new Uint8Array(this.pageBytes);
    }
    if (this.arena === null || this.used === this.pagesPerArena) {
      this.arena = new ArrayBuffer(this.pagesPerArena * this.pageBytes);
      this.used = 0;
    }
    return new Uint8Array(this.arena, this.used++ * this.pageBytes, this.pageBytes);
  }

  /** Given back, it may be given out again: nobody may keep it. */
  isShared(page: Uint8Array): boolean {
    return page.byteLength < page.buffer.byteLength;
  }

  /** A page that take() gave. */
  give(page: Uint8Array): void {
    if (!this.isShared(page)) {
      this.alone--;
      return;
    }
    const pages = this.free.get(page.buffer) ?? [];
    pages.push(page);
    // An arena without a page in use goes as a whole.
    if (pages.length < this.pagesPerArena) this.free.set(page.buffer, pages);
    else {
      this.free.delete(page.buffer);
      if (this.arena === page.buffer) this.arena = null;
    }
  }

  private takeFree(): Uint8Array | null {
    for (const [arena, pages] of this.free) {
      const page = pages.pop()!;
      if (pages.length === 0) this.free.delete(arena);
      return page;
    }
    return null;
  }
}
