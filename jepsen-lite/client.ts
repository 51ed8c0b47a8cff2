/**
 * One client of a workload: asks one node at a time, records each operation once, and never sends
 * one twice. What a reply promises follows CONTRACT.md: refusals certainly did nothing, a broken
 * connection, a timeout or UNCERTAIN says nothing.
 */
import type { Prng } from '../src/statemachine/prng.js';
import { Connection, type Reply } from './connection.js';
import type { NodeCluster } from './node-cluster.js';
import { Recorder } from './recorder.js';

export type Outcome =
  | { readonly kind: 'done'; readonly replies: readonly Reply[] }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown' };

export type Result =
  | { readonly st: 'ok'; readonly r?: unknown }
  | { readonly st: 'fail' }
  | { readonly st: 'unknown' };

export type Exchange = (...commands: readonly (readonly string[])[]) => Promise<Outcome>;

export interface ClientOptions {
  readonly cluster: NodeCluster;
  readonly history: Recorder;
  readonly random: Prng;
  /** Error replies that no client should ever see. */
  readonly strange: string[];
  readonly home: string;
  /** Leaves its home only when the node is removed; else it follows MOVED and flees trouble. */
  readonly stays: boolean;
  readonly readonly: boolean;
  /** How long it waits for an answer; afterwards the outcome is not known. */
  readonly patienceMs: number;
}

const refusal = /^(MOVED|CLUSTERDOWN|TRYAGAIN|LOADING|OOM|EXECABORT) /;
const afterTroubleMs = 25;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export class Client {
  /** The node it asks. */
  node: string;
  private process: number;
  private connection: Connection | null = null;

  constructor(private readonly options: ClientOptions) {
    this.node = options.home;
    this.process = options.history.newProcess();
  }

  /** `body` exchanges commands and says what they mean. Null when no node could be reached. */
  async operation(
    k: string,
    f: string,
    a: unknown,
    body: (exchange: Exchange) => Promise<Result>,
  ): Promise<Result | null> {
    if (!(await this.connect())) return null;
    const call = Recorder.now();
    const result = await body((...commands) => this.exchange(commands));
    const ret = Recorder.now();
    const argument = a === undefined ? {} : { a };
    this.options.history.add({ p: this.process, k, f, ...argument, call, ret, ...result });
    if (result.st === 'unknown') this.process = this.options.history.newProcess();
    if (result.st !== 'ok') await pause(afterTroubleMs);
    return result;
  }

  /** An operation of one command. */
  command(
    k: string,
    f: string,
    a: unknown,
    words: readonly string[],
    value: (reply: Reply) => unknown = (reply) => reply,
  ): Promise<Result | null> {
    return this.operation(k, f, a, async (exchange) => {
      const outcome = await exchange(words);
      if (outcome.kind !== 'done') return outcomeOf(outcome);
      return { st: 'ok', r: value(outcome.replies[0]!) };
    });
  }

  /** False when nobody answers there; the next try goes elsewhere. */
  async connect(): Promise<boolean> {
    if (this.connection !== null && !this.connection.closed) return true;
    this.connection = await Connection.open(this.options.cluster.address(this.node));
    if (this.connection !== null && this.options.readonly) {
      if ((await this.connection.ask([['READONLY']])) === null) this.connection = null;
    }
    if (this.connection !== null) return true;
    this.moveOn();
    await pause(afterTroubleMs);
    return false;
  }

  close(): void {
    this.connection?.close();
    this.connection = null;
  }

  async exchange(commands: readonly (readonly string[])[]): Promise<Outcome> {
    const replies = (await this.connection?.ask(commands, this.options.patienceMs)) ?? null;
    if (replies === null) {
      this.moveOn();
      return { kind: 'unknown' };
    }
    const errors = replies.filter((reply) => reply instanceof Error);
    if (errors.length === 0) return { kind: 'done', replies };
    for (const { message } of errors) this.hear(message);
    // Of a transaction the last reply decides, if it was one from the beginning.
    const last = replies.at(-1);
    const refused = last instanceof Error && refusal.test(last.message);
    if (refused && (replies[0] === 'OK' || errors.length === replies.length)) {
      return { kind: 'refused' };
    }
    this.moveOn();
    return { kind: 'unknown' };
  }

  private hear(text: string): void {
    const { cluster, stays, strange } = this.options;
    if (!refusal.test(text) && !text.startsWith('UNCERTAIN ')) strange.push(text);
    const port = /^MOVED \d+ .*:(\d+)$/.exec(text)?.[1];
    if (port === undefined) {
      if (refusal.test(text) && !text.startsWith('EXECABORT')) this.moveOn();
      return;
    }
    this.close();
    const leader = cluster.places.find(({ clientPort }) => clientPort === Number(port));
    if (leader === undefined) strange.push(text);
    else if (!stays) this.node = leader.id;
  }

  private moveOn(): void {
    this.close();
    const { cluster, stays, random } = this.options;
    if (stays && cluster.ids.includes(this.node)) return;
    this.node = cluster.ids[random.next() % cluster.ids.length]!;
  }
}

export function outcomeOf({ kind }: Outcome): Result {
  return { st: kind === 'refused' ? 'fail' : 'unknown' };
}
