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
  /** Bytes of arguments queued; counted against client-query-buffer-limit. */
  queuedBytes = 0;
  /** EXEC as one command, while it waits to be taken. */
  exec: Args | null = null;
  readonly transaction = new TransactionBuilder();

  constructor(authenticated: boolean) {
    this.authenticated = authenticated;
  }

  /** EXEC and DISCARD end the transaction and all watches. */
  endTransaction(): void {
    this.queued = null;
    this.exec = null;
    this.dirty = false;
    this.queuedBytes = 0;
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
