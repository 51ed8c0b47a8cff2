/**
 * One LevelDB handle. The binding has no backpressure (FACTS), so callers keep one write in
 * flight; a failed write is final: LevelDB refuses all later ones until it is opened anew, and so
 * does this.
 */
import { mkdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { TgError, writeFailed } from '../errors.js';

/**
 * Kept in memory, up to twice, before it goes to a table of its own. Small: log and snapshots are
 * written once, in order, and an fsync of the log waits behind the table that is written beside it.
 */
const writeBufferBytes = 4 * 1024 * 1024;

export type Bytes = Uint8Array;
export type BatchOperation =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes };

export class LevelDatabase {
  #failed: TgError | null = null;

  private constructor(
    readonly path: string,
    private readonly db: ClassicLevel<Bytes, Bytes>,
  ) {}

  static async open(path: string): Promise<LevelDatabase> {
    await mkdir(path, { recursive: true });
    const db = new ClassicLevel<Bytes, Bytes>(path, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      compression: false,
      writeBufferSize: writeBufferBytes,
    });
    try {
      await db.open();
    } catch (error) {
      throw openError(path, error);
    }
    return new LevelDatabase(path, db);
  }

  async isEmpty(): Promise<boolean> {
    try {
      return (await this.db.keys({ limit: 1 }).all()).length === 0;
    } catch (error) {
      throw readError(this.path, error);
    }
  }

  async batch(operations: BatchOperation[], sync: boolean): Promise<void> {
    this.check();
    try {
      // Not chained: what LevelDB keeps of a chained batch stays until a collection of garbage,
      // which knows nothing of its size: some 60 MB after a snapshot.
      await this.db.batch(operations, { sync });
    } catch (error) {
      throw this.fail(error);
    }
  }

  async get(key: Bytes): Promise<Bytes | null> {
    this.check();
    try {
      return (await this.db.get(key)) ?? null;
    } catch (error) {
      throw readError(this.path, error);
    }
  }

  /** The last key from `gte` to below `lt`. */
  async lastKey(gte: Bytes, lt: Bytes): Promise<Bytes | null> {
    this.check();
    try {
      return (await this.db.keys({ gte, lt, reverse: true, limit: 1 }).all())[0] ?? null;
    } catch (error) {
      throw readError(this.path, error);
    }
  }

  /** Pairs in order of keys, from `gte` to below `lt`, read in blocks. */
  async *pairs(gte: Bytes, lt: Bytes): AsyncGenerator<[Bytes, Bytes]> {
    this.check();
    const iterator = this.db.iterator({ gte, lt, highWaterMarkBytes: 1024 * 1024 });
    const nextBlock = async () => {
      try {
        return await iterator.nextv(1000);
      } catch (error) {
        throw readError(this.path, error);
      }
    };
    try {
      for (;;) {
        const block = await nextBlock();
        if (block.length === 0) return;
        yield* block;
      }
    } finally {
      await iterator.close();
    }
  }

  async clear(gte: Bytes, lt: Bytes): Promise<void> {
    this.check();
    try {
      await this.db.clear({ gte, lt });
    } catch (error) {
      throw this.fail(error);
    }
  }

  async compactRange(from: Bytes, to: Bytes): Promise<void> {
    await this.db.compactRange(from, to);
  }

  async close(): Promise<void> {
    await this.db.close();
  }

  private check(): void {
    if (this.#failed !== null) throw this.#failed;
  }

  private fail(error: unknown): TgError {
    this.#failed ??= writeFailed(this.path, error);
    return this.#failed;
  }
}

function openError(path: string, error: unknown): TgError {
  const cause = error instanceof Error ? error.cause : undefined;
  const locked = cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED';
  if (locked) {
    return new TgError('DIRECTORY_LOCKED', `another process uses ${path}`, { cause: error });
  }
  return new TgError(
    'CORRUPT',
    `${path} does not open: ${reason(cause ?? error)}; delete the node's data directory to let ` +
      'it come back from the others',
    { cause: error },
  );
}

function readError(path: string, error: unknown): TgError {
  return new TgError(
    'CORRUPT',
    `${path} cannot be read: ${reason(error)}; delete the node's data directory to let it come ` +
      'back from the others',
    { cause: error },
  );
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
