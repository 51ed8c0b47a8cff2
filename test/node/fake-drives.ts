/** A GroupDriver on parts that a test moves by hand: disk, snapshots and peers. */
import type { TgError } from '../../src/errors.js';
import { type DriverListener, GroupDriver } from '../../src/node/group-driver.js';
import type { LogStore, Transport } from '../../src/ports.js';
import type { LogWrite } from '../../src/raft/effects.js';
import type { Message } from '../../src/raft/messages.js';
import { RaftCore } from '../../src/raft/raft.js';
import type { Entry, LogIndex, RestoredLog, SnapshotMeta } from '../../src/raft/types.js';
import { configFor, three } from '../raft/support.js';
import { FakeClock } from './fake-clock.js';

/** Lets promises settle that wait for nothing but each other. */
export async function settle(): Promise<void> {
  for (let at = 0; at < 20; at++) await Promise.resolve();
}

export class DriverWorld {
  readonly clock = new FakeClock();
  readonly sent: Message[] = [];
  readonly applied: LogIndex[] = [];
  readonly streamsFor: string[] = [];
  readonly resets: SnapshotMeta[] = [];
  readonly compactions: { through: LogIndex; snapshot: SnapshotMeta }[] = [];
  fault: TgError | null = null;
  commandsPerEntry = 1;
  /** Ends the write in flight. */
  endWrite: ((error?: Error) => void) | null = null;
  readonly writes: LogWrite[] = [];
  readonly driver: GroupDriver;
  readonly transport: Transport;
  readonly logStore: LogStore;

  constructor(restored: RestoredLog, changes: Parameters<typeof configFor>[1] = {}) {
    this.transport = {
      start: async () => {},
      stop: async () => {},
      setPeers: () => {},
      send: (_to, messages) => {
        this.sent.push(...messages);
      },
      sendApplication: () => false,
      sendSnapshot: () => new Promise(() => {}),
    };
    this.logStore = {
      load: async () => restored,
      write: (write) => this.startWrite(write),
      read: async () => [],
      compact: async (through, snapshot) => {
        this.compactions.push({ through, snapshot });
      },
      reset: async (meta) => {
        this.resets.push(meta);
      },
      close: async () => {},
    };
    this.driver = new GroupDriver({
      core: new RaftCore(configFor('n1', changes), restored),
      logStore: this.logStore,
      transport: this.transport,
      clock: this.clock,
      listener: this.listener(),
      configuration: three,
      onFatal: (error) => {
        this.fault = error;
      },
    });
  }

  private startWrite(write: LogWrite): Promise<void> {
    this.writes.push(write);
    return new Promise((resolve, reject) => {
      this.endWrite = (error) => {
        this.endWrite = null;
        if (error === undefined) resolve();
        else reject(error);
      };
    });
  }

  private listener(): DriverListener {
    return {
      logWrite: () => {},
      committedThrough: () => {},
      applyEntry: (entry: Entry) => {
        this.applied.push(entry.index);
        return this.commandsPerEntry;
      },
      readReady: () => {},
      roleChanged: () => {},
      appliedThrough: () => {},
      sendSnapshot: (to) => {
        this.streamsFor.push(to);
      },
      configurationApplied: () => {},
    };
  }
}
