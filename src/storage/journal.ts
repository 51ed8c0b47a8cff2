/**
 * A ring of records in one file of fixed length: where log writes become durable before LevelDB
 * has them. A file that grows has its length synced with every write, one that is written over has
 * not; and several writes can be on their way to the disk at once, which LevelDB's own log cannot.
 * They end in the order they began. A failed one is final: the state of the file is then unknown.
 */
import { closeSync, constants, fdatasync, openSync, writev } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { assert, TgError, writeFailed } from '../errors.js';
import type { Entry, LogIndex } from '../raft/types.js';
import { syncDirectory } from './identity-file.js';
import { encodeJournalRecord, journalEntriesAfter, journalRecordBytes } from './journal-record.js';

export interface JournalOptions {
  readonly file: string;
  /** Length of the ring in bytes, a multiple of the block. */
  readonly capacity: number;
  readonly fsync: boolean;
}

/** A record that LevelDB does not have for certain. */
interface Kept {
  readonly at: number;
  readonly lastIndex: LogIndex;
}

interface Write {
  done: boolean;
  readonly resolve: () => void;
  readonly reject: (error: TgError) => void;
}

/** Linux syncs what one call wrote with the call itself; elsewhere that may not reach the disk. */
const syncsByFlag = process.platform === 'linux';
const syncFlag = syncsByFlag ? constants.O_DSYNC : 0;
const mode = 0o644;

export class Journal {
  /** Where the next record goes. */
  private head = 0;
  private salt: Uint8Array | null = null;
  /** Oldest first. */
  private readonly kept: Kept[] = [];
  private readonly writes: Write[] = [];
  private failed: TgError | null = null;

  private constructor(
    private readonly options: JournalOptions,
    private readonly fd: number,
  ) {}

  static async open(options: JournalOptions): Promise<Journal> {
    const { file, fsync } = options;
    try {
      if (fsync) await fill(options);
      const flags = constants.O_RDWR | constants.O_CREAT;
      return new Journal(options, openSync(file, fsync ? flags | syncFlag : flags, mode));
    } catch (error) {
      throw writeFailed(file, error);
    }
  }

  /** Entries above `last` that were written with this salt, as far as they follow each other. */
  async entriesAfter(salt: Uint8Array, last: LogIndex): Promise<Entry[]> {
    const { file } = this.options;
    try {
      return journalEntriesAfter(await readFile(file), salt, last);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new TgError('CORRUPT', `${file} cannot be read: ${reason}`, { cause: error });
    }
  }

  /** Makes the ring empty: what it holds bears another salt. */
  begin(salt: Uint8Array): void {
    assert(this.writes.length === 0, 'the journal begins anew during a write');
    this.salt = salt;
    this.kept.length = 0;
    this.head = 0;
  }

  /** False for what should not fill most of the ring. */
  takes(entries: readonly Entry[]): boolean {
    return journalRecordBytes(entries) <= this.options.capacity / 4;
  }

  hasRoom(entries: readonly Entry[]): boolean {
    return this.placeFor(journalRecordBytes(entries)) !== null;
  }

  /** Resolves when these entries and all before them are durable. */
  append(entries: readonly Entry[]): Promise<void> {
    if (this.failed !== null) return Promise.reject(this.failed);
    const bytes = journalRecordBytes(entries);
    const at = this.placeFor(bytes);
    assert(at !== null && this.salt !== null, 'the journal has no room');
    this.kept.push({ at, lastIndex: entries[entries.length - 1]!.index });
    this.head = at + bytes;
    const pieces = encodeJournalRecord(this.salt, entries);
    return new Promise((resolve, reject) => {
      const write = { done: false, resolve, reject };
      this.writes.push(write);
      this.start(pieces, at, bytes, write);
    });
  }

  /** LevelDB has everything up to `through`: their place may be used again. */
  release(through: LogIndex): void {
    const keptFrom = this.kept.findIndex(({ lastIndex }) => lastIndex > through);
    this.kept.splice(0, keptFrom < 0 ? this.kept.length : keptFrom);
  }

  close(): void {
    assert(this.writes.length === 0, 'the journal is closed during a write');
    // A failed write may have others beside it that go on: the file ends with the process.
    if (this.failed === null) closeSync(this.fd);
  }

  /** Records lie one behind the other; what does not fit at the end goes to the beginning. */
  private placeFor(bytes: number): number | null {
    const { head } = this;
    const { capacity } = this.options;
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
    while (this.writes[0]?.done === true) this.writes.shift()!.resolve();
  }

  private fail(error: Error): void {
    this.failed ??= writeFailed(this.options.file, error);
    for (const write of this.writes.splice(0)) write.reject(this.failed);
  }
}

/** The whole ring exists from the start, so that later writes change no length of a file. */
async function fill({ file, capacity }: JournalOptions): Promise<void> {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT, mode);
  try {
    let { size } = await handle.stat();
    while (size < capacity) {
      const zeros = Buffer.alloc(capacity - size);
      size += (await handle.write(zeros, 0, zeros.length, size)).bytesWritten;
    }
    // Also when it had its length: whoever made it may have been killed before it was synced.
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncDirectory(path.dirname(file));
}
