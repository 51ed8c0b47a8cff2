/** What a client connection has said about itself, and its transaction. */
import type { Args } from '../resp/args.js';
import { TransactionBuilder } from '../statemachine/transaction.js';
import type { AnySpec } from './command-table.js';

export interface QueuedCommand {
  readonly spec: AnySpec;
  readonly args: Args;
}

export class Session {
  authenticated: boolean;
  name = '';
  libraryName = '';
  libraryVersion = '';
  /** READONLY: reads may be stale. */
  readOnly = false;
  noEvict = false;
  noTouch = false;
  /** Null outside MULTI. */
  queued: QueuedCommand[] | null = null;
  /** A command could not be queued: EXEC aborts. */
  dirty = false;
  /** Bytes queued; counted against client-query-buffer-limit. */
  queuedBytes = 0;
  /** Keys watched; 0 while nothing is. */
  watchCount = 0;
  /** EXEC was built and waits for a leader or for room: its local commands have run. */
  execution: Args | null = null;
  readonly transaction = new TransactionBuilder();

  constructor(authenticated: boolean) {
    this.authenticated = authenticated;
  }

  /** EXEC and DISCARD end the transaction and all watches. */
  endTransaction(): void {
    this.queued = null;
    this.dirty = false;
    this.queuedBytes = 0;
    this.execution = null;
    this.unwatch();
  }

  unwatch(): void {
    this.watchCount = 0;
    this.transaction.clear();
  }

  /** RESET, except for authentication. */
  reset(): void {
    this.endTransaction();
    this.name = '';
    this.readOnly = false;
    this.noEvict = false;
    this.noTouch = false;
  }
}
