/**
 * A Group of one node over the real state machine. Answers operations in the order in which they
 * came, some turns later, as a cluster does; tests may hold answers back and set refusals.
 */
import type { Args } from '../../src/resp/args.js';
import type {
  ClusterNode,
  ExecutionMeter,
  Group,
  NodeAddress,
  Origin,
  Refusal,
  SessionReadSpec,
  SettingOutcome,
  SnapshotInfo,
} from '../../src/server/group.js';
import { BatchWriter } from '../../src/statemachine/batch-format.js';
import type { KeyspaceSpec, SpecBase } from '../../src/statemachine/command-spec.js';
import type { KeyListener } from '../../src/statemachine/key-listener.js';
import { StateMachine } from '../../src/statemachine/state-machine.js';

interface Operation {
  readonly origin: Origin;
  readonly answer: () => void;
}

export class FakeGroup implements Group {
  readonly machine = new StateMachine();
  isLeader = true;
  refusal: Refusal | null = null;
  /** Answers wait while this is set. */
  held = false;
  /** Reads without anything pending run at once, as with a lease. */
  readsAtOnce = false;
  writes = 0;
  applyingOrigin: Origin | null = null;
  meter: ExecutionMeter | null = null;
  snapshots: SnapshotInfo = { lastAtMs: null, lastMs: -1, currentMs: -1, taken: 0, failed: false };
  /** Of all nodes. */
  zone: string | null = null;
  leaderPort = 7001;
  readonly shared = new Map<string, string>();
  settingsKnown: Group['settingsKnown'] = 'current';
  private readonly settingsWatchers: (() => void)[] = [];
  private readonly waiting: Operation[] = [];
  private readonly watchers: (() => void)[] = [];
  private readonly writer = new BatchWriter();
  private scheduled = false;

  write(origin: Origin, spec: KeyspaceSpec, args: Args): Refusal | null {
    if (this.refuses(origin)) return this.refusal;
    const copy = args.clone();
    this.push(origin, () => this.apply(origin, spec, copy));
    return null;
  }

  writeRefusal(_spec: SpecBase, _args: Args, origin?: Origin): Refusal | null {
    return this.refuses(origin) ? this.refusal : null;
  }

  private refuses(origin?: Origin): boolean {
    return this.refusal === 'not-leader' ? origin?.leadsOn?.() !== true : this.refusal !== null;
  }

  read(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): Refusal | null {
    const isLocal = origin.stale && this.refusal === 'not-leader';
    if (!isLocal && this.refuses(origin)) return this.refusal;
    if (this.readsAtOnce && origin.pending === 0) {
      this.run(origin, spec, args);
      origin.answered();
      return null;
    }
    const copy = args.clone();
    this.push(origin, () => this.run(origin, spec, copy));
    return null;
  }

  defer(origin: Origin, bytes: Uint8Array): void {
    const copy = new Uint8Array(bytes);
    this.push(origin, () => origin.reply.raw(copy));
  }

  leader(): NodeAddress | null {
    if (this.refusal === 'no-leader') return null;
    const id = this.isLeader ? 'n1' : 'n2';
    return { id, host: '127.0.0.1', port: this.leaderPort };
  }

  onChange(run: () => void): void {
    this.watchers.push(run);
  }

  listen(listener: KeyListener | null): void {
    this.machine.keyspace.listen(listener);
  }

  /** Tells the server that role, leader or room changed. */
  changed(): void {
    for (const run of this.watchers) run();
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  /** Lets held answers go. */
  release(): void {
    this.held = false;
    this.schedule();
  }

  nodes(): readonly ClusterNode[] {
    const offset = this.machine.appliedIndex;
    return ['n1', 'n2', 'n3'].map((id, at) => ({
      id,
      host: '127.0.0.1',
      port: 7001 + at,
      peerPort: 17_001 + at,
      role: (id === 'n1') === this.isLeader && id !== 'n3' ? 'leader' : 'follower',
      self: id === 'n1',
      connected: true,
      zone: this.zone,
      offset,
    }));
  }

  raftInfo(): ReadonlyMap<string, string | number> {
    return new Map<string, string | number>([
      ['node_id', 'n1'],
      ['term', 3],
      ['commit_index', this.machine.appliedIndex],
    ]);
  }

  async digest() {
    return { index: this.machine.appliedIndex, digest: 'd'.repeat(40) };
  }

  snapshotInfo(): SnapshotInfo {
    return this.snapshots;
  }

  keyspaceInfo() {
    const { keyspace, hits, misses } = this.machine;
    const figures = { keysWithTtl: 0, expired: 0, evicted: 0, hits, misses };
    const all = Array.from({ length: 16 }, (_, database) => ({
      database,
      keys: keyspace.sizeOf(database),
      keysWithTtl: keyspace.keysWithTtlOf(database),
    }));
    const databases = all.filter(({ keys }) => keys > 0);
    return { ...figures, databases, keys: keyspace.size, usedBytes: keyspace.usedBytes };
  }

  forgetHits(): void {
    this.machine.forgetHits();
  }

  countKeysInSlot(): number {
    return this.machine.keyspace.size;
  }

  /** Applied some turns later, in order. */
  async changeSettings(pairs: readonly (readonly [string, string])[]): Promise<SettingOutcome> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.refusal !== null) return this.refusal;
    this.share(pairs);
    return null;
  }

  /** As if another node had changed them. */
  share(pairs: readonly (readonly [string, string])[]): void {
    for (const [name, value] of pairs) {
      if (value === '') this.shared.delete(name);
      else this.shared.set(name, value);
    }
    for (const run of this.settingsWatchers) run();
  }

  clusterSettings(prefix: string): readonly (readonly [string, string])[] {
    return [...this.shared].filter(([name]) => name.startsWith(prefix));
  }

  onSettings(run: () => void): void {
    this.settingsWatchers.push(run);
  }

  clusterSetting(name: string): string | null {
    return this.shared.get(name) ?? null;
  }

  private push(origin: Origin, answer: () => void): void {
    origin.pending++;
    this.waiting.push({ origin, answer });
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || this.held) return;
    this.scheduled = true;
    setImmediate(() => setImmediate(() => this.answerAll()));
  }

  private answerAll(): void {
    this.scheduled = false;
    for (const { origin, answer } of this.waiting.splice(0)) {
      origin.pending--;
      answer();
      origin.answered();
    }
  }

  private apply(origin: Origin, spec: KeyspaceSpec, args: Args): void {
    this.writes++;
    this.writer.begin();
    this.writer.append(spec.opcode, args, origin.database);
    const { machine } = this;
    machine.beginEntry(machine.appliedIndex + 1, this.writer.finish(Date.now(), 1));
    this.applyingOrigin = origin;
    const applied = machine.nextCommand();
    const begun = this.meter?.begin(applied, machine.commandArgs) ?? 0;
    machine.apply(applied, origin.reply, origin.tracker);
    this.meter?.end(origin, applied, machine.commandArgs, begun);
    this.applyingOrigin = null;
    machine.endEntry();
  }

  private run(origin: Origin, spec: KeyspaceSpec | SessionReadSpec, args: Args): void {
    const begun = this.meter?.begin(spec, args) ?? 0;
    const counts = origin.noTouch !== true || spec.name === 'touch';
    const context = this.machine.readContext(Date.now(), () => 1, counts, origin.database);
    if (spec.kind === 'session-read') spec.run(origin, context, args, origin.reply);
    else if (spec.kind === 'read') {
      spec.read(context, args, origin.reply);
      origin.tracker?.read(spec, args);
    } else throw new Error(`${spec.name} is no read`);
    this.machine.keyspace.settled();
    this.meter?.end(origin, spec, args, begun);
  }
}
