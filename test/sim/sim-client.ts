/**
 * One client: a connection to a node, a pipeline of requests, no retries. It follows redirects
 * with new requests only; whatever has no answer when the connection ends is of unknown outcome.
 */
import { ReplyBuffer } from '../../src/resp/reply-buffer.js';
import type { Origin } from '../../src/server/group.js';
import { TransactionBuilder } from '../../src/statemachine/transaction.js';
import { SimFailure } from './failure.js';
import type { History } from './history.js';
import type { Operation } from './operations.js';
import {
  audit,
  execSet,
  okay,
  okOrNil,
  plain,
  type Recorder,
  type Request,
  record,
  single,
  transfer,
  type Watched,
  watch,
} from './requests.js';
import { ErrorReply, parseReply } from './resp.js';
import type { Scheduler } from './scheduler.js';
import type { SimNode } from './sim-node.js';

export interface ClientOptions {
  readonly scheduler: Scheduler;
  readonly random: (bound: number) => number;
  readonly history: History;
  readonly nodes: readonly SimNode[];
  /** Mean time between two pipelines in ms. */
  readonly thinkMs: number;
  readonly pipelineMax: number;
  /** An answer that takes longer is not waited for. */
  readonly patienceMs: number;
  /** Reads of any node, as after READONLY. */
  readonly stale: boolean;
  /** A key may vanish at any time: maxkeys is low. */
  readonly evicting: boolean;
  /** A key with a TTL is not gone before this many ms after its SET was sent. */
  readonly earliestExpiry: (ttlMs: number) => number;
}

export const registers = ['r0', 'r1', 'r2'];
export const deadlines = ['t0', 't1'];
export const counters = ['c0', 'c1'];
export const texts = ['a0'];
export const accounts = ['b0', 'b1'];
export const manyKeys = Array.from({ length: 24 }, (_, at) => `k${at}`);

/** A connection: what the node knows of the client. */
class Connection implements Origin {
  readonly reply = new ReplyBuffer();
  pending = 0;
  lastWrite = 0;
  readonly database = 0;
  seenIndex = 0;
  readonly protocol = 2;
  readonly tracker = null;
  readonly inFlight: Request[] = [];
  closed = false;
  /** Counters must not go back where reads may be stale. */
  readonly seen = new Map<string, number>();

  constructor(
    readonly node: SimNode,
    readonly life: number,
    readonly process: number,
    readonly stale: boolean,
    private readonly onReply: (connection: Connection) => void,
  ) {}

  answered(): void {
    if (!this.closed) this.onReply(this);
  }
}

export class SimClient implements Recorder {
  answers = 0;
  private connection: Connection | null = null;
  private watched: Watched | null = null;
  private written = 0;
  private askedAt = 0;
  private stopped = false;
  private aim: SimNode | null = null;
  private nodes: readonly SimNode[];

  constructor(
    private readonly options: ClientOptions,
    private readonly name: string,
  ) {
    this.nodes = options.nodes;
    this.think();
  }

  get now(): number {
    return this.options.scheduler.now;
  }

  get process(): number {
    return this.connection!.process;
  }

  add(operation: Operation): Operation {
    return this.options.history.add(operation);
  }

  drop(operation: Operation): void {
    this.options.history.drop(operation);
  }

  /** The other nodes are of no use any more. */
  moveTo(nodes: readonly SimNode[]): void {
    this.nodes = nodes;
    this.close();
  }

  stop(): void {
    this.stopped = true;
    this.close();
  }

  private think(): void {
    const { random, thinkMs, scheduler } = this.options;
    scheduler.after((random(1000) / 500) * thinkMs, () => {
      if (this.stopped) return;
      this.act();
      this.think();
    });
  }

  private act(): void {
    const { connection } = this;
    if (connection !== null) {
      const gone = connection.node.lives !== connection.life || !connection.node.up;
      const late =
        connection.inFlight.length > 0 && this.now - this.askedAt > this.options.patienceMs;
      if (gone || late) return this.close();
      if (connection.inFlight.length > 0) return;
    } else if (!this.connect()) return;
    this.askedAt = this.now;
    const count = 1 + this.options.random(this.options.pipelineMax);
    const requests: Request[] = [];
    while (requests.length < count) requests.push(...this.choose());
    this.hand(this.connection!, requests);
  }

  private connect(): boolean {
    const { nodes } = this;
    const { random, history, stale } = this.options;
    const node = this.aim ?? nodes[random(nodes.length)]!;
    this.aim = null;
    if (!node.up || node.group === null) return false;
    const process = history.nextProcess++;
    this.connection = new Connection(node, node.lives, process, stale, (one) => this.take(one));
    return true;
  }

  private close(): void {
    const { connection } = this;
    this.connection = null;
    this.watched = null;
    if (connection === null) return;
    connection.closed = true;
    connection.inFlight.length = 0;
  }

  /** The commands reach the node together, as the bytes of a pipeline do. */
  private hand(connection: Connection, requests: readonly Request[]): void {
    const { node } = connection;
    for (const request of requests) connection.inFlight.push(request);
    node.after(0, () => {
      for (const request of requests) {
        if (connection.closed || node.group === null) return;
        this.submit(connection, request);
      }
    });
  }

  private submit(connection: Connection, request: Request): void {
    const { spec, args } = request;
    const group = connection.node.group!;
    const refusal =
      spec.kind === 'write'
        ? group.write(connection, spec, args)
        : group.read(connection, spec, args);
    if (refusal === null) return;
    if (connection.pending > 0) return this.refusedBehind(connection, request);
    connection.inFlight.shift();
    for (const operation of request.operations) this.drop(operation);
    if (refusal !== 'not-leader' && refusal !== 'no-leader') return;
    const leader = group.leader();
    // Also one that is broken for its peers: clients may still reach it.
    this.aim = this.options.nodes.find(({ id }) => id === leader?.id) ?? null;
    if (connection.inFlight.length === 0) this.close();
  }

  /** The refusal has its place behind the replies that are still to come. */
  private refusedBehind(connection: Connection, request: Request): void {
    for (const operation of request.operations) this.drop(operation);
    connection.node.group!.defer(connection, Buffer.from('-TRYAGAIN refused\r\n'));
    // Only what the group carried out to be done with it was pending.
    if (connection.pending === 0) this.take(connection);
  }

  /** Called from inside a node: what is wrong here is no fault of it. */
  private take(connection: Connection): void {
    try {
      this.settle(connection);
    } catch (error) {
      this.options.scheduler.fail(error);
    }
  }

  private settle(connection: Connection): void {
    const request = connection.inFlight.shift();
    const bytes = connection.reply.take();
    if (request === undefined || bytes === null) {
      throw new SimFailure('replies', 'a reply without a request, or the other way round');
    }
    const reply = parseReply(bytes);
    this.answers++;
    this.options.scheduler.trace(bytes.length);
    if (reply instanceof ErrorReply) return this.failed(request, reply.text);
    request.settle(reply);
    for (const operation of request.operations) operation.return = this.now;
  }

  private failed(request: Request, text: string): void {
    if (text.startsWith('UNCERTAIN ')) return;
    if (!/^(TRYAGAIN|MOVED|CLUSTERDOWN|LOADING|OOM) /.test(text)) {
      throw new SimFailure('replies', text);
    }
    for (const operation of request.operations) this.drop(operation);
  }

  private choose(): Request[] {
    const { random, stale, evicting } = this.options;
    if (stale) return [this.staleRead()];
    if (evicting) return [this.onMany()];
    const kind = random(20);
    if (kind < 7) return this.onRegister(registers[random(registers.length)]!);
    if (kind < 10) return [this.onDeadline(deadlines[random(deadlines.length)]!)];
    if (kind < 14) return [this.onCounter(counters[random(counters.length)]!)];
    if (kind < 16) return [this.onText(texts[0]!)];
    return [random(3) === 0 ? audit(this, accounts) : this.onAccounts()];
  }

  private fresh(): string {
    return `${this.name}${++this.written}`;
  }

  private get(key: string): Request {
    return single(record(this, 'read', key), ['get', key], plain);
  }

  private onRegister(key: string): Request[] {
    const value = this.fresh();
    if (this.watched !== null) return this.goOn(this.watched);
    switch (this.options.random(11)) {
      case 0:
        return [single(record(this, 'setnx', key, value), ['set', key, value, 'NX'], okOrNil)];
      case 1:
        return [single(record(this, 'getset', key, value), ['set', key, value, 'GET'], plain)];
      case 2:
        return [single(record(this, 'getdel', key), ['getdel', key], plain)];
      case 3:
        return [single(record(this, 'del', key), ['del', key], plain)];
      case 4:
      case 5: {
        const builder = new TransactionBuilder();
        this.watched = { builder, key, value: null, ready: false };
        return watch(this, key, this.watched);
      }
      case 6:
      case 7:
      case 8:
        return [single(record(this, 'write', key, value), ['set', key, value], okay)];
      default:
        return [this.get(key)];
    }
  }

  /** WATCH was sent before: EXEC when both answers are there. */
  private goOn(watched: Watched): Request[] {
    this.watched = null;
    return watched.ready ? [execSet(this, watched, this.fresh())] : [this.get(watched.key)];
  }

  private onDeadline(key: string): Request {
    const { random, earliestExpiry } = this.options;
    if (random(5) < 3) return this.get(key);
    const value = this.fresh();
    const ttlMs = 100 + random(1400);
    const set = record(this, 'write', key, value);
    this.mayVanish(set, set.call + earliestExpiry(ttlMs));
    return single(set, ['set', key, value, 'PX', String(ttlMs)], okay);
  }

  /** From this time on the key may be gone if it still has this value. */
  private mayVanish({ key, value }: Operation, from: number): void {
    this.add({
      process: -1,
      key,
      kind: 'expire',
      call: from,
      return: null,
      value,
      expected: '',
      result: null,
    });
  }

  private onCounter(key: string): Request {
    const { random } = this.options;
    if (random(3) === 0) return this.get(key);
    const delta = String(1 + random(3));
    return single(record(this, 'incr', key, delta), ['incrby', key, delta], plain);
  }

  private onText(key: string): Request {
    if (this.options.random(2) === 0) return this.get(key);
    const value = `${this.fresh()};`;
    return single(record(this, 'sappend', key, value), ['append', key, value], plain);
  }

  private onAccounts(): Request {
    const [from, to] = this.options.random(2) === 0 ? accounts : [...accounts].reverse();
    return transfer(this, from!, to!, 1 + this.options.random(9));
  }

  private onMany(): Request {
    const { random } = this.options;
    const key = manyKeys[random(manyKeys.length)]!;
    if (random(2) === 0) return this.get(key);
    const value = this.fresh();
    const set = record(this, 'write', key, value);
    this.mayVanish(set, set.call);
    return single(set, ['set', key, value], okay);
  }

  /** On one connection a counter never goes back, however stale its node is. */
  private staleRead(): Request {
    const { random } = this.options;
    const key = counters[random(counters.length)]!;
    const connection = this.connection!;
    const read = record(this, 'read', key);
    this.drop(read);
    const settle = (value: Operation['result']) => {
      const count = Number(value ?? 0);
      if (count < (connection.seen.get(key) ?? 0)) {
        throw new SimFailure('stale reads', `${key} went back to ${count} on one connection`);
      }
      connection.seen.set(key, count);
    };
    return { ...single(read, ['get', key], plain), settle: (reply) => settle(plain(reply)) };
  }
}
