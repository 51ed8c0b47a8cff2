/**
 * The data directory of one node: `identity`, `durable-<group>`, `journal-<group>` and, where
 * leases were ever used, `lease` beside two LevelDB databases, `log` and `snapshots`. One process
 * at a time; a directory of another node is refused.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { TgError } from '../errors.js';
import type { LogStore, SnapshotStore } from '../ports.js';
import type { GroupId, NodeId } from '../raft/types.js';
import { DurableIndex } from './durable-index.js';
import { type Identity, IdentityFile, readFields, replaceFile } from './identity-file.js';
import { JournaledLogStore } from './journaled-log-store.js';
import { LevelDatabase } from './level-database.js';
import { LevelSnapshotStore } from './level-snapshot-store.js';

export interface DataDirectoryOptions {
  readonly nodeId: NodeId;
  readonly durability: 'fsync' | 'os';
}

function lostIdentity(dir: string): TgError {
  return new TgError(
    'CORRUPT',
    `${dir} has data but no identity file; delete it to let the node rejoin as a learner`,
  );
}

export class DataDirectory {
  private durable: DurableIndex | null = null;
  private store: LogStore | null = null;

  private constructor(
    private readonly dir: string,
    private readonly fsync: boolean,
    private readonly identityFile: IdentityFile,
    private readonly log: LevelDatabase,
    private readonly snapshots: LevelDatabase,
  ) {}

  static async open(dir: string, options: DataDirectoryOptions): Promise<DataDirectory> {
    await mkdir(dir, { recursive: true });
    const fsync = options.durability === 'fsync';
    const has = (name: string) => existsSync(path.join(dir, name));
    const isNew = !has('identity');
    if (isNew && (has('snapshots') || has('durable-1'))) throw lostIdentity(dir);
    // The lock of the database comes first: nothing is written beside another process.
    const log = await LevelDatabase.open(path.join(dir, 'log'));
    try {
      // A first start that was killed leaves a database, and nothing in it (requirement 58).
      if (isNew && !(await log.isEmpty())) throw lostIdentity(dir);
      const identity = await IdentityFile.open(dir, options.nodeId, fsync);
      const snapshots = await LevelDatabase.open(path.join(dir, 'snapshots'));
      return new DataDirectory(dir, fsync, identity, log, snapshots);
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  get identity(): Identity {
    return this.identityFile.identity;
  }

  logStore(group: GroupId): LogStore {
    this.durable = DurableIndex.open(path.join(this.dir, `durable-${group}`));
    this.store = new JournaledLogStore({
      database: this.log,
      group,
      identity: this.identityFile,
      durableIndex: this.durable,
      journalFile: path.join(this.dir, `journal-${group}`),
      fsync: this.fsync,
    });
    return this.store;
  }

  snapshotStore(group: GroupId): Promise<SnapshotStore> {
    return LevelSnapshotStore.open(this.snapshots, group, this.fsync);
  }

  async setClusterId(clusterId: string): Promise<void> {
    if (this.identity.clusterId === clusterId) return;
    await this.identityFile.save({ ...this.identity, clusterId });
  }

  /** For how long the last process promised leaders to stand by them; 0: it did not. */
  async leasePromiseMs(): Promise<number> {
    const file = path.join(this.dir, 'lease');
    const [promisedMs] = (await readFields(file)) ?? [0];
    if (typeof promisedMs !== 'number' || !(promisedMs >= 0)) {
      throw new TgError('CORRUPT', `${file} is damaged`);
    }
    return promisedMs;
  }

  /** Resolves when durable. */
  async promiseLease(promisedMs: number): Promise<void> {
    await replaceFile(path.join(this.dir, 'lease'), [promisedMs], this.fsync);
  }

  async close(): Promise<void> {
    await this.store?.close();
    this.durable?.close();
    await this.snapshots.close();
    await this.log.close();
  }
}
