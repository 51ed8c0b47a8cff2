/**
 * A ring of records in one file: where the log is durable, and where most of it stays until it is
 * compacted. A file that grows has its length synced with every write, one that is written over
 * has not; and several writes can be on their way to the disk at once, which LevelDB's own log
 * cannot. They end in the order they began. A failed one is final: the state of the file is then
 * unknown.
 */
import { closeSync, constants, fdatasync, openSync, writev } from 'node:fs';
import { decodeEntry, encodeEntry } from '../codec/log-record.js';
import { assert, TgError, writeFailed } from '../errors.js';
import type { Entry, LogIndex } from '../raft/types.js';
import {
  FileBytes,
  fileMode,
  hasSpaceFor,
  lengthen,
  lengthOf,
  readAt,
  shorten,
} from './journal-file.js';
import {
  blockBytes,
  encodeJournalRecord,
  type Generation,
  type JournalRecord,
  journalRecordBytes,
  journalRecordsAfter,
  recordEntries,
} from './journal-record.js';

export interface JournalOptions {
  readonly file: string;
  /** Length of a new ring in bytes, a multiple of the block. */
  readonly capacity: number;
  /** It grows up to here. */
  readonly capacityMax: number;
  readonly fsync: boolean;
}

/** A record that is needed. */
interface Kept extends JournalRecord {
  lastIndex: LogIndex;
  durable: boolean;
  released: boolean;
}

interface Write {
  done: boolean;
  readonly record: Kept;
  readonly resolve: () => void;
  readonly reject: (error: TgError) => void;
}

/** Linux syncs what one call wrote with the call itself; elsewhere that may not reach the disk. */
const syncsByFlag = process.platform === 'linux';
const syncFlag = syncsByFlag ? constants.O_DSYNC : 0;
/** Between two pieces by which the file grows. */
const growthRestMs = 2;

export class Journal {
  /** Where the next record goes. */
  private head = 0;
  /** The last one is that of new records. */
  private generations: readonly Generation[] = [];
  /** Oldest first. */
  private readonly kept: Kept[] = [];
  private readonly writes: Write[] = [];
  private failed: TgError | null = null;
  private mayGrow = true;

  private constructor(
    private readonly options: JournalOptions,
    private readonly fd: number,
    private capacity: number,
  ) {}

  static async open(options: JournalOptions): Promise<Journal> {
    const { file, fsync } = options;
    try {
      // It may have grown before; records lie nowhere but in whole blocks of it.
      const blocks = Math.floor((await lengthOf(file)) / blockBytes);
      const capacity = Math.max(options.capacity, blocks * blockBytes);
      if (fsync) await lengthen(file, capacity);
      const flags = constants.O_RDWR | constants.O_CREAT;
      const fd = openSync(file, fsync ? flags | syncFlag : flags, fileMode);
      return new Journal(options, fd, capacity);
    } catch (error) {
      throw writeFailed(file, error);
    }
  }

  /** Finds what was written under these generations after entry `last`, as far as it is whole. */
  async recover(generations: readonly Generation[], last: LogIndex): Promise<void> {
    this.generations = generations;
    for (const record of await this.recordsAfter(generations, last)) {
      this.kept.push({ ...record, durable: true, released: false });
      this.head = record.at + record.bytes;
    }
  }

  private async recordsAfter(
    generations: readonly Generation[],
    last: LogIndex,
  ): Promise<JournalRecord[]> {
    try {
      return await journalRecordsAfter(new FileBytes(this.fd), generations, last);
    } catch (error) {
      throw this.unreadable(error);
    }
  }

  /** The last entry in it; null: it is empty. */
  get last(): LogIndex | null {
    return this.kept[this.kept.length - 1]?.lastIndex ?? null;
  }

  get usedBytes(): number {
    const tail = this.kept[0]?.at;
    if (tail === undefined) return 0;
    return this.head > tail ? this.head - tail : this.capacity - tail + this.head;
  }

  /** Of the whole ring, between 0 and 1. */
  get usedShare(): number {
    return this.usedBytes / this.capacity;
  }

  /** What holds once entries beyond `through` count no more, and new ones come with this salt. */
  generationsAfter(through: LogIndex, salt: Uint8Array): Generation[] {
    const counting = new Set(
      this.kept.filter(({ firstIndex }) => firstIndex <= through).map((record) => record.salt),
    );
    const older = this.generations
      .filter((generation) => counting.has(generation.salt))
      .map((generation) => ({ ...generation, through: Math.min(generation.through, through) }));
    return [...older, { salt, through: Number.MAX_SAFE_INTEGER }];
  }

  /** These are durable: what they leave out is forgotten. */
  begin(generations: readonly Generation[], through: LogIndex): void {
    assert(this.writes.length === 0, 'the journal begins anew during a write');
    this.generations = generations;
    while ((this.kept[this.kept.length - 1]?.firstIndex ?? 0) > through) {
      this.kept.pop()!.released = true;
    }
    const last = this.kept[this.kept.length - 1];
    if (last !== undefined) last.lastIndex = Math.min(last.lastIndex, through);
  }

  /** False for what should not fill most of the ring. */
  takes(entries: readonly Entry[]): boolean {
    return journalRecordBytes(entries) <= this.capacity / 4;
  }

  hasRoom(entries: readonly Entry[]): boolean {
    return this.placeFor(journalRecordBytes(entries)) !== null;
  }

  /** Resolves when these entries and all before them are durable. */
  append(entries: readonly Entry[]): Promise<void> {
    if (this.failed !== null) return Promise.reject(this.failed);
    const bytes = journalRecordBytes(entries);
    const at = this.placeFor(bytes);
    const generation = this.generations[this.generations.length - 1];
    assert(at !== null && generation !== undefined, 'the journal has no room');
    const { salt } = generation;
    const [firstIndex, lastIndex] = [entries[0]!.index, entries[entries.length - 1]!.index];
    const record = { at, bytes, firstIndex, lastIndex, salt, durable: false, released: false };
    this.kept.push(record);
    this.head = at + bytes;
    const pieces = encodeJournalRecord(salt, entries);
    return new Promise((resolve, reject) => {
      const write = { done: false, record, resolve, reject };
      this.writes.push(write);
      this.start(pieces, at, bytes, write);
    });
  }

  /** Entries from `from` on, at least one; null when it does not have them, or no longer. */
  async read(from: LogIndex, maxBytes: number): Promise<Entry[] | null> {
    const records = this.recordsFrom(from, maxBytes);
    const entries: Entry[] = [];
    let bytes = 0;
    for (let at = 0; at < records.length; ) {
      const run = runAt(records, at);
      const buffer = await this.readRun(run);
      // What was released may have been written over meanwhile.
      if (records.some(({ released }) => released)) return null;
      for (const entry of run.flatMap((record) => this.entriesOf(record, buffer, run[0]!.at))) {
        if (entry.index < from) continue;
        bytes += entry.data.length;
        if (entries.length > 0 && bytes > maxBytes) return entries;
        entries.push(entry);
      }
      at += run.length;
    }
    return entries.length === 0 ? null : entries;
  }

  /** Entries through this one are not needed any more: their place may be used again. */
  release(through: LogIndex): void {
    const keptFrom = this.kept.findIndex(({ lastIndex }) => lastIndex > through);
    const gone = this.kept.splice(0, keptFrom < 0 ? this.kept.length : keptFrom);
    for (const record of gone) record.released = true;
  }

  /** While records lie around its end, more ring behind that end would be of no use. */
  get canGrow(): boolean {
    const isStraight = this.head >= (this.kept[0]?.at ?? 0);
    return this.mayGrow && isStraight && this.capacity < this.options.capacityMax;
  }

  /**
   * Twice the ring. Where the disk has no space to spare it stays as it is from then on. Not to be
   * called before the last call resolved.
   */
  async grow(): Promise<void> {
    const { file, fsync, capacityMax } = this.options;
    const capacity = Math.min(capacityMax, 2 * this.capacity);
    try {
      if (!(await hasSpaceFor(file, capacity - this.capacity))) this.mayGrow = false;
      if (!this.mayGrow) return;
      if (!fsync) this.capacity = capacity;
      else await lengthen(file, capacity, (bytes) => this.lengthened(bytes));
    } catch {
      this.mayGrow = false;
      // At worst the file stays longer than the ring.
      await shorten(file, this.capacity).catch(() => {});
    }
  }

  /** Also in the midst of it: grow() resolves soon. */
  stopGrowing(): void {
    this.mayGrow = false;
  }

  /** With a rest for the writes of the log, whose syncs wait for that of the new length. */
  private async lengthened(bytes: number): Promise<boolean> {
    this.capacity = bytes;
    await new Promise((resolve) => setTimeout(resolve, growthRestMs));
    return this.mayGrow;
  }

  close(): void {
    assert(this.writes.length === 0, 'the journal is closed during a write');
    // A failed write may have others beside it that go on: the file ends with the process.
    if (this.failed === null) closeSync(this.fd);
  }

  /** Records lie one behind the other; what does not fit at the end goes to the beginning. */
  private placeFor(bytes: number): number | null {
    const { head, capacity } = this;
    const tail = this.kept[0]?.at;
    if (tail === undefined) return head + bytes <= capacity ? head : 0;
    // The head never comes up to the tail from behind: then a full ring would look empty.
    if (head <= tail) return head + bytes < tail ? head : null;
    if (head + bytes <= capacity) return head;
    return bytes < tail ? 0 : null;
  }

  private start(pieces: readonly Uint8Array[], at: number, bytes: number, write: Write): void {
    writev(this.fd, pieces, at, (error, written) => {
      if (error !== null) return this.fail(error);
      if (written !== bytes) return this.fail(new Error(`${written} of ${bytes} bytes written`));
      if (!this.options.fsync || syncsByFlag) return this.ended(write);
      fdatasync(this.fd, (failure) => (failure === null ? this.ended(write) : this.fail(failure)));
    });
  }

  private ended(write: Write): void {
    write.done = true;
    while (this.writes[0]?.done === true) {
      const first = this.writes.shift()!;
      first.record.durable = true;
      first.resolve();
    }
  }

  private fail(error: Error): void {
    this.failed ??= writeFailed(this.options.file, error);
    for (const write of this.writes.splice(0)) write.reject(this.failed);
  }

  /** Durable ones, the first of which holds entry `from`. */
  private recordsFrom(from: LogIndex, maxBytes: number): Kept[] {
    const { kept } = this;
    let at = kept.findIndex(({ lastIndex }) => lastIndex >= from);
    if (at < 0 || kept[at]!.firstIndex > from) return [];
    const records: Kept[] = [];
    for (let bytes = 0; kept[at]?.durable === true && bytes <= maxBytes; at++) {
      records.push(kept[at]!);
      bytes += kept[at]!.bytes;
    }
    return records;
  }

  private readRun(run: readonly Kept[]): Promise<Buffer> {
    const from = run[0]!.at;
    const bytes = run[run.length - 1]!.at + run[run.length - 1]!.bytes - from;
    return readAt(this.fd, Buffer.allocUnsafeSlow(bytes), from).catch((error: unknown) => {
      throw this.unreadable(error);
    });
  }

  private entriesOf(record: Kept, run: Buffer, runAt: number): Entry[] {
    const entries = recordEntries(run, record.at - runAt, record.salt);
    if (entries === null) throw this.unreadable(`entry ${record.firstIndex} is damaged`);
    const counting = entries.filter(({ index }) => index <= record.lastIndex);
    // Kept for long, a view of some bytes would keep all that was read with them.
    return counting.map((entry) => decodeEntry(new Uint8Array(encodeEntry(entry)), false));
  }

  private unreadable(cause: unknown): TgError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new TgError('CORRUPT', `${this.options.file} cannot be read: ${reason}`, { cause });
  }
}

/** The records from `from` on that lie one behind the other: one read takes them all. */
function runAt(records: readonly Kept[], from: number): Kept[] {
  let to = from + 1;
  while (records[to]?.at === records[to - 1]!.at + records[to - 1]!.bytes) to++;
  return records.slice(from, to);
}
