/** What a client connection has said about itself, and its transaction. */
import type { Args } from '../resp/args.js';
import { TransactionBuilder } from '../statemachine/transaction.js';
import type { Acl } from './acl/acl.js';
import type { User } from './acl/user.js';
import type { AnySpec } from './command-table.js';
import type { MaintenanceMode } from './maintenance.js';

export interface QueuedCommand {
  readonly spec: AnySpec;
  readonly args: Args;
}

/** What a watched key costs beside its bytes, about. */
const watchOverheadBytes = 100;

export class Session {
  authenticated: boolean;
  /** Whose rights count once the connection is authenticated. */
  user: User;
  name = '';
  libraryName = '';
  libraryVersion = '';
  /** READONLY: reads may be stale. */
  readOnly = false;
  /** SELECT. */
  database = 0;
  noEvict = false;
  noTouch = false;
  /** CLIENT MAINT_NOTIFICATIONS; null: off. */
  maintenance: MaintenanceMode | null = null;
  /** After MONITOR. */
  monitors = false;
  /** While a command such as WAIT waits; `unblocked` says how CLIENT UNBLOCK ended it. */
  blocked: { unblocked: 'timeout' | 'error' | null } | null = null;
  /** Null outside MULTI. */
  queued: QueuedCommand[] | null = null;
  /** A command could not be queued: EXEC aborts. */
  dirty = false;
  /** Bytes queued; counted against client-query-buffer-limit. */
  queuedBytes = 0;
  /** Times a key was watched. */
  watchCount = 0;
  /** EXEC was built and waits for a leader or for room: its local commands have run. */
  execution: Args | null = null;
  /** Selected before it was built, as SELECT inside a transaction runs then. */
  private databaseBefore = 0;
  /** Acl.version when it was built. */
  executionVersion = 0;
  readonly transaction = new TransactionBuilder();
  /** Keys of WATCH commands whose versions are not known (yet). */
  private readonly unwatched = new Set<string>();
  private watchBytes = 0;

  constructor(acl: Pick<Acl, 'defaultUser' | 'startsAuthenticated'>) {
    this.user = acl.defaultUser;
    this.authenticated = acl.startsAuthenticated;
  }

  /** EXEC begins to build what it carries out. */
  building(): void {
    this.databaseBefore = this.database;
  }

  /** EXEC was refused as a whole: the client goes on where it was. */
  executionRefused(): void {
    if (this.execution !== null) this.database = this.databaseBefore;
  }

  /** EXEC and DISCARD end the transaction and all watches. */
  endTransaction(): void {
    this.queued = null;
    this.dirty = false;
    this.queuedBytes = 0;
    this.execution = null;
    this.unwatch();
  }

  /** A WATCH was sent. An error text, or null when it may be carried out. */
  askWatch(args: Args, bytesMax: number): string | null {
    if (this.queued !== null) return 'ERR WATCH inside MULTI is not allowed';
    for (let index = 1; index < args.count; index++) {
      const key = this.watchedName(args.text(index));
      if (this.unwatched.has(key)) continue;
      this.watchBytes += key.length + watchOverheadBytes;
      if (this.watchBytes > bytesMax) return 'ERR too many keys are watched';
      this.unwatched.add(key);
    }
    return null;
  }

  watch(key: Uint8Array, version: number): void {
    this.unwatched.delete(this.watchedName(Buffer.from(key).toString('latin1')));
    this.transaction.watch(key, version, this.database);
    this.watchCount++;
  }

  private watchedName(key: string): string {
    return `${this.database} ${key}`;
  }

  /** A WATCH is pending or has failed: EXEC may not rely on it. */
  get watchMissing(): boolean {
    return this.unwatched.size > 0;
  }

  unwatch(): void {
    this.watchCount = 0;
    this.watchBytes = 0;
    this.unwatched.clear();
    this.transaction.clear();
  }

  /** RESET, except for authentication. */
  reset(): void {
    this.endTransaction();
    this.name = '';
    this.database = 0;
    this.readOnly = false;
    this.noEvict = false;
    this.noTouch = false;
  }
}
