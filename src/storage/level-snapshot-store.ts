/**
 * Snapshots of one group in a database of their own, so that their compactions do not stall the
 * log. Chunks are synced one by one; the manifest comes last and makes the snapshot visible
 * (requirement 42). Older snapshots and abandoned stages go after that, never under a reader.
 */
import { crc32 } from 'node:zlib';
import { decodeConfiguration, encodeConfiguration } from '../codec/configuration.js';
import { seal, unseal } from '../codec/sealed.js';
import { TgError } from '../errors.js';
import type { SnapshotStore, SnapshotWriter } from '../ports.js';
import type { GroupId, SnapshotMeta } from '../raft/types.js';
import type { LevelDatabase } from './level-database.js';
import { chunkKey, KeyKind, kindEnd, kindStart, manifestKey } from './log-keys.js';

interface Stored {
  readonly meta: SnapshotMeta;
  /** Names its chunks; never used twice. */
  readonly id: number;
  readonly chunks: number;
  readonly bytes: number;
}

/** crc u32, sequence u32 in front of each chunk. */
const chunkHeaderBytes = 8;

export class LevelSnapshotStore implements SnapshotStore {
  private readonly stored: Stored[] = [];
  private readonly readers = new Map<number, number>();
  /** Replaced by another one at the same place: its chunks go when nobody reads them. */
  private replaced: Stored[] = [];
  private nextId = 1;
  private readonly staging = new Set<number>();

  private constructor(
    private readonly database: LevelDatabase,
    private readonly group: GroupId,
    private readonly fsync: boolean,
  ) {}

  static async open(
    database: LevelDatabase,
    group: GroupId,
    fsync: boolean,
  ): Promise<LevelSnapshotStore> {
    const store = new LevelSnapshotStore(database, group, fsync);
    await store.load();
    return store;
  }

  async stage(meta: SnapshotMeta): Promise<SnapshotWriter> {
    const id = this.nextId++;
    this.staging.add(id);
    let chunks = 0;
    let bytes = 0;
    let open = true;
    // For all chunks: LevelDB has copied it when the call returns.
    let sealed = Buffer.alloc(0);
    const write = async (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (sealed.length < chunkHeaderBytes + chunk.length) {
        sealed = Buffer.allocUnsafeSlow(chunkHeaderBytes + chunk.length);
      }
      const value = sealChunk(chunk, chunks, sealed);
      const key = chunkKey(this.group, id, chunks++);
      await this.database.batch([{ type: 'put', key, value }], this.fsync);
    };
    const commit = async () => {
      open = false;
      await this.publish({ meta, id, chunks, bytes });
      this.staging.delete(id);
    };
    const abort = async () => {
      if (!open) return;
      open = false;
      this.staging.delete(id);
      await this.removeChunks(id, chunks);
    };
    return { write, commit, abort };
  }

  async latest(): Promise<SnapshotMeta | null> {
    return this.newest()?.meta ?? null;
  }

  async *read(meta: SnapshotMeta): AsyncGenerator<Uint8Array> {
    const found = this.stored.find((stored) => sameSnapshot(stored.meta, meta));
    if (found === undefined) throw new Error(`no snapshot at ${meta.lastIncludedIndex}`);
    this.readers.set(found.id, (this.readers.get(found.id) ?? 0) + 1);
    try {
      yield* this.chunksOf(found);
    } finally {
      const left = this.readers.get(found.id)! - 1;
      if (left > 0) this.readers.set(found.id, left);
      else this.readers.delete(found.id);
      await this.removeOld();
    }
  }

  async close(): Promise<void> {}

  private newest(): Stored | null {
    return this.stored.reduce<Stored | null>(
      (best, stored) => (best === null || isNewer(stored.meta, best.meta) ? stored : best),
      null,
    );
  }

  private async *chunksOf(stored: Stored): AsyncGenerator<Uint8Array> {
    const { database, group } = this;
    const read = (sequence: number) => {
      const value = database.get(chunkKey(group, stored.id, sequence));
      // Whoever takes no further chunk does not hear that one could not be read.
      value.catch(() => {});
      return value;
    };
    let bytes = 0;
    let coming = read(0);
    for (let sequence = 0; sequence < stored.chunks; sequence++) {
      const value = await coming;
      if (sequence + 1 < stored.chunks) coming = read(sequence + 1);
      if (value === null) throw damaged(database.path, stored, `chunk ${sequence} is missing`);
      const chunk = unsealChunk(value, sequence);
      if (chunk === null) throw damaged(database.path, stored, `chunk ${sequence} is damaged`);
      bytes += chunk.length;
      yield chunk;
    }
    if (bytes !== stored.bytes) throw damaged(database.path, stored, 'its length is wrong');
  }

  private async publish(stored: Stored): Promise<void> {
    const { meta, id, chunks, bytes } = stored;
    const { lastIncludedIndex: index, lastIncludedTerm: term } = meta;
    const configuration = encodeConfiguration(meta.configuration);
    const value = seal([index, term, configuration, id, chunks, bytes]);
    const key = manifestKey(this.group, index, term);
    await this.database.batch([{ type: 'put', key, value }], this.fsync);
    const at = this.stored.findIndex((other) => sameSnapshot(other.meta, meta));
    if (at >= 0) this.replaced.push(this.stored.splice(at, 1)[0]!);
    this.stored.push(stored);
    await this.removeOld();
  }

  /** Everything but the newest, as far as nobody reads it. */
  private async removeOld(): Promise<void> {
    const unread = this.replaced.filter(({ id }) => !this.readers.has(id));
    this.replaced = this.replaced.filter(({ id }) => this.readers.has(id));
    for (const { id, chunks } of unread) await this.removeChunks(id, chunks);
    const newest = this.newest();
    for (const old of [...this.stored]) {
      if (old === newest || this.readers.has(old.id)) continue;
      this.stored.splice(this.stored.indexOf(old), 1);
      const { lastIncludedIndex, lastIncludedTerm } = old.meta;
      const key = manifestKey(this.group, lastIncludedIndex, lastIncludedTerm);
      await this.database.batch([{ type: 'del', key }], this.fsync);
      await this.removeChunks(old.id, old.chunks);
    }
  }

  /** By their keys: to clear a range LevelDB reads all of its values. */
  private async removeChunks(id: number, chunks: number): Promise<void> {
    const operations = Array.from({ length: chunks }, (_, sequence) => ({
      type: 'del' as const,
      key: chunkKey(this.group, id, sequence),
    }));
    await this.database.batch(operations, false);
  }

  private async load(): Promise<void> {
    const { database, group } = this;
    const start = kindStart(group, KeyKind.manifest);
    for await (const [, value] of database.pairs(start, kindEnd(group, KeyKind.manifest))) {
      const stored = readManifest(value, database.path);
      this.stored.push(stored);
      this.nextId = Math.max(this.nextId, stored.id + 1);
    }
    await this.removeAbandoned();
    await this.removeOld();
  }

  /** Chunks without a manifest: a crash came before the commit. */
  private async removeAbandoned(): Promise<void> {
    const { group } = this;
    const known = [...this.stored].sort((a, b) => a.id - b.id);
    let from = kindStart(group, KeyKind.chunk);
    for (const { id } of known) {
      await this.database.clear(from, chunkKey(group, id, 0));
      from = Buffer.from(chunkKey(group, id + 1, 0));
    }
    await this.database.clear(from, kindEnd(group, KeyKind.chunk));
  }
}

function readManifest(value: Uint8Array, path: string): Stored {
  const [index, term, configuration, id, chunks, bytes] = unseal(value, `${path}: a manifest`);
  const meta = {
    lastIncludedIndex: index as number,
    lastIncludedTerm: term as number,
    configuration: decodeConfiguration(configuration as Uint8Array),
  };
  return { meta, id: id as number, chunks: chunks as number, bytes: bytes as number };
}

function sameSnapshot(a: SnapshotMeta, b: SnapshotMeta): boolean {
  return a.lastIncludedIndex === b.lastIncludedIndex && a.lastIncludedTerm === b.lastIncludedTerm;
}

/** By (index, term) as numbers (requirement 49). */
function isNewer(a: SnapshotMeta, b: SnapshotMeta): boolean {
  if (a.lastIncludedIndex !== b.lastIncludedIndex) return a.lastIncludedIndex > b.lastIncludedIndex;
  return a.lastIncludedTerm > b.lastIncludedTerm;
}

function sealChunk(chunk: Uint8Array, sequence: number, into: Buffer): Uint8Array {
  const sealed = into.subarray(0, chunkHeaderBytes + chunk.length);
  sealed.writeUInt32LE(sequence, 4);
  sealed.set(chunk, chunkHeaderBytes);
  sealed.writeUInt32LE(crc32(sealed.subarray(4)), 0);
  return sealed;
}

function unsealChunk(value: Uint8Array, sequence: number): Uint8Array | null {
  if (value.length < chunkHeaderBytes) return null;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0, true) !== crc32(value.subarray(4))) return null;
  return view.getUint32(4, true) === sequence ? value.subarray(chunkHeaderBytes) : null;
}

function damaged(path: string, stored: Stored, how: string): TgError {
  return new TgError(
    'CORRUPT',
    `${path}: the snapshot at ${stored.meta.lastIncludedIndex}: ${how}; delete the node's data ` +
      'directory to let it come back from the others',
  );
}
