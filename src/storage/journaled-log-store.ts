/**
 * The log of one group: new entries become durable in the journal, and go from there to LevelDB
 * many at a time. Everything else goes to LevelDB at once, when it has all entries before it.
 * Invariant: each entry up to the durable index is in LevelDB, or in the journal under the salt
 * that LevelDB names; a new salt is written before anything that makes older records untrue.
 */
import { randomBytes } from 'node:crypto';
import { seal, unseal } from '../codec/sealed.js';
import { limits } from '../limits.js';
import type { LogStore } from '../ports.js';
import type { LogWrite } from '../raft/effects.js';
import type { Entry, LogIndex, RestoredLog, SnapshotMeta } from '../raft/types.js';
import { Journal } from './journal.js';
import { journalRecordBytes, saltBytes } from './journal-record.js';
import type { BatchOperation } from './level-database.js';
import { entryPut, LevelLogStore, type LevelLogStoreOptions } from './level-log-store.js';
import { journalKey } from './log-keys.js';

export interface JournaledLogStoreOptions extends LevelLogStoreOptions {
  readonly journalFile: string;
}

export class JournaledLogStore implements LogStore {
  private readonly log: LevelLogStore;
  private journal: Journal | null = null;
  /** In the journal and not yet in LevelDB; bytes as they count there. */
  private backlog: Entry[] = [];
  private backlogBytes = 0;
  private moveDue = false;
  /** LevelDB takes one thing at a time. */
  private turn: Promise<void> = Promise.resolve();
  /** Writes that could not begin at once, and everything behind them. */
  private waiting: Promise<void> = Promise.resolve();
  private waitingCount = 0;
  private lastAppend: Promise<void> = Promise.resolve();
  private failed: unknown = null;

  constructor(private readonly options: JournaledLogStoreOptions) {
    this.log = new LevelLogStore(options);
  }

  async load(windowBytesMax: number): Promise<RestoredLog> {
    if (this.journal === null) await this.openJournal();
    else await this.move();
    return this.log.load(windowBytesMax);
  }

  write(write: LogWrite): Promise<void> {
    if (this.failed !== null) return Promise.reject(this.failed);
    if (this.waitingCount === 0 && this.fitsNow(write)) return this.append(write);
    return this.afterOthers(() => this.writeWhenPossible(write));
  }

  async read(from: LogIndex, maxBytes: number): Promise<readonly Entry[]> {
    if (from > this.log.last) await this.move();
    return this.log.read(from, maxBytes);
  }

  async compact(through: LogIndex, snapshot: SnapshotMeta): Promise<void> {
    await this.move();
    await this.log.compact(through, snapshot);
  }

  reset(snapshot: SnapshotMeta): Promise<void> {
    return this.afterOthers(async () => {
      await this.move();
      await this.inTurn(async () => {
        await this.beginJournal([]);
        await this.log.reset(snapshot);
      });
    });
  }

  async close(): Promise<void> {
    if (this.journal === null) return;
    await this.waiting;
    await this.lastAppend;
    await this.turn;
    // What LevelDB does not have the next start finds here.
    this.journal.close();
    this.journal = null;
  }

  // The way of almost all writes.

  private fitsNow({ appends, entries }: LogWrite): boolean {
    if (!appends) return false;
    const journal = this.journal!;
    return entries.length === 0 || (journal.takes(entries) && journal.hasRoom(entries));
  }

  private append(write: LogWrite): Promise<void> {
    const { entries, hardState } = write;
    const { durableIndex } = this.options;
    const durable = entries.length === 0 ? this.lastAppend : this.journal!.append(entries);
    const done = durable.then(() => {
      for (const { index } of entries.slice(-1)) durableIndex.advance(index);
      if (hardState !== null) durableIndex.recordCommit(hardState.commit);
      this.moveLater(entries);
    });
    this.lastAppend = done.catch((error: unknown) => this.fail(error));
    return done;
  }

  private moveLater(entries: readonly Entry[]): void {
    for (const entry of entries) this.backlog.push(entry);
    this.backlogBytes += journalRecordBytes(entries);
    if (this.backlogBytes < limits.journalMoveBytes || this.moveDue) return;
    this.moveDue = true;
    // The next write tells of a failure.
    this.move().catch(() => {});
  }

  /** What is durable in the journal now goes to LevelDB. */
  private move(): Promise<void> {
    return this.inTurn(async () => {
      this.moveDue = false;
      const entries = this.backlog;
      if (entries.length === 0) return;
      this.backlog = [];
      this.backlogBytes = 0;
      await this.log.add(entries);
      this.journal!.release(this.log.last);
    });
  }

  // The others.

  private async writeWhenPossible(write: LogWrite): Promise<void> {
    await this.lastAppend;
    if (write.appends && (write.entries.length === 0 || this.journal!.takes(write.entries))) {
      if (!this.fitsNow(write)) await this.move();
      return this.append(write);
    }
    // A vote alone does not wait for entries.
    if (write.truncateFrom !== null || write.entries.length > 0) await this.move();
    await this.inTurn(async () => {
      if (write.truncateFrom !== null) await this.beginJournal([]);
      await this.log.write(write);
    });
  }

  private afterOthers(work: () => Promise<void>): Promise<void> {
    this.waitingCount++;
    const done = this.waiting
      .then(() => this.unlessFailed(work))
      .finally(() => {
        this.waitingCount--;
      });
    this.waiting = done.catch((error: unknown) => this.fail(error));
    return done;
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.turn.then(() => this.unlessFailed(work));
    this.turn = done.catch((error: unknown) => this.fail(error));
    return done;
  }

  /** What comes behind a failed write would leave a gap where that was. */
  private unlessFailed(work: () => Promise<void>): Promise<void> {
    return this.failed === null ? work() : Promise.reject(this.failed);
  }

  /** Whoever asked hears of it, and so does every later write. */
  private fail(error: unknown): void {
    this.failed ??= error;
  }

  // The journal as a whole.

  private async openJournal(): Promise<void> {
    const { database, group, fsync, journalFile } = this.options;
    const capacity = limits.journalBytes;
    this.journal = await Journal.open({ file: journalFile, capacity, fsync });
    const stored = await database.get(journalKey(group));
    const last = await this.log.storedThrough();
    const entries = stored === null ? [] : await this.left(stored, last);
    const puts = entries.map((entry) => entryPut(group, entry));
    const empty = last === 0 && entries.length === 0;
    await this.beginJournal(empty ? await this.log.missingHardState() : puts);
  }

  /** What the journal alone has. */
  private left(sealed: Uint8Array, last: LogIndex): Promise<Entry[]> {
    const [salt] = unseal(sealed, `${this.options.database.path}: the salt of the journal`);
    return this.journal!.entriesAfter(salt as Uint8Array, last);
  }

  /** One atomic write: `before` is in LevelDB, and no record from before counts any more. */
  private async beginJournal(before: readonly BatchOperation[]): Promise<void> {
    const { database, group, fsync } = this.options;
    const salt = randomBytes(saltBytes);
    const named = { type: 'put' as const, key: journalKey(group), value: seal([salt]) };
    await database.batch([...before, named], fsync);
    this.journal!.begin(salt);
  }
}
