/**
 * Builds a keyspace from the chunks of a snapshot, aside from whatever is in use. The result is
 * the very state the view was opened on: the same calls on both go on giving the same bytes.
 */
import { TgError } from '../errors.js';
import { policyName } from './eviction.js';
import { type Header, INT_COUNT, Int, NUM_COUNT, Num, newHeader } from './header.js';
import { Keyspace } from './keyspace.js';
import { KeyspaceState, Kind } from './keyspace-state.js';
import { OpenViews, type PagedRegion } from './paged-region.js';
import {
  CHUNK_HEADER_BYTES,
  checksum,
  corrupt,
  HEADER_BYTES,
  HEADER_PREFIX_BYTES,
  ownBytes,
  type Part,
  SNAPSHOT_MAGIC,
  SNAPSHOT_VERSION,
  snapshotParts,
} from './snapshot-format.js';

const SLOTS_MAX = 2 ** 30;
const SLAB_PAGES_MAX = 2 ** 15;

export class KeyspaceRestorer {
  private state: KeyspaceState | null = null;
  private parts: Iterator<Part, void, void> | null = null;

  /** The next chunk as the view gave it; copied. Throws CORRUPT on damage, UNKNOWN_FORMAT. */
  chunk(bytes: Uint8Array): void {
    const words = wordsOf(bytes);
    if (words[3] !== checksum(words.subarray(CHUNK_HEADER_BYTES / 4))) throw corrupt('checksum');
    if (this.state === null || this.parts === null) this.readHeader(words);
    else this.readPart(this.state, this.parts, words);
  }

  /** All chunks were given. */
  finish(): Keyspace {
    if (this.state === null || this.parts === null) throw corrupt('no header');
    if (!this.parts.next().done) throw corrupt('cut short');
    const { regions, header } = this.state;
    fillUp(regions[Kind.slab]!, header.ints[Int.slabPages]!);
    fillUp(regions[Kind.own]!, header.ints[Int.largeLimit]!);
    return new Keyspace(this.state);
  }

  private readHeader(words: Int32Array): void {
    const header = parseHeader(words);
    const state = new KeyspaceState(new OpenViews(), header);
    this.state = state;
    this.parts = snapshotParts(header, (kind, word) => metaWord(state, kind, word));
  }

  private readPart(
    state: KeyspaceState,
    parts: Iterator<Part, void, void>,
    words: Int32Array,
  ): void {
    const next = parts.next();
    if (next.done) throw corrupt('more chunks than expected');
    const { kind, page, start, end } = next.value;
    if (words[0] !== kind || words[1] !== page || words[2] !== start) throw corrupt('order');
    const payload = words.subarray(CHUNK_HEADER_BYTES / 4);
    if (payload.length * 4 !== end - start) throw corrupt('length of a chunk');
    const region = state.regions[kind]!;
    if (start === 0) {
      fillUp(region, page);
      region.addPage(page, pageBytes(state, region, page));
    }
    region.words[page]!.set(payload, start / 4);
  }
}

/** The bytes as words, copied when they do not lie on a word. */
function wordsOf(bytes: Uint8Array): Int32Array {
  if (bytes.length < CHUNK_HEADER_BYTES || bytes.length % 4 !== 0) throw corrupt('length');
  // Not slice(): of a Node Buffer that would be a view again.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

function parseHeader(words: Int32Array): Header {
  const prefix = CHUNK_HEADER_BYTES / 4;
  if (words[0] !== Kind.header || words[1] !== 0 || words[2] !== 0) throw corrupt('no header');
  if (words[prefix] !== SNAPSHOT_MAGIC) throw corrupt('magic');
  if (words[prefix + 1] !== SNAPSHOT_VERSION) {
    throw new TgError('UNKNOWN_FORMAT', `keyspace snapshot of version ${words[prefix + 1]}`);
  }
  const fits = words[prefix + 2] === NUM_COUNT && words[prefix + 3] === INT_COUNT;
  if (!fits || words.length * 4 !== CHUNK_HEADER_BYTES + HEADER_BYTES) throw corrupt('header');
  const header = newHeader();
  const at = (CHUNK_HEADER_BYTES + HEADER_PREFIX_BYTES) / 4;
  new Int32Array(header.nums.buffer).set(words.subarray(at, at + NUM_COUNT * 2));
  header.ints.set(words.subarray(at + NUM_COUNT * 2));
  checkHeader(header);
  return header;
}

function checkHeader({ nums, ints }: Header): void {
  const within = (at: number, least: number, most: number): void => {
    const value = ints[at]!;
    if (value < least || value > most) throw corrupt(`header field ${at} is ${value}`);
  };
  within(Int.slotLimit, 0, SLOTS_MAX);
  const slots = ints[Int.slotLimit]!;
  for (const at of [Int.size, Int.freeSlot, Int.heapSize, Int.keysWithTtl]) within(at, 0, slots);
  for (const at of [Int.probationHead, Int.probationTail, Int.mainHead, Int.mainTail]) {
    within(at, -1, slots - 1);
  }
  within(Int.bucketCount, 1, SLOTS_MAX);
  within(Int.ghostSets, 0, SLOTS_MAX);
  within(Int.sweepAt, -1, slots);
  within(Int.slabPages, 0, SLAB_PAGES_MAX);
  within(Int.largeLimit, 0, SLOTS_MAX);
  if (policyName(ints[Int.policy]!) === null) throw corrupt('policy');
  for (const at of Object.values(Num)) {
    if (!(nums[at]! >= 0)) throw corrupt('a number of the header');
  }
}

function metaWord(state: KeyspaceState, kind: number, word: number): number {
  const region = state.regions[kind]!;
  const page = Math.floor((word * 4) / region.pageBytes);
  return region.words[page]![(word * 4 - page * region.pageBytes) / 4]!;
}

function pageBytes(state: KeyspaceState, region: PagedRegion, page: number): number {
  if (region.kind !== Kind.own) return region.pageBytes;
  return ownBytes((kind, word) => metaWord(state, kind, word), page);
}

/** Page numbers below `count` that have no memory. */
function fillUp(region: PagedRegion, count: number): void {
  while (region.pageCount < count) region.addPage(region.pageCount, 0);
}
