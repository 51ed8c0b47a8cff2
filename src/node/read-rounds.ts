/**
 * Confirms the reads of a turn with one ReadIndex round, on the leader and on followers: a token
 * goes to the core and comes back with the index that must be applied here before they run.
 */
import type { ReadReady } from '../raft/effects.js';
import type { LogIndex } from '../raft/types.js';
import { ConfirmedReads } from './confirmed-reads.js';
import { answerLost } from './lost-operations.js';
import type { OperationQueue } from './operation-queue.js';

export interface ReadRoundsOptions {
  readonly queue: OperationQueue;
  readonly requestRead: (token: number) => void;
  readonly appliedIndex: () => LogIndex;
  readonly isLeader: () => boolean;
  /** Asks again, some turns later. */
  readonly retryLater: () => void;
}

export class ReadRounds {
  private nextToken = 1;
  private readonly confirmed: ConfirmedReads;
  /** What must be applied before the local reads of this turn may run. */
  private neededIndex = 0;

  constructor(private readonly options: ReadRoundsOptions) {
    this.confirmed = new ConfirmedReads((token) => options.queue.confirm(token));
  }

  /** A read of this turn may only run when `index` is applied here. */
  need(index: LogIndex): void {
    this.neededIndex = Math.max(this.neededIndex, index);
  }

  /** For all reads gathered since the last time. */
  request(): void {
    const { queue, requestRead } = this.options;
    const token = this.nextToken++;
    const needsRound = queue.assignToken(token);
    const index = this.neededIndex;
    this.neededIndex = 0;
    if (needsRound) requestRead(token);
    else this.ready({ token, index });
  }

  ready(read: ReadReady): void {
    if (read.index < 0) this.unconfirmed(read.token);
    else if (read.index <= this.options.appliedIndex()) this.options.queue.confirm(read.token);
    else this.confirmed.push(read);
  }

  appliedThrough(index: LogIndex): void {
    this.confirmed.appliedThrough(index);
  }

  clear(): void {
    this.confirmed.clear();
  }

  /** A leader asks again, with a new token; elsewhere the client is told to. */
  private unconfirmed(token: number): void {
    const { queue, isLeader, retryLater } = this.options;
    if (isLeader()) {
      queue.retryReads(token);
      retryLater();
    } else queue.failReads(token, (origin) => answerLost(origin, 'read'));
  }
}
