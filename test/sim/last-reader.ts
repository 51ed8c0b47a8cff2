/** Reads every key through the leader until each read was answered once: what was lost shows. */

import { plainOrigin } from '../node/plain-origin.js';
import { argsOf, specOf } from '../statemachine/words.js';
import { SimFailure } from './failure.js';
import type { History } from './history.js';
import { plain, record } from './requests.js';
import { ErrorReply, parseReply } from './resp.js';
import type { Scheduler } from './scheduler.js';
import { accounts, counters, deadlines, manyKeys, registers, texts } from './sim-client.js';
import type { SimNode } from './sim-node.js';

export interface LastReaderOptions {
  readonly scheduler: Scheduler;
  readonly history: History;
  readonly leader: () => SimNode | null;
  readonly evicting: boolean;
  /** Every deadline has passed. */
  readonly expired: boolean;
}

const retryMs = 60;
/** What is due is gone with the next entry; a leader behind slow links takes a while for that. */
const lateMsMax = 1000;

export class LastReader {
  private readonly missing: Set<string>;
  private readonly goneAt: number;

  constructor(private readonly options: LastReaderOptions) {
    const keys = [...registers, ...deadlines, ...counters, ...texts, ...accounts];
    this.missing = new Set(options.evicting ? manyKeys : keys);
    this.goneAt = options.expired ? options.scheduler.now + lateMsMax : Number.POSITIVE_INFINITY;
    this.ask();
  }

  get done(): boolean {
    return this.missing.size === 0;
  }

  private ask(): void {
    const { scheduler, leader } = this.options;
    const node = leader();
    if (node !== null) {
      for (const key of this.missing) node.after(0, () => this.read(node, key));
    }
    scheduler.after(retryMs, () => {
      if (!this.done) this.ask();
    });
  }

  private read(node: SimNode, key: string): void {
    const { scheduler, history } = this.options;
    const recorder = {
      now: scheduler.now,
      process: history.nextProcess++,
      add: (operation: Parameters<History['add']>[0]) => operation,
      drop: () => {},
    };
    const operation = record(recorder, 'read', key);
    const origin = plainOrigin(() => {
      const reply = parseReply(origin.reply.take()!);
      if (reply instanceof ErrorReply || !this.missing.has(key)) return;
      const isOverdue = this.options.expired && deadlines.includes(key) && reply !== null;
      if (!isOverdue) this.missing.delete(key);
      else if (scheduler.now > this.goneAt) {
        scheduler.fail(new SimFailure('expiry', `${key} is still there long after its deadline`));
      }
      operation.result = plain(reply);
      operation.return = scheduler.now;
      history.add(operation);
    });
    // A refusal is asked again.
    node.group?.read(origin, specOf('get'), argsOf('get', key));
  }
}
