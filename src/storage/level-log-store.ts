/**
 * The part of one group's log that is in LevelDB. One record per entry, one atomic batch per
 * write. What LevelDB hides is checked here: every record's checksum, that indexes follow each
 * other, and that the log reaches as far as this directory once promised (requirements 3-6).
 */
import { decodeConfiguration, encodeConfiguration } from '../codec/configuration.js';
import { decodeEntry, encodeEntry } from '../codec/log-record.js';
import { seal, unseal } from '../codec/sealed.js';
import { assert, TgError } from '../errors.js';
import type { LogWrite } from '../raft/effects.js';
import type {
  Entry,
  GroupId,
  HardState,
  LogIndex,
  RestoredLog,
  SnapshotMeta,
  Term,
} from '../raft/types.js';
import type { DurableIndex } from './durable-index.js';
import type { IdentityFile } from './identity-file.js';
import type { BatchOperation, LevelDatabase } from './level-database.js';
import {
  baseKey,
  entryKey,
  hardStateKey,
  indexOfEntryKey,
  KeyKind,
  kindEnd,
  kindStart,
} from './log-keys.js';
import { LogScan } from './log-scan.js';

/** Keys of one batch of removals. */
const removedAtOnce = 1000;

export interface LevelLogStoreOptions {
  readonly database: LevelDatabase;
  readonly group: GroupId;
  readonly identity: IdentityFile;
  readonly durableIndex: DurableIndex;
  readonly fsync: boolean;
}

/** From `from` to below `end`. */
export interface EntryRange {
  readonly from: LogIndex;
  readonly end: LogIndex;
}

const noEntries: EntryRange = { from: 0, end: 0 };

export class LevelLogStore {
  private readonly options: LevelLogStoreOptions;
  private base: SnapshotMeta | null = null;
  private firstIndex: LogIndex = 1;
  private lastIndex: LogIndex = 0;
  /** Term of the entry just before firstIndex. */
  private beforeTerm: Term = 0;
  private writing = false;
  private hardStateStored = false;

  constructor(options: LevelLogStoreOptions) {
    this.options = options;
  }

  /** Index of the last entry; while there is none, of the one before the first. */
  get last(): LogIndex {
    return this.lastIndex;
  }

  /** The same before load(), which reads and checks all of it; reads the base of the log. */
  async storedThrough(): Promise<LogIndex> {
    const { database, group } = this.options;
    await this.loadBase();
    const end = kindEnd(group, KeyKind.entry);
    const key = await database.lastKey(kindStart(group, KeyKind.entry), end);
    return Math.max(this.firstIndex - 1, key === null ? 0 : indexOfEntryKey(key));
  }

  /**
   * What a first start that was killed between the identity file and this database left out. Only
   * for an empty log: where there are entries it is damage.
   */
  async missingHardState(): Promise<BatchOperation[]> {
    const { database, group, identity } = this.options;
    const key = hardStateKey(group);
    if ((await database.get(key)) !== null) return [];
    const { term, votedFor } = identity.identity;
    return [{ type: 'put', key, value: sealHard({ term, votedFor, commit: 0 }) }];
  }

  /** `more`: entries from the given one on that are not in LevelDB. */
  async load(
    windowBytesMax: number,
    more: (from: LogIndex) => AsyncIterable<Entry>,
  ): Promise<RestoredLog> {
    const { database, group } = this.options;
    await this.loadBase();
    const stored = await this.storedHardState();
    this.hardStateStored = stored?.term === this.options.identity.identity.term;
    const scan = new LogScan(
      this.base,
      this.firstIndex,
      this.beforeTerm,
      windowBytesMax,
      stored?.commit ?? 0,
    );
    // Never from the first key there ever was: removed entries make that seek slow (FACTS).
    const from = entryKey(group, this.firstIndex);
    for await (const [key, value] of database.pairs(from, kindEnd(group, KeyKind.entry))) {
      scan.take(indexOfEntryKey(key), decodeEntry(value, true));
    }
    this.lastIndex = scan.lastIndex;
    for await (const entry of more(scan.lastIndex + 1)) scan.take(entry.index, entry);
    this.checkPromise(scan.lastIndex);
    return scan.result(this.hardStateOf(stored, scan.lastIndex));
  }

  private checkPromise(last: LogIndex): void {
    const { database, durableIndex } = this.options;
    if (last >= durableIndex.index) return;
    throw new TgError(
      'CORRUPT',
      `${database.path} ends at entry ${last} but had promised ` +
        `${durableIndex.index}; delete the node's data directory to let it rejoin as a learner`,
    );
  }

  /** `more` belongs to the same atomic batch. */
  async write(write: LogWrite, more: readonly BatchOperation[] = []): Promise<void> {
    assert(!this.writing, 'two log writes at once');
    this.writing = true;
    try {
      await this.writeOne(write, more);
    } finally {
      this.writing = false;
    }
  }

  /** Entries that are durable in the journal already. */
  add(entries: readonly Entry[]): Promise<void> {
    const nothingElse = { seq: 0, hardState: null, truncateFrom: null, afterwards: [] };
    return this.write({ ...nothingElse, entries, sync: true, appends: true });
  }

  async read(from: LogIndex, maxBytes: number): Promise<readonly Entry[]> {
    const { database, group } = this.options;
    if (from < this.firstIndex || from > this.lastIndex) {
      throw new Error(`entry ${from} is not in the log (${this.firstIndex}-${this.lastIndex})`);
    }
    const entries: Entry[] = [];
    let bytes = 0;
    const end = entryKey(group, this.lastIndex + 1);
    for await (const [key, value] of database.pairs(entryKey(group, from), end)) {
      bytes += value.length;
      if (entries.length > 0 && bytes > maxBytes) break;
      const entry = decodeEntry(value, true);
      if (entry.index !== from + entries.length || indexOfEntryKey(key) !== entry.index) {
        throw new TgError('CORRUPT', `${database.path}: entry ${from + entries.length} is missing`);
      }
      entries.push(entry);
    }
    if (entries.length === 0) throw new Error(`entry ${from} was removed meanwhile`);
    return entries;
  }

  /** `termOf`: of an entry of the log, wherever it is. Returns what remove() may remove. */
  async compact(
    through: LogIndex,
    snapshot: SnapshotMeta,
    termOf: (index: LogIndex) => Promise<Term>,
  ): Promise<EntryRange> {
    // A received snapshot was installed while this older one was being saved.
    if (snapshot.lastIncludedIndex < (this.base?.lastIncludedIndex ?? 0)) return noEntries;
    const { database, group, fsync } = this.options;
    const first = Math.max(this.firstIndex, Math.min(through, snapshot.lastIncludedIndex) + 1);
    const superfluous = { from: this.firstIndex, end: Math.min(first, this.lastIndex + 1) };
    this.beforeTerm = await this.termBefore(first, snapshot, termOf);
    const value = sealBase(snapshot, first, this.beforeTerm);
    await database.batch([{ type: 'put', key: baseKey(group), value }], fsync);
    this.base = snapshot;
    this.firstIndex = first;
    this.lastIndex = Math.max(this.lastIndex, first - 1);
    return superfluous;
  }

  /** `more` belongs to the same atomic batch. */
  async reset(snapshot: SnapshotMeta, more: readonly BatchOperation[]): Promise<void> {
    const { database, group, fsync, durableIndex } = this.options;
    assert(!this.writing, 'a reset beside a log write');
    const first = snapshot.lastIncludedIndex + 1;
    const operations: BatchOperation[] = [
      {
        type: 'put',
        key: baseKey(group),
        value: sealBase(snapshot, first, snapshot.lastIncludedTerm),
      },
      ...more,
    ];
    // Entries above the snapshot belong to another history; the ones below may go later.
    for (const removal of removals(group, first, this.lastIndex + 1)) operations.push(removal);
    const superfluous = { from: this.firstIndex, end: Math.min(first, this.lastIndex + 1) };
    durableIndex.record(Math.min(durableIndex.index, snapshot.lastIncludedIndex));
    await database.batch(operations, fsync);
    this.base = snapshot;
    this.firstIndex = first;
    this.beforeTerm = snapshot.lastIncludedTerm;
    this.lastIndex = snapshot.lastIncludedIndex;
    durableIndex.advance(this.lastIndex);
    await this.remove(superfluous);
  }

  /** By their keys: to clear a range LevelDB reads and maps all of it. */
  async remove({ from, end }: EntryRange): Promise<void> {
    const { database, group } = this.options;
    for (let at = from; at < end; at += removedAtOnce) {
      await database.batch(removals(group, at, Math.min(at + removedAtOnce, end)), false);
    }
  }

  private async writeOne(write: LogWrite, more: readonly BatchOperation[]): Promise<void> {
    const { database, group, durableIndex, fsync } = this.options;
    const operations = [...more];
    if (write.hardState !== null) await this.saveVote(write.hardState, operations);
    let last = this.lastIndex;
    if (write.truncateFrom !== null) {
      for (const one of removals(group, write.truncateFrom, last + 1)) operations.push(one);
      last = Math.min(last, write.truncateFrom - 1);
      // Before the batch: a crash in between must not look like a lost tail.
      durableIndex.record(Math.min(durableIndex.index, write.truncateFrom - 1));
    }
    for (const entry of write.entries) {
      assert(entry.index === last + 1, `entry ${entry.index} after ${last}`);
      operations.push(entryPut(group, entry));
      last = entry.index;
    }
    if (operations.length > 0) await database.batch(operations, fsync && write.sync);
    this.lastIndex = last;
    if (write.sync) durableIndex.advance(last);
    if (write.hardState !== null) durableIndex.recordCommit(write.hardState.commit);
  }

  /** Outside LevelDB first: a vote must survive the loss of the log. */
  private async saveVote(hardState: HardState, operations: BatchOperation[]): Promise<void> {
    const { identity, group } = this.options;
    const { term, votedFor } = hardState;
    const known = identity.identity;
    if (this.hardStateStored && known.term === term && known.votedFor === votedFor) return;
    await identity.save({ ...known, term, votedFor });
    operations.push({ type: 'put', key: hardStateKey(group), value: sealHard(hardState) });
    this.hardStateStored = true;
  }

  private async loadBase(): Promise<void> {
    const { database, group } = this.options;
    const stored = await database.get(baseKey(group));
    if (stored === null) return;
    const [snapshot, first, beforeTerm] = unsealBase(
      stored,
      `${database.path}: the base of the log`,
    );
    this.base = snapshot;
    this.firstIndex = first;
    this.beforeTerm = beforeTerm;
  }

  private async termBefore(
    first: LogIndex,
    snapshot: SnapshotMeta,
    termOf: (index: LogIndex) => Promise<Term>,
  ): Promise<Term> {
    if (first === this.firstIndex) return this.beforeTerm;
    if (first === snapshot.lastIncludedIndex + 1) return snapshot.lastIncludedTerm;
    return termOf(first - 1);
  }

  /** Term and commit index as stored; null: there never was a hard state. */
  private async storedHardState(): Promise<{ term: Term; commit: LogIndex } | null> {
    const { database, group, durableIndex } = this.options;
    const stored = await database.get(hardStateKey(group));
    if (stored === null) return null;
    const [term, , commit] = unseal(stored, `${database.path}: the hard state`);
    return { term: term as Term, commit: Math.max(commit as LogIndex, durableIndex.commit) };
  }

  private hardStateOf(
    stored: { term: Term; commit: LogIndex } | null,
    lastIndex: LogIndex,
  ): HardState {
    const { database, identity } = this.options;
    const { term, votedFor } = identity.identity;
    if (stored === null) {
      if (lastIndex === 0) return { term, votedFor, commit: 0 };
      throw new TgError('CORRUPT', `${database.path}: the hard state is missing`);
    }
    if (stored.term > term) {
      throw new TgError('CORRUPT', `${database.path}: the identity file is older than the log`);
    }
    return { term, votedFor, commit: Math.min(stored.commit, lastIndex) };
  }
}

/** Stores one entry. */
function entryPut(group: GroupId, entry: Entry): BatchOperation {
  return { type: 'put', key: entryKey(group, entry.index), value: encodeEntry(entry) };
}

/** Removes the entries from `from` to below `end`. */
function removals(group: GroupId, from: LogIndex, end: LogIndex): BatchOperation[] {
  const length = Math.max(0, end - from);
  return Array.from({ length }, (_, nth) => ({ type: 'del', key: entryKey(group, from + nth) }));
}

function sealHard({ term, votedFor, commit }: HardState): Uint8Array {
  return seal([term, votedFor, commit]);
}

function sealBase(meta: SnapshotMeta, firstIndex: LogIndex, beforeTerm: Term): Uint8Array {
  const { lastIncludedIndex, lastIncludedTerm, configuration } = meta;
  return seal([
    lastIncludedIndex,
    lastIncludedTerm,
    encodeConfiguration(configuration),
    firstIndex,
    beforeTerm,
  ]);
}

function unsealBase(bytes: Uint8Array, what: string): [SnapshotMeta, LogIndex, Term] {
  const [index, term, configuration, first, beforeTerm] = unseal(bytes, what);
  const meta = {
    lastIncludedIndex: index as LogIndex,
    lastIncludedTerm: term as number,
    configuration: decodeConfiguration(configuration as Uint8Array),
  };
  return [meta, first as LogIndex, beforeTerm as Term];
}
