/**
 * The replicated state: applies entries in order, answers reads, is a function of the log alone.
 * For each entry: beginEntry, applyNext for each command, endEntry. An entry or command it does
 * not know is thrown, so that the node stops rather than drift (requirement 33).
 */
import { assert, TgError } from '../errors.js';
import { limits } from '../limits.js';
import { Args } from '../resp/args.js';
import type { ReplySink } from '../resp/reply-sink.js';
import {
  databaseOf,
  decodeSettings,
  latin1Bytes,
  opcodeOf,
  PayloadKind,
  PayloadReader,
} from './batch-format.js';
import type { KeyspaceSpec, ReadContext } from './command-spec.js';
import { DATABASES_MAX } from './databases.js';
import { type PolicyName, policyNumbers } from './eviction.js';
import { AHEAD_MAX } from './hash-index.js';
import { Keyspace } from './keyspace.js';
import { specByOpcode } from './keyspace-commands.js';
import { KeyspaceRestorer } from './keyspace-restorer.js';
import { LocalReadContext, LogApplyContext } from './machine-context.js';
import { Prng } from './prng.js';
import { decodeTouches } from './touches.js';
import { execOpcode } from './transaction.js';

/** A snapshot as chunks; what next() gives is valid until the next call. */
export interface StateView {
  next(): Uint8Array | null;
  close(): void;
  /** After close(): gives back some of the memory it had; false when there is no more. */
  giveBack(): boolean;
}

const headerVersion = 1;
const headerBytes = 9;

export interface TransactionWatcher {
  beforeTransaction(args: Args): void;
}

export class StateMachine {
  appliedIndex: number;
  /** Counts the entries with shared settings that were applied. */
  settingsVersion = 0;
  private readonly settings: Map<string, string>;
  private readonly reader = new PayloadReader();
  private readonly args = new Args();
  private readonly ahead = new Args();
  private readonly prng = new Prng();
  private readonly applyContext: LogApplyContext;
  private readonly localContext: LocalReadContext;
  private remaining = 0;
  /** Of those, the next ones whose keys the keyspace was told. */
  private announced = 0;
  private applyingIndex = 0;

  constructor(
    readonly keyspace: Keyspace = new Keyspace(),
    appliedIndex = 0,
    settings: readonly (readonly [string, string])[] = [],
  ) {
    this.appliedIndex = appliedIndex;
    this.settings = new Map(settings);
    this.applyContext = new LogApplyContext(keyspace, this.prng);
    this.localContext = new LocalReadContext(keyspace);
    this.useSettings();
  }

  /** The log's time, unix ms. */
  get nowMs(): number {
    return this.keyspace.nowMs;
  }

  /** Only grows: what limits.applyCommandsPerTurnMax counts beside commands. */
  get workBeside(): number {
    const { expired, evicted, copiedBytes } = this.keyspace;
    return expired + evicted + copiedBytes / limits.applyCopiedPieceBytes;
  }

  get hits(): number {
    return this.localContext.hits;
  }

  get misses(): number {
    return this.localContext.misses;
  }

  forgetHits(): void {
    this.localContext.hits = 0;
    this.localContext.misses = 0;
  }

  /** Called with the slot of each key that a local read used. */
  set onTouch(run: ((slot: number) => void) | null) {
    this.localContext.onTouch = run;
  }

  /** False until the first leader wrote its settings into the log; users may come before. */
  get settingsInitialised(): boolean {
    return this.settings.has('maxmemory-policy');
  }

  clusterSetting(name: string): string | null {
    return this.settings.get(name) ?? null;
  }

  /** Names and values of the shared settings whose names begin so. */
  clusterSettings(prefix: string): readonly (readonly [string, string])[] {
    return [...this.settings].filter(([name]) => name.startsWith(prefix));
  }

  /** Starts an entry; returns how many commands it holds. */
  beginEntry(index: number, data: Uint8Array): number {
    assert(index === this.appliedIndex + 1, `entry ${index} after ${this.appliedIndex}`);
    const { reader } = this;
    reader.open(data);
    this.applyingIndex = index;
    this.announced = 0;
    this.prng.seed(reader.seed ^ index);
    this.keyspace.advance(reader.stampMs);
    if (reader.kind !== PayloadKind.batch) {
      this.remaining = 0;
      this.applyOther(reader.kind, reader.rest());
    } else this.remaining = reader.count;
    this.keyspace.settled();
    return this.remaining;
  }

  /** Reads the next command of the entry; `commandArgs` has its arguments until the next call. */
  nextCommand(): KeyspaceSpec {
    assert(this.remaining > 0, 'no command is left in the entry');
    if (this.announced === 0) this.lookAhead();
    this.announced--;
    this.remaining--;
    const code = this.reader.next(this.args);
    const database = databaseOf(code);
    if (database >= DATABASES_MAX) {
      throw new TgError('UNKNOWN_FORMAT', `the log holds a command of database ${database}`);
    }
    this.applyContext.database = database;
    return specByOpcode(opcodeOf(code));
  }

  /** The keyspace finds keys quicker that it knows of beforehand. */
  private lookAhead(): void {
    this.announced = Math.min(AHEAD_MAX, this.remaining);
    if (this.announced === 1) return;
    this.reader.peek(this.announced, this.ahead);
    this.keyspace.prefetch(this.ahead, this.applyContext.database);
  }

  get commandArgs(): Args {
    return this.args;
  }

  /**
   * Applies the command that nextCommand() gave and writes its reply. `watcher` sees the
   * arguments of a transaction before any of its commands is carried out.
   */
  apply(spec: KeyspaceSpec, reply: ReplySink, watcher: TransactionWatcher | null = null): void {
    if (spec.kind === 'read') spec.read(this.applyContext, this.args, reply);
    else this.carryOut(spec, reply, watcher);
    this.keyspace.settled();
  }

  private carryOut(
    spec: KeyspaceSpec & { kind: 'write' },
    reply: ReplySink,
    watcher: TransactionWatcher | null,
  ): void {
    if (watcher !== null && spec.opcode === execOpcode) watcher.beforeTransaction(this.args);
    const error = spec.check(this.args);
    if (error === null) spec.apply(this.applyContext, this.args, reply);
    else reply.error(error);
  }

  /** Reads and applies the next command of the entry. */
  applyNext(reply: ReplySink): void {
    this.apply(this.nextCommand(), reply);
  }

  endEntry(): void {
    assert(this.remaining === 0, 'commands are left in the entry');
    this.appliedIndex = this.applyingIndex;
  }

  /** An entry without a payload: no-op or configuration. */
  skipEntry(index: number): void {
    assert(index === this.appliedIndex + 1, `entry ${index} after ${this.appliedIndex}`);
    this.appliedIndex = index;
  }

  /** For a read beside the log; valid until the next call. `counts`: as a use of its keys. */
  readContext(clockMs: number, random: () => number, counts = true, database = 0): ReadContext {
    this.localContext.database = database;
    this.localContext.counts = counts;
    this.localContext.clockMs = clockMs;
    this.localContext.random = random;
    return this.localContext;
  }

  openSnapshot(): StateView {
    let header: Uint8Array | null = this.encodeHeader();
    const view = this.keyspace.openView();
    return {
      next() {
        const first = header;
        header = null;
        return first ?? view.next();
      },
      close: () => view.close(),
      giveBack: () => view.giveBack(),
    };
  }

  private applyOther(kind: number, body: Uint8Array): void {
    switch (kind) {
      case PayloadKind.pulse:
        return;
      case PayloadKind.touches: {
        const { slots, validAt } = decodeTouches(body, 0, body.length);
        return this.keyspace.applyTouches(slots, validAt);
      }
      case PayloadKind.settings:
        for (const [name, value] of decodeSettings(body)) this.setSetting(name, value);
        this.settingsVersion++;
        return this.useSettings();
      default:
        throw new TgError('UNKNOWN_FORMAT', `an entry of kind ${kind}`);
    }
  }

  /** An empty value removes the setting. */
  private setSetting(name: string, value: string): void {
    if (value === '') this.settings.delete(name);
    else this.settings.set(name, value);
  }

  private useSettings(): void {
    if (!this.settingsInitialised) return;
    const number = (name: string) => Number(this.settings.get(name) ?? 0);
    const policy = (this.settings.get('maxmemory-policy') ?? 'allkeys-tlru') as PolicyName;
    if (policyNumbers[policy] === undefined) {
      throw new TgError('UNKNOWN_FORMAT', `the log asks for the policy ${policy}`);
    }
    this.keyspace.configure({
      maxmemory: number('maxmemory'),
      maxkeys: number('maxkeys'),
      policy,
    });
    this.applyContext.defaultTtlMs = number('default-ttl') * 1000;
    this.applyContext.databaseCount = Number(this.settings.get('databases') ?? DATABASES_MAX);
    this.applyContext.maxTtlMs = number('max-ttl') * 1000;
  }

  private encodeHeader(): Uint8Array {
    const text = [...this.settings].sort().map(([name, value]) => `${name}=${value}\n`);
    const settings = latin1Bytes(text.join(''));
    const bytes = new Uint8Array(headerBytes + settings.length);
    bytes[0] = headerVersion;
    new DataView(bytes.buffer).setFloat64(1, this.appliedIndex, true);
    bytes.set(settings, headerBytes);
    return bytes;
  }
}

/** Builds a machine from the chunks of a snapshot, aside from any other. */
export class StateMachineRestorer {
  private header: Uint8Array | null = null;
  private readonly keyspace = new KeyspaceRestorer();

  chunk(bytes: Uint8Array): void {
    if (this.header !== null) return this.keyspace.chunk(bytes);
    if (bytes.length < headerBytes || bytes[0] !== headerVersion) {
      throw new TgError('UNKNOWN_FORMAT', `a snapshot of version ${bytes[0]}`);
    }
    this.header = new Uint8Array(bytes);
  }

  finish(): StateMachine {
    const { header } = this;
    if (header === null) throw new TgError('CORRUPT', 'a snapshot without a header');
    const index = new DataView(header.buffer, header.byteOffset).getFloat64(1, true);
    const settings = decodeSettings(header.subarray(headerBytes));
    return new StateMachine(this.keyspace.finish(), index, settings);
  }
}
