/**
 * A trace through the state machine as a node drives it: writes as entries of the log, GETs beside
 * it, the uses they note logged at the end of each window, a pulse where a deadline has passed.
 */
import { TouchWindow, tickMs } from '../../src/node/touches.js';
import { Args } from '../../src/resp/args.js';
import { nullSink } from '../../src/resp/reply-sink.js';
import {
  BatchWriter,
  encodePulse,
  encodeSettings,
  encodeTouchEntry,
  latin1Bytes,
} from '../../src/statemachine/batch-format.js';
import { keyspaceSpecs } from '../../src/statemachine/keyspace-commands.js';
import { StateMachine } from '../../src/statemachine/state-machine.js';
import { encodeTouches, TouchCollector } from '../../src/statemachine/touches.js';
import { keyName } from '../loads.js';
import { type Capacity, keyBytes, noTtlMs, Op, type Trace, valueBytesOf } from './workloads.js';

export interface OwnOptions {
  readonly capacity: Capacity;
  readonly policy: string;
  /** Requests per second of real time: how many fall into one window of touches. */
  readonly requestsPerSecond: number;
}

export interface OwnResult {
  readonly hits: number;
  /** Of entries of touches, per GET. */
  readonly logBytesPerGet: number;
}

const opcodes = new Map(keyspaceSpecs.map(({ name, opcode }) => [name, opcode]));
const epochMs = 1_700_000_000_000;

export class OwnReplay {
  private readonly machine = new StateMachine();
  private readonly collector = new TouchCollector();
  private readonly window = new TouchWindow();
  private readonly writer = new BatchWriter();
  private readonly args = new Args();
  private readonly words: Uint8Array;
  private touchBytes = 0;
  private nowMs = epochMs;

  constructor(
    private readonly trace: Trace,
    private readonly options: OwnOptions,
  ) {
    const longest = trace.size?.reduce((most, bytes) => Math.max(most, bytes), 0) ?? 1024;
    this.words = new Uint8Array(longest + 64).fill(0x78);
    const { keys, bytes } = options.capacity;
    const settings = [
      ['maxkeys', String(keys)],
      ['maxmemory', String(bytes)],
      ['maxmemory-policy', options.policy],
    ] as const;
    this.entry(encodeSettings(epochMs, 0, settings));
    const { keyspace } = this.machine;
    this.machine.onTouch = (slot) => this.collector.note(keyspace, slot);
  }

  run(): OwnResult {
    const { n, key, op, dtMs } = this.trace;
    const perTick = (this.options.requestsPerSecond * tickMs) / 1000;
    let gets = 0;
    let nextTick = perTick;
    for (let at = 0; at < n; at++) {
      this.nowMs = epochMs + Math.floor(at * dtMs);
      for (; at >= nextTick; nextTick += perTick) {
        if (this.window.tick(this.machine.keyspace)) this.endWindow();
      }
      const what = op === null ? Op.get : op[at];
      if (what === Op.get) {
        gets++;
        if (!this.get(key[at]!)) this.set(key[at]!);
      } else if (what === Op.set) this.set(key[at]!);
      else this.delete(key[at]!);
    }
    return { hits: this.machine.hits / gets, logBytesPerGet: this.touchBytes / gets };
  }

  private entry(payload: Uint8Array): void {
    const { machine } = this;
    const commands = machine.beginEntry(machine.appliedIndex + 1, payload);
    for (let at = 0; at < commands; at++) machine.applyNext(nullSink);
    machine.endEntry();
  }

  private endWindow(): void {
    const { collector, machine } = this;
    const { keyspace } = machine;
    const slots = collector.drain(keyspace);
    if (slots.length === 0) return;
    const touches = encodeTouches({ validAt: keyspace.changes, slots });
    const payload = encodeTouchEntry(this.nowMs, 0, touches);
    this.touchBytes += payload.length;
    this.entry(payload);
  }

  private get(key: number): boolean {
    const { machine, args, nowMs } = this;
    const dueMs = machine.keyspace.nextDueMs();
    if (dueMs !== 0 && dueMs <= nowMs) this.entry(encodePulse(nowMs, 0));
    this.begin(key);
    return machine.readContext(nowMs, () => 0).find(args, 1) >= 0;
  }

  /** Arguments: the command's name, left empty, and the key. */
  private begin(key: number): void {
    const { args, words } = this;
    const name = keyName(key);
    for (let at = 0; at < keyBytes; at++) words[at] = name.charCodeAt(at);
    args.reset(words);
    args.push(0, 0);
    args.push(0, keyBytes);
  }

  private set(key: number): void {
    const { args, words, trace } = this;
    this.begin(key);
    const ttlMs = trace.ttlMs[key]!;
    const more = ttlMs < noTtlMs ? latin1Bytes(`px${Math.ceil(ttlMs)}`) : new Uint8Array(0);
    words.set(more, keyBytes);
    const valueAt = keyBytes + more.length;
    args.push(valueAt, valueAt + valueBytesOf(trace, key));
    if (more.length > 0) {
      args.push(keyBytes, keyBytes + 2);
      args.push(keyBytes + 2, valueAt);
    }
    this.write('set');
  }

  private delete(key: number): void {
    this.begin(key);
    this.write('del');
  }

  private write(name: string): void {
    this.writer.begin();
    this.writer.append(opcodes.get(name)!, this.args);
    this.entry(this.writer.finish(this.nowMs, 0));
  }
}
