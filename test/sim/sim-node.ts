/**
 * One simulated machine: a disk that stays, and a process that is started, paused, killed. The
 * process is the real NodeHost on memory adapters. Whatever it does happens in events that die
 * with it and wait while it is paused.
 */
import type { NodeConfig } from '../../src/config.js';
import { TgError } from '../../src/errors.js';
import type { Logger } from '../../src/log.js';
import type { NodeAdapters } from '../../src/node/node-adapters.js';
import { NodeHost } from '../../src/node/node-host.js';
import type { ReplicatedGroup } from '../../src/node/replicated-group.js';
import type { PeerHello, TransportHandler } from '../../src/ports.js';
import type { Message } from '../../src/raft/messages.js';
import type { RaftCore } from '../../src/raft/raft.js';
import type { GroupId, NodeId } from '../../src/raft/types.js';
import type { Membership } from '../../src/server/membership.js';
import type { MemoryNetwork } from '../../src/transport/memory-network.js';
import { MemoryTransport } from '../../src/transport/memory-transport.js';
import type { Scheduler } from './scheduler.js';
import { SimClock } from './sim-clock.js';
import { type Life, SimDisk, SimLogStore, SimSnapshotStore } from './sim-disk.js';

export interface SimNodeOptions {
  readonly scheduler: Scheduler;
  readonly network: MemoryNetwork;
  readonly random: (bound: number) => number;
  readonly config: (id: NodeId) => NodeConfig;
  readonly rate: number;
  readonly diskMs: number;
  /** Whether a connection can be made now. */
  readonly reaches: (from: NodeId, to: NodeId) => boolean;
  /** After each event of a node. */
  readonly onStep: (node: SimNode) => void;
}

interface LifeState extends Life {
  alive: boolean;
}

/** A dead process sends nothing, whatever code of it still runs. */
class SimTransport extends MemoryTransport {
  constructor(
    nodeId: NodeId,
    network: MemoryNetwork,
    private readonly life: LifeState,
    private readonly reaches: SimNodeOptions['reaches'],
  ) {
    super(nodeId, network);
  }

  override async introduce(address: string): Promise<PeerHello> {
    const id = address.slice(0, address.indexOf(':'));
    if (!this.reaches(this.nodeId, id)) throw new Error(`no way to ${id}`);
    return super.introduce(id);
  }

  override send(to: NodeId, messages: readonly Message[]): void {
    if (this.life.alive) super.send(to, messages);
  }

  override sendApplication(to: NodeId, group: GroupId, payload: Uint8Array): boolean {
    return this.life.alive && super.sendApplication(to, group, payload);
  }

  override refreshHello(): void {
    if (this.life.alive) super.refreshHello();
  }
}

export class SimNode {
  disk: SimDisk;
  host: NodeHost | null = null;
  group: ReplicatedGroup | null = null;
  /** What operators ask. */
  membership: Membership | null = null;
  paused = false;
  /** Started with --join, as a node of no initial cluster. */
  joins = false;
  wallOffsetMs = 0;
  /** The disk takes no writes: the process cannot live. */
  diskFull = false;
  /** Lives so far. */
  lives = 0;
  private life: LifeState = { alive: false, enter: () => {} };
  private transport: SimTransport | null = null;
  private starting: Promise<void> = Promise.resolve();
  private backlog: (() => void)[] = [];
  private incarnations = 0;
  private wipedSnapshots = 0;
  readonly rate: number;

  constructor(
    readonly id: NodeId,
    private readonly options: SimNodeOptions,
  ) {
    this.rate = options.rate;
    this.disk = this.newDisk();
  }

  get now(): number {
    return this.options.scheduler.now;
  }

  get up(): boolean {
    return this.life.alive;
  }

  get core(): RaftCore | null {
    return this.life.alive ? (this.host?.driver?.core ?? null) : null;
  }

  /** A timer of the process fired, and something may wait for it. */
  settled(): void {
    this.options.scheduler.settled();
  }

  turnMs(): number {
    const { random } = this.options;
    return random(4) === 0 ? random(1000) / 1000 : 0;
  }

  /** Work of the process. */
  after(delayMs: number, run: () => void): void {
    const { life } = this;
    this.options.scheduler.after(delayMs, () => {
      if (!life.alive) return;
      if (this.paused) this.backlog.push(run);
      else this.enter(run);
    });
  }

  /** Runs now, or when the pause is over; not at all when the process is dead. */
  enter(run: () => void): void {
    if (!this.life.alive) return;
    if (this.paused) {
      this.backlog.push(run);
      return;
    }
    try {
      run();
    } catch (error) {
      this.options.scheduler.fail(error);
    }
    this.options.onStep(this);
  }

  start(): void {
    if (this.life.alive) return;
    const life: LifeState = {
      alive: true,
      enter: (run) => {
        if (life.alive) this.enter(run);
      },
    };
    const { scheduler, network, random } = this.options;
    this.lives++;
    this.life = life;
    this.paused = false;
    this.backlog = [];
    if (this.diskFull) this.disk.memory.failNext();
    const config = this.options.config(this.id);
    this.transport = new SimTransport(this.id, network, life, this.options.reaches);
    const adapters: NodeAdapters = {
      clock: new SimClock(this),
      random,
      directory: this.directory(life),
      transport: this.gated(this.transport),
      server: ({ clients, membership }) => {
        this.group = clients;
        this.membership = membership;
        return { start: async () => {}, stop: async () => {}, deliver: () => {} };
      },
    };
    const host = new NodeHost(
      config,
      { logger: silent, configFile: null, onShutdownCommand: () => {} },
      adapters,
    );
    this.host = host;
    const ended = (error: unknown) => {
      if (life.alive) this.processFailed(error);
    };
    host.failed.then(ended, ended);
    this.starting = host.start();
    this.starting.catch(ended);
    scheduler.settled();
  }

  /** `powerLoss`: the machine loses power; otherwise only the process ends. */
  crash(powerLoss: boolean): void {
    if (!this.life.alive) return;
    this.life.alive = false;
    this.host = null;
    this.group = null;
    this.membership = null;
    this.paused = false;
    this.backlog = [];
    this.disk.crash(powerLoss);
    void this.transport!.stop();
    this.transport = null;
    this.options.scheduler.settled();
  }

  pause(): void {
    if (this.life.alive) this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    const { life } = this;
    for (const run of this.backlog.splice(0)) {
      this.options.scheduler.after(0, () => {
        if (life.alive) this.enter(run);
      });
    }
  }

  /** SIGTERM: hands over, then ends; as the command does, not before the start is over. */
  stopGently(): void {
    const { host, life, options } = this;
    if (host === null || this.paused) return;
    const end = () => {
      if (life.alive) this.crash(false);
    };
    const stop = () =>
      life.enter(() => {
        host.stop().then(end, (error) => options.scheduler.fail(error));
      });
    // Who cannot start ends by that.
    this.starting.then(stop, () => {});
    options.scheduler.settled();
  }

  /** Written in all lives, its own and received ones. */
  get snapshots(): number {
    return this.wipedSnapshots + this.disk.snapshots;
  }

  /** A new, empty directory. */
  wipe(): void {
    this.crash(false);
    this.wipedSnapshots += this.disk.snapshots;
    this.disk = this.newDisk();
  }

  /** The process gave up; what it says tells a fault of the disk from a broken invariant. */
  private processFailed(error: unknown): void {
    const code = error instanceof TgError ? error.code : null;
    const damage = this.disk.flipped && (code === 'CORRUPT' || code === 'UNKNOWN_FORMAT');
    const expected = code === 'STORAGE_FAILED' || code === 'REMOVED' || damage;
    if (!expected) this.options.scheduler.fail(error);
    if (damage) this.wipe();
    else this.crash(false);
  }

  private newDisk(): SimDisk {
    const { scheduler, random } = this.options;
    const disk = new SimDisk(`${this.id}-${++this.incarnations}`, scheduler, random);
    disk.delayMs = this.options.diskMs;
    disk.onCrashPoint = () => this.crash(true);
    return disk;
  }

  private directory(life: LifeState): NodeAdapters['directory'] {
    const { disk, id } = this;
    return {
      get identity() {
        const { incarnation, clusterId } = disk;
        return { nodeId: id, clusterId, incarnation, term: 0, votedFor: null };
      },
      logStore: () => new SimLogStore(disk, life),
      snapshotStore: async () => new SimSnapshotStore(disk, life),
      setClusterId: (clusterId) =>
        disk.submit('identity', life, async () => {
          disk.clusterId = clusterId;
        }),
      leasePromiseMs: async () => disk.leasePromiseMs,
      promiseLease: (promisedMs) =>
        disk.submit('identity', life, async () => {
          disk.leasePromiseMs = promisedMs;
        }),
      close: async () => {},
    };
  }

  /** What comes in from the network waits while the process is paused. */
  private gated(transport: SimTransport): SimTransport {
    const start = transport.start.bind(transport);
    transport.start = (handler) => start(this.gate(handler));
    return transport;
  }

  private gate(handler: TransportHandler): TransportHandler {
    return {
      hello: () => handler.hello(),
      admit: (peer) => handler.admit(peer),
      onPeerUp: (peer) => this.enter(() => handler.onPeerUp(peer)),
      onPeerDown: (peer) => this.enter(() => handler.onPeerDown(peer)),
      onMessages: (from, messages) => this.enter(() => handler.onMessages(from, messages)),
      onApplication: (from, group, payload) =>
        this.enter(() => handler.onApplication(from, group, payload)),
      onSnapshot: (from, group, term, meta, chunks) =>
        new Promise((resolve, reject) => {
          this.enter(() => {
            handler.onSnapshot(from, group, term, meta, chunks).then(resolve, reject);
            this.options.scheduler.settled();
          });
        }),
    };
  }
}

const quiet = () => {};
/** What a node logs is of no use here: a failing seed is replayed instead. */
const silent = { info: quiet, warn: quiet, error: quiet, debug: quiet } as unknown as Logger;
