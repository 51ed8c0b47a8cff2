/**
 * N cores with an in-memory network and disks, driven by one seeded generator. Messages are
 * delayed, lost, doubled and reordered, links are cut one way or both, crashes lose writes that
 * were not synced. After each step the safety properties of Figure 3 are checked; what was
 * committed once is remembered outside the cores and compared for ever.
 */
import type { RaftConfig } from '../../src/raft/config.js';
import type { Effects, LogWrite } from '../../src/raft/effects.js';
import type { Message } from '../../src/raft/messages.js';
import { RaftCore } from '../../src/raft/raft.js';
import type { Entry, LogIndex, NodeId, SnapshotMeta, Term } from '../../src/raft/types.js';
import { checkIdle, Safety } from './safety.js';
import { fail, SimNode } from './sim-node.js';
import { bytes, configEntry, configFor, configurationOf, generator } from './support.js';

export interface ClusterOptions {
  readonly seed: number;
  readonly voters: number;
  /** Nodes without any configuration, which may be added later. */
  readonly spares?: number;
  readonly loss?: number;
  readonly duplicate?: number;
  readonly delayMax?: number;
  readonly writeDelayMax?: number;
  readonly config?: Partial<RaftConfig>;
}

interface Event {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

export class Cluster {
  readonly random: (bound: number) => number;
  readonly nodes: SimNode[] = [];
  readonly cut = new Set<string>();
  now = 0;
  loss: number;
  duplicate: number;
  delayMax: number;
  writeDelayMax: number;
  /** Set where a test rests a lease on silent followers. */
  checkLease = true;
  private events: Event[] = [];
  private eventCount = 0;
  private readonly safety = new Safety();
  private nextToken = 1;
  private proposed = 0;
  readsConfirmed = 0;
  snapshotsInstalled = 0;
  oldReads = 0;
  electionsWon = 0;

  constructor(readonly options: ClusterOptions) {
    this.random = generator(options.seed);
    this.loss = options.loss ?? 0;
    this.duplicate = options.duplicate ?? 0;
    this.delayMax = options.delayMax ?? 1;
    this.writeDelayMax = options.writeDelayMax ?? 1;
    const voters = Array.from({ length: options.voters }, (_, at) => `n${at + 1}`);
    const first = configEntry(1, 1, configurationOf(voters));
    for (const id of voters) this.addNode(id, [first]);
    for (let at = 0; at < (options.spares ?? 0); at++)
      this.addNode(`n${voters.length + at + 1}`, []);
  }

  private addNode(id: NodeId, entries: Entry[]): void {
    const node = new SimNode(id);
    node.disk.entries = entries;
    if (entries.length > 0) node.disk.hardState = { term: 1, votedFor: null, commit: 0 };
    this.nodes.push(node);
    this.start(node);
  }

  node(id: NodeId): SimNode {
    return this.nodes.find((node) => node.id === id) ?? fail(`no node ${id}`);
  }

  core(id: NodeId): RaftCore {
    return this.node(id).core ?? fail(`${id} is down`);
  }

  /** The leader of the highest term among the running nodes. */
  get leader(): RaftCore | null {
    let best: RaftCore | null = null;
    for (const { core } of this.nodes) {
      if (core?.role === 'leader' && (best === null || core.term > best.term)) best = core;
    }
    return best;
  }

  get highestCommit(): LogIndex {
    return this.safety.highestCommit;
  }

  // Faults.

  start(node: SimNode): void {
    const { disk } = node;
    node.life++;
    const config = { ...configFor(node.id), ...this.options.config, random: this.random };
    node.core = new RaftCore(config, node.restore(this.random));
    node.toApply = [];
    node.digest = disk.snapshotDigest;
    node.applied = disk.snapshot?.lastIncludedIndex ?? 0;
    node.configuration = disk.snapshot?.configuration ?? null;
    // A term that was not durable was promised to nobody.
    node.seenTerm = disk.hardState.term;
    node.seenCommit = 0;
    node.checkedCommit = 0;
  }

  /** Some of the writes in flight may have reached the disk; nobody learns which. */
  crash(node: SimNode): void {
    if (node.core === null) return;
    node.loseWrites(this.random);
    node.core = null;
    node.life++;
  }

  /** Cuts the way from one node to another; the way back stays. */
  cutLink(from: NodeId, to: NodeId): void {
    this.cut.add(`${from}>${to}`);
  }

  isolate(id: NodeId): void {
    for (const other of this.nodes) {
      if (other.id === id) continue;
      this.cutLink(id, other.id);
      this.cutLink(other.id, id);
    }
  }

  heal(): void {
    this.cut.clear();
  }

  // Time.

  /** One tick for every node that `ticks` names (all unless told otherwise). */
  step(skip: (node: SimNode) => boolean = () => false): void {
    this.now++;
    for (const node of this.shuffled()) {
      if (node.core === null || skip(node)) continue;
      node.core.tick();
      this.pump(node);
    }
    this.runEvents();
    this.safety.check(this.nodes, this.checkLease);
  }

  private runEvents(): void {
    for (;;) {
      const due = this.events.filter((event) => event.due <= this.now);
      if (due.length === 0) return;
      this.events = this.events.filter((event) => event.due > this.now);
      due.sort((a, b) => a.order - b.order);
      for (const event of due) event.run();
    }
  }

  run(ticks: number): void {
    for (let at = 0; at < ticks; at++) this.step();
  }

  /** Runs until the condition holds; returns the ticks that took, or fails. */
  until(what: string, ticksMax: number, condition: () => boolean): number {
    for (let ticks = 0; ticks <= ticksMax; ticks++) {
      if (condition()) return ticks;
      this.step();
    }
    const states = this.nodes.map(({ id, core }) =>
      core === null
        ? `${id} down`
        : `${id} ${core.role} t${core.term} c${core.commitIndex}/${core.lastLogIndex}`,
    );
    return fail(
      `seed ${this.options.seed}: no ${what} within ${ticksMax} ticks: ${states.join(', ')}`,
    );
  }

  // Clients.

  propose(node: SimNode): boolean {
    if (node.core === null) return false;
    const proposal = node.core.propose(bytes(`p${++this.proposed}`));
    this.pump(node);
    return proposal.ok;
  }

  read(node: SimNode): void {
    if (node.core === null) return;
    const token = this.nextToken++;
    this.safety.readAsked(token);
    node.core.requestRead(token);
    this.pump(node);
  }

  act(id: NodeId, action: (core: RaftCore) => void): void {
    action(this.core(id));
    this.pump(this.node(id));
  }

  takeSnapshot(node: SimNode): void {
    const { core, disk } = node;
    if (core === null || node.configuration === null) return;
    if (node.applied <= (disk.snapshot?.lastIncludedIndex ?? 0)) return;
    const term = core.termAt(node.applied);
    if (term === null) return;
    const lastIncludedIndex = node.applied;
    const { configuration } = node;
    disk.snapshot = { lastIncludedIndex, lastIncludedTerm: term, configuration };
    disk.snapshotDigest = node.digest;
    const through = Math.min(lastIncludedIndex - this.random(4), node.lastOnDisk);
    const drop = Math.max(0, through - disk.firstIndex + 1);
    disk.entries = disk.entries.slice(drop);
    disk.firstIndex += drop;
    core.snapshotSaved(disk.snapshot, disk.firstIndex);
    this.pump(node);
  }

  // Driver.

  pump(node: SimNode): void {
    const { core } = node;
    if (core === null) return;
    while (core.hasEffects()) this.carryOut(node, core.takeEffects());
    checkIdle(core);
  }

  private carryOut(node: SimNode, effects: Effects): void {
    if (effects.roleChange?.role === 'leader') {
      this.electionsWon++;
      this.safety.leaderElected(node.id, node.running, effects.roleChange.term);
    }
    this.send(effects.messages);
    if (effects.write !== null) this.startWrite(node, effects.write);
    for (const entry of effects.committed) node.toApply.push(entry);
    if (effects.committed.length > 0) this.applySoon(node);
    for (const read of effects.reads) {
      if (this.safety.readAnswered(read.token, read.index)) this.readsConfirmed++;
    }
    for (const old of effects.oldEntries) {
      this.later(node, () => node.running.oldEntriesRead(old.to, this.readDisk(node, old.from)));
    }
    for (const to of effects.snapshots) this.sendSnapshot(node, to);
    const wanted = effects.committedWanted;
    if (wanted !== null) {
      this.later(node, () => {
        const overtaken = wanted.from <= (node.disk.snapshot?.lastIncludedIndex ?? 0);
        const entries = this.readDisk(node, wanted.from) ?? (overtaken ? [] : null);
        node.running.committedRead(entries ?? fail('committed entries are gone'));
      });
    }
  }

  private startWrite(node: SimNode, write: LogWrite): void {
    const due = node.beginWrite(write, this.now + this.random(this.writeDelayMax));
    this.later(
      node,
      () => {
        const ended = node.endWrite();
        node.running.written(ended.seq);
        this.send(ended.afterwards);
      },
      due,
    );
  }

  private applySoon(node: SimNode): void {
    this.later(node, () => {
      const entries = node.toApply;
      node.toApply = [];
      for (const entry of entries) this.apply(node, entry);
    });
  }

  private apply(node: SimNode, entry: Entry): void {
    node.absorb(entry);
    this.safety.applied(node, entry, node.digest);
    node.running.applied(entry.index);
    node.running.tellCommit(entry.index);
  }

  private readDisk(node: SimNode, from: LogIndex): Entry[] | null {
    this.oldReads++;
    return node.readDisk(from, this.random);
  }

  private sendSnapshot(node: SimNode, to: NodeId): void {
    const { snapshot, snapshotDigest } = node.disk;
    const { term } = node.running;
    const lost =
      snapshot === null || this.cut.has(`${node.id}>${to}`) || this.random(100) < this.loss;
    if (!lost) {
      const target = this.node(to);
      this.events.push(
        this.event(this.now + this.random(10), () =>
          this.receiveSnapshot(target, node.id, term, snapshot, snapshotDigest),
        ),
      );
    }
    this.later(node, () => node.running.snapshotSent(to, !lost, snapshot), this.now + 10);
  }

  private receiveSnapshot(
    node: SimNode,
    from: NodeId,
    term: Term,
    meta: SnapshotMeta,
    digest: string,
  ): void {
    if (node.core === null) return;
    if (node.writes.length > 0) {
      const again = () => this.receiveSnapshot(node, from, term, meta, digest);
      this.events.push(this.event(this.now + 1, again));
      return;
    }
    const verdict = node.core.snapshotReceived(from, term, meta);
    if (verdict.action === 'restore') this.install(node, meta, digest, verdict.keepsLog);
    this.pump(node);
  }

  private install(node: SimNode, meta: SnapshotMeta, digest: string, keepsLog: boolean): void {
    const { disk } = node;
    this.snapshotsInstalled++;
    disk.snapshot = meta;
    disk.snapshotDigest = digest;
    if (!keepsLog) {
      disk.entries = [];
      disk.firstIndex = meta.lastIncludedIndex + 1;
    }
    if (meta.lastIncludedIndex < node.applied) fail('a snapshot took the state back');
    node.toApply = [];
    node.applied = meta.lastIncludedIndex;
    node.digest = digest;
    node.configuration = meta.configuration;
    node.running.snapshotRestored(meta);
  }

  // Network.

  private send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (this.cut.has(`${message.from}>${message.to}`) || this.random(100) < this.loss) continue;
      this.deliver(message);
      if (this.random(100) < this.duplicate) this.deliver(message);
    }
  }

  private deliver(message: Message): void {
    const due = this.now + this.random(this.delayMax);
    const run = () => {
      const node = this.nodes.find((one) => one.id === message.to);
      if (
        node?.core === null ||
        node === undefined ||
        this.cut.has(`${message.from}>${message.to}`)
      )
        return;
      node.core.step(message);
      this.pump(node);
    };
    this.events.push(this.event(due, run));
  }

  private later(node: SimNode, run: () => void, due = this.now + this.random(3)): void {
    const { life } = node;
    const guarded = () => {
      if (node.life !== life) return;
      run();
      this.pump(node);
    };
    this.events.push(this.event(due, guarded));
  }

  /** Without delay messages keep their order; with delay they overtake each other. */
  private event(due: number, run: () => void): Event {
    const order = this.delayMax > 1 ? this.random(1 << 30) : ++this.eventCount;
    return { due, order, run };
  }

  private shuffled(): SimNode[] {
    const nodes = [...this.nodes];
    for (let at = nodes.length - 1; at > 0; at--) {
      const other = this.random(at + 1);
      [nodes[at], nodes[other]] = [nodes[other]!, nodes[at]!];
    }
    return nodes;
  }
}
