/**
 * The small file outside LevelDB that says who this directory is and what it promised: LevelDB
 * opens empty when its log is lost, and a node that forgot its vote would vote twice. Replaced as
 * a whole: temporary file, fsync, rename, fsync of the directory.
 */
import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { seal, unseal } from '../codec/sealed.js';
import { TgError } from '../errors.js';
import type { NodeId, Term } from '../raft/types.js';

export interface Identity {
  readonly nodeId: NodeId;
  readonly clusterId: string | null;
  /** Random name of this directory (requirement 8). */
  readonly incarnation: string;
  readonly term: Term;
  readonly votedFor: NodeId | null;
}

export class IdentityFile {
  private constructor(
    private readonly file: string,
    private readonly fsync: boolean,
    private current: Identity,
  ) {}

  get identity(): Identity {
    return this.current;
  }

  static async open(dir: string, nodeId: NodeId, fsync: boolean): Promise<IdentityFile> {
    const file = path.join(dir, 'identity');
    const stored = await readStored(file);
    if (stored !== null && stored.nodeId !== nodeId) {
      throw new TgError(
        'WRONG_DIRECTORY',
        `${dir} is the data directory of node ${stored.nodeId}, not of ${nodeId}`,
      );
    }
    if (stored !== null) return new IdentityFile(file, fsync, stored);
    const incarnation = randomBytes(12).toString('hex');
    const fresh = { nodeId, clusterId: null, incarnation, term: 0, votedFor: null };
    const made = new IdentityFile(file, fsync, fresh);
    await made.save(fresh);
    return made;
  }

  /** Resolves when durable. */
  async save(identity: Identity): Promise<void> {
    const { nodeId, clusterId, incarnation, term, votedFor } = identity;
    await replaceFile(this.file, [nodeId, clusterId, incarnation, term, votedFor], this.fsync);
    this.current = identity;
  }
}

/** Wholly old or wholly new, also after a crash. */
export async function replaceFile(
  file: string,
  fields: readonly unknown[],
  fsync: boolean,
): Promise<void> {
  const temporary = `${file}.new`;
  try {
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(seal(fields));
      if (fsync) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    if (fsync) await syncDirectory(path.dirname(file));
  } catch (error) {
    throw new TgError('STORAGE_FAILED', `${file} could not be written: ${String(error)}`, {
      cause: error,
    });
  }
}

/** The fields of a small file; null when it is not there. */
export async function readFields(file: string): Promise<unknown[] | null> {
  await rm(`${file}.new`, { force: true });
  try {
    return unseal(await readFile(file), file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Makes a new or renamed file of this directory durable. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readStored(file: string): Promise<Identity | null> {
  const fields = await readFields(file);
  if (fields === null) return null;
  const [nodeId, clusterId, incarnation, term, votedFor] = fields;
  const sound =
    typeof nodeId === 'string' &&
    (clusterId === null || typeof clusterId === 'string') &&
    typeof incarnation === 'string' &&
    Number.isSafeInteger(term) &&
    (votedFor === null || typeof votedFor === 'string');
  if (!sound) throw new TgError('CORRUPT', `${file} is damaged`);
  return { nodeId, clusterId, incarnation, term: term as Term, votedFor };
}
