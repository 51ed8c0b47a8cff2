/**
 * All state of a keyspace, put together: the header and the regions, and the structures that work
 * on them. None of the structures keeps anything of its own, so header and regions are the whole
 * snapshot, and a fresh state is a flushed keyspace.
 */

import { Databases } from './databases.js';
import { DueHeap } from './due-heap.js';
import { type EvictionPolicy, type PolicyName, policyNumbers } from './eviction.js';
import { GhostTable } from './ghosts.js';
import { HashIndex } from './hash-index.js';
import { type Header, Int, Num, newHeader } from './header.js';
import { NoEvictionPolicy } from './no-eviction.js';
import { type OpenViews, PagedInts, PagedRegion } from './paged-region.js';
import { RecencyQueue } from './recency-queue.js';
import {
  Field,
  keyLengthOf,
  Queue,
  RECORD_GRANULE_BYTES,
  RECORD_PAGE_BYTES,
  RecordTable,
} from './record-table.js';
import { BlockStore, SLAB_PAGE_BYTES } from './slab.js';
import { ThrashDuel } from './thrash-duel.js';
import { TimingWheel } from './timing-wheel.js';
import { TlruPolicy } from './tlru.js';
import { DuePolicy } from './tlru-due.js';

/** Regions in the order in which a snapshot holds them. */
export const Kind = {
  header: 0,
  slabMeta: 1,
  ownMeta: 2,
  buckets: 3,
  records: 4,
  ghosts: 5,
  heap: 6,
  slab: 7,
  own: 8,
} as const;

const KiB = 1024;
/**
 * Copied as a whole when it changes first while a view is open. What is written in a moment lies
 * anywhere, so each key may cost several copies, and memory that is new to the process costs most:
 * with 64 KiB a thousand keys took 30 ms, with 16 KiB still as much where pages came slowly.
 */
export const GRANULE_BYTES = 4 * KiB;
/** Of long values, which are written as a whole. */
const OWN_GRANULE_BYTES = 16 * KiB;
export const META_PAGE_BYTES = 128 * KiB;
export const TABLE_PAGE_BYTES = 256 * KiB;
/** TLRU.md: what an entry is charged beside its key and value. */
export const CHARGE_OVERHEAD_BYTES = 56;

const DEFAULT_POLICY = 'allkeys-tlru';

/** A keyspace without keys, limits or time. */
export function newKeyspaceState(views: OpenViews): KeyspaceState {
  const state = new KeyspaceState(views, newHeader());
  state.header.ints[Int.policy] = policyNumbers[DEFAULT_POLICY];
  state.index.initialize();
  return state;
}

export class KeyspaceState {
  /** By kind; the header's place is empty. */
  readonly regions: readonly (PagedRegion | null)[];
  readonly records: RecordTable;
  readonly blocks: BlockStore;
  readonly index: HashIndex;
  readonly wheel: TimingWheel;
  readonly probation: RecencyQueue;
  readonly main: RecencyQueue;
  readonly heap: DueHeap;
  readonly ghosts: GhostTable;
  readonly duel: ThrashDuel;
  readonly databases: Databases;

  constructor(
    readonly views: OpenViews,
    readonly header: Header,
  ) {
    const table = (kind: number, bytes: number): PagedRegion =>
      new PagedRegion(views, kind, bytes, GRANULE_BYTES);
    const slabMeta = table(Kind.slabMeta, META_PAGE_BYTES);
    const ownMeta = table(Kind.ownMeta, META_PAGE_BYTES);
    const buckets = table(Kind.buckets, TABLE_PAGE_BYTES);
    const records = new PagedRegion(views, Kind.records, RECORD_PAGE_BYTES, RECORD_GRANULE_BYTES);
    const ghosts = table(Kind.ghosts, TABLE_PAGE_BYTES);
    const heap = table(Kind.heap, TABLE_PAGE_BYTES);
    const slab = table(Kind.slab, SLAB_PAGE_BYTES);
    const own = new PagedRegion(views, Kind.own, SLAB_PAGE_BYTES, OWN_GRANULE_BYTES);
    this.regions = [null, slabMeta, ownMeta, buckets, records, ghosts, heap, slab, own];
    const ints = (region: PagedRegion): PagedInts => new PagedInts(views, region);
    this.records = new RecordTable(views, records, header);
    this.blocks = new BlockStore(slab, ints(slabMeta), own, ints(ownMeta), header);
    this.index = new HashIndex(ints(buckets), this.records, this.blocks, header);
    this.wheel = new TimingWheel(this.records, header);
    this.probation = new RecencyQueue(this.records, header.ints, Queue.probation);
    this.main = new RecencyQueue(this.records, header.ints, Queue.main);
    this.heap = new DueHeap(ints(heap), this.records, header);
    this.ghosts = new GhostTable(ints(ghosts), header);
    this.duel = new ThrashDuel(header);
    this.databases = new Databases(header);
  }

  policy(name: PolicyName): EvictionPolicy {
    switch (name) {
      case 'allkeys-tlru':
        return new TlruPolicy(this, false);
      case 'volatile-tlru':
        return new TlruPolicy(this, true);
      case 'tlru-due':
        return new DuePolicy(this);
      case 'noeviction':
        return new NoEvictionPolicy(new TlruPolicy(this, false));
    }
  }

  /** TLRU.md: key bytes + value bytes + 56. */
  chargeOf(slot: number): number {
    const words = this.records.page(slot);
    const at = this.records.at(slot);
    return (
      keyLengthOf(words[at + Field.key]!) + words[at + Field.valueLength]! + CHARGE_OVERHEAD_BYTES
    );
  }

  /** Mean charge of the keys held, rounded down; 0 without keys. */
  meanCharge(): number {
    const size = this.header.ints[Int.size]!;
    return size === 0 ? 0 : Math.floor(this.header.nums[Num.usedBytes]! / size);
  }

  pushProbation(slot: number, atHead: boolean): void {
    const { nums } = this.header;
    if (atHead) this.probation.pushHead(slot);
    else this.probation.pushTail(slot);
    nums[Num.probationBytes] = nums[Num.probationBytes]! + this.chargeOf(slot);
  }

  /** Takes the key out of whatever queue or heap holds it. */
  detach(slot: number): void {
    switch (this.records.queue(slot)) {
      case Queue.probation: {
        const { nums } = this.header;
        this.probation.remove(slot);
        nums[Num.probationBytes] = nums[Num.probationBytes]! - this.chargeOf(slot);
        break;
      }
      case Queue.main:
        this.main.remove(slot);
        break;
      case Queue.heap:
        this.heap.remove(slot);
        break;
    }
  }

  /** The charge of a key held changes by so many bytes. */
  addCharge(slot: number, bytes: number): void {
    const { nums } = this.header;
    nums[Num.usedBytes] = nums[Num.usedBytes]! + bytes;
    if (this.records.queue(slot) !== Queue.probation) return;
    nums[Num.probationBytes] = nums[Num.probationBytes]! + bytes;
  }
}
