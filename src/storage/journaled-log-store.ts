/**
 * The log of one group: entries become durable in the journal and stay there until they are
 * compacted. What the journal has no room for goes on to LevelDB, oldest first, as does all that is
 * not an entry. Invariant: LevelDB has the log through some entry, the journal all behind that, in
 * the generations that LevelDB names; what makes records untrue names new ones in the same write.
 */
import { randomBytes } from 'node:crypto';
import { seal, unseal } from '../codec/sealed.js';
import { assert } from '../errors.js';
import { limits } from '../limits.js';
import type { LogStore } from '../ports.js';
import type { LogWrite } from '../raft/effects.js';
import type { Entry, LogIndex, RestoredLog, SnapshotMeta } from '../raft/types.js';
import { Journal } from './journal.js';
import { type Generation, saltBytes } from './journal-record.js';
import type { BatchOperation } from './level-database.js';
import { LevelLogStore, type LevelLogStoreOptions } from './level-log-store.js';
import { journalKey } from './log-keys.js';

export interface JournaledLogStoreOptions extends LevelLogStoreOptions {
  readonly journalFile: string;
}

/** From such a share of the journal on it grows. */
const growsFrom = 1 / 2;
/** Where it cannot, LevelDB gets what is above that share once it is filled so far. */
const movesFrom = 3 / 4;

/** Builds that knew one generation only must not open what has several. */
const generationsVersion = 3;

export class JournaledLogStore implements LogStore {
  private readonly log: LevelLogStore;
  private journal: Journal | null = null;
  /** LevelDB takes one thing at a time. */
  private turn: Promise<void> = Promise.resolve();
  /** Writes that could not begin at once, and everything behind them. */
  private waiting: Promise<void> = Promise.resolve();
  private waitingCount = 0;
  private lastAppend: Promise<void> = Promise.resolve();
  /** Room is made in the journal before it is needed. */
  private makingRoom: Promise<void> | null = null;
  private closing = false;
  /** Of what was compacted away. */
  private removal: Promise<void> = Promise.resolve();
  private failed: unknown = null;

  constructor(private readonly options: JournaledLogStoreOptions) {
    this.log = new LevelLogStore(options);
  }

  async load(windowBytesMax: number): Promise<RestoredLog> {
    const more = (from: LogIndex) => this.entriesFrom(from);
    if (this.journal !== null) return this.log.load(windowBytesMax, more);
    const journal = await this.openJournal();
    try {
      await this.recover(journal);
      const restored = await this.log.load(windowBytesMax, more);
      await this.beginAfterStart();
      return restored;
    } catch (error) {
      // What is refused stays as it is.
      this.journal = null;
      journal.close();
      throw error;
    }
  }

  write(write: LogWrite): Promise<void> {
    if (this.failed !== null) return Promise.reject(this.failed);
    if (this.waitingCount === 0 && this.fitsNow(write)) return this.append(write);
    return this.afterOthers(() => this.writeWhenPossible(write));
  }

  async read(from: LogIndex, maxBytes: number): Promise<readonly Entry[]> {
    if (from > this.log.last) {
      const entries = await this.journal!.read(from, maxBytes);
      if (entries !== null) return entries;
    }
    // Also what went there meanwhile.
    return this.log.read(from, maxBytes);
  }

  compact(through: LogIndex, snapshot: SnapshotMeta): Promise<void> {
    const termOf = async (index: LogIndex) => (await this.read(index, 1))[0]!.term;
    const compacted = this.inTurn(async () => {
      const superfluous = await this.log.compact(through, snapshot, termOf);
      this.journal!.release(this.log.last);
      return superfluous;
    });
    // Beside other writes: no entry comes to these places any more.
    this.removal = compacted.then((superfluous) => this.log.remove(superfluous));
    return this.removal;
  }

  /** The journal's records are of another history, or older than the snapshot. */
  reset(snapshot: SnapshotMeta): Promise<void> {
    return this.afterOthers(async () => {
      await this.lastAppend;
      await this.inTurn(() => this.beginGeneration(0, (named) => this.log.reset(snapshot, named)));
    });
  }

  async close(): Promise<void> {
    if (this.journal === null) return;
    this.closing = true;
    this.journal.stopGrowing();
    await this.waiting;
    await this.lastAppend;
    await this.makingRoom;
    await this.turn;
    await this.removal.catch(() => {});
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

  private append({ entries, hardState }: Pick<LogWrite, 'entries' | 'hardState'>): Promise<void> {
    const { durableIndex } = this.options;
    const durable = entries.length === 0 ? this.lastAppend : this.appendEntries(entries);
    const done = durable.then(() => {
      for (const { index } of entries.slice(-1)) durableIndex.advance(index);
      if (hardState !== null) durableIndex.recordCommit(hardState.commit);
      this.keepRoom();
    });
    this.lastAppend = done.catch((error: unknown) => this.fail(error));
    return done;
  }

  private async appendEntries(entries: readonly Entry[]): Promise<void> {
    const last = this.journal!.last ?? this.log.last;
    assert(entries[0]!.index === last + 1, `entry ${entries[0]!.index} after ${last}`);
    await this.journal!.append(entries);
  }

  private keepRoom(): void {
    const journal = this.journal!;
    const from = journal.canGrow ? growsFrom : movesFrom;
    if (journal.usedShare < from || this.makingRoom !== null || this.closing) return;
    const made = journal.canGrow ? journal.grow() : this.makeRoom();
    // The next write tells of a failure.
    this.makingRoom = made
      .catch(() => {})
      .then(() => {
        this.makingRoom = null;
      });
  }

  private async makeRoom(): Promise<void> {
    const journal = this.journal!;
    while (journal.usedShare > growsFrom && !this.closing) if (!(await this.move())) return;
  }

  /** The oldest entries of the journal go to LevelDB; false: there are none. */
  private move(): Promise<boolean> {
    return this.inTurn(async () => {
      const entries = await this.journal!.read(this.log.last + 1, limits.journalMoveBytes);
      if (entries === null) return false;
      await this.log.add(entries);
      this.journal!.release(this.log.last);
      return true;
    });
  }

  // The others.

  private async writeWhenPossible(write: LogWrite): Promise<void> {
    await this.lastAppend;
    if (!write.appends) await this.inTurn(() => this.writeAlone(write));
    const { entries, appends } = write;
    if (entries.length === 0) return appends ? this.append(write) : undefined;
    const hardState = appends ? write.hardState : null;
    const journal = this.journal!;
    const takes = journal.takes(entries);
    while (!(takes && journal.hasRoom(entries)) && (await this.move()));
    if (takes) return this.append({ entries, hardState });
    const rest = { ...write, hardState, truncateFrom: null };
    await this.inTurn(() => this.log.write(rest));
  }

  /** A vote, a truncation or both; the entries that came with it follow, or are lost alone. */
  private writeAlone(write: LogWrite): Promise<void> {
    const rest = { ...write, entries: [] };
    if (write.truncateFrom === null) return this.log.write(rest);
    return this.beginGeneration(write.truncateFrom - 1, (named) => this.log.write(rest, named));
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

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(() => this.unlessFailed(work));
    this.turn = done.then(
      () => {},
      (error: unknown) => this.fail(error),
    );
    return done;
  }

  /** What comes behind a failed write would leave a gap where that was. */
  private unlessFailed<T>(work: () => Promise<T>): Promise<T> {
    return this.failed === null ? work() : Promise.reject(this.failed);
  }

  /** Whoever asked hears of it, and so does every later write. */
  private fail(error: unknown): void {
    this.failed ??= error;
  }

  // The journal as a whole.

  private async openJournal(): Promise<Journal> {
    const { fsync, journalFile: file } = this.options;
    const [capacity, capacityMax] = [limits.journalBytes, limits.journalBytesMax];
    this.journal = await Journal.open({ file, capacity, capacityMax, fsync });
    return this.journal;
  }

  private async recover(journal: Journal): Promise<void> {
    const { database, group } = this.options;
    const stored = await database.get(journalKey(group));
    const last = await this.log.storedThrough();
    const what = `${database.path}: the generations of the journal`;
    if (stored !== null) await journal.recover(unsealGenerations(stored, what), last);
  }

  /** What a crash left half written must not come back. */
  private async beginAfterStart(): Promise<void> {
    const { database, fsync, durableIndex } = this.options;
    const end = this.journal!.last ?? this.log.last;
    const missing = end === 0 ? await this.log.missingHardState() : [];
    await this.beginGeneration(end, (named) => database.batch([...missing, ...named], fsync));
    if (end > 0) durableIndex.advance(end);
  }

  /**
   * From now on the journal's entries beyond `through` count no more. `write` is one atomic write
   * of what makes it so; no write to the journal is under way.
   */
  private async beginGeneration(
    through: LogIndex,
    write: (named: BatchOperation[]) => Promise<void>,
  ): Promise<void> {
    const generations = this.journal!.generationsAfter(through, randomBytes(saltBytes));
    const value = sealGenerations(generations);
    await write([{ type: 'put', key: journalKey(this.options.group), value }]);
    this.journal!.begin(generations, through);
    // Of a record that LevelDB has half of nothing may be left to wait for.
    this.journal!.release(this.log.last);
  }

  /** What only the journal has, in pieces. */
  private async *entriesFrom(from: LogIndex): AsyncGenerator<Entry> {
    for (let next = from; ; ) {
      const entries = await this.journal!.read(next, limits.journalMoveBytes);
      if (entries === null) {
        const last = this.journal!.last ?? from - 1;
        assert(next > last, `the journal ends at entry ${last}, not at ${next - 1}`);
        return;
      }
      yield* entries;
      next += entries.length;
    }
  }
}

function sealGenerations(generations: readonly Generation[]): Uint8Array {
  return seal(
    generations.flatMap(({ salt, through }) => [salt, through]),
    generationsVersion,
  );
}

function unsealGenerations(bytes: Uint8Array, what: string): Generation[] {
  const fields = unseal(bytes, what, generationsVersion);
  const generations: Generation[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    // Version 2 named one salt and nothing else.
    const through = (fields[at + 1] ?? Number.MAX_SAFE_INTEGER) as LogIndex;
    generations.push({ salt: fields[at] as Uint8Array, through });
  }
  return generations;
}
