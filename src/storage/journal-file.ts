/** The file of the journal has its length before it is used, so that later writes change none. */
import { constants, fstatSync, read } from 'node:fs';
import { open, stat, statfs, truncate } from 'node:fs/promises';
import path from 'node:path';
import { syncDirectory } from './identity-file.js';
import type { JournalBytes } from './journal-record.js';

/** Filled with zeros in pieces of this size. */
const pieceBytes = 1024 * 1024;
/** The ring takes no more than one part in so many of what is left on the disk. */
const spaceParts = 8;
export const fileMode = 0o644;
/** A start reads so much at a time, more where a record has more. */
const readBytes = 4 * 1024 * 1024;
const nothing = Buffer.alloc(0);

/** 0: there is none. */
export async function lengthOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/**
 * Resolves when the file has at least so many bytes and the disk knows it. `progress` hears of each
 * piece when that is so for it, is waited for, and ends it there with false.
 */
export async function lengthen(
  file: string,
  bytes: number,
  progress?: (bytes: number) => Promise<boolean>,
): Promise<void> {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT, fileMode);
  try {
    let { size } = await handle.stat();
    const zeros = Buffer.alloc(Math.min(pieceBytes, Math.max(0, bytes - size)));
    while (size < bytes) {
      const rest = Math.min(zeros.length, bytes - size);
      size += (await handle.write(zeros, 0, rest, size)).bytesWritten;
      if (progress === undefined) continue;
      await handle.sync();
      if (!(await progress(size))) return;
    }
    // Also when it had its length: whoever made it may have been killed before it was synced.
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncDirectory(path.dirname(file));
}

/** Takes away what was added. */
export async function shorten(file: string, bytes: number): Promise<void> {
  if ((await lengthOf(file)) > bytes) await truncate(file, bytes);
}

/** Whether the disk can spare so many bytes more. */
export async function hasSpaceFor(file: string, bytes: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(path.dirname(file));
  return bavail * bsize >= spaceParts * bytes;
}

/** Fills the buffer from `at` on; resolves with what is in it: less only at the end of the file. */
export async function readAt(fd: number, buffer: Buffer, at: number): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const bytes = await readSome(fd, buffer.subarray(filled), at + filled);
    if (bytes === 0) break;
    filled += bytes;
  }
  return buffer.subarray(0, filled);
}

/** What one call of the kernel gives, which may be less than there is. */
function readSome(fd: number, buffer: Buffer, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, at, (error, bytes) => {
      if (error !== null) reject(error);
      else resolve(bytes);
    });
  });
}

/** A file that is read from its beginning to its end. */
export class FileBytes implements JournalBytes {
  readonly length: number;
  private from = 0;
  private memory: Buffer = Buffer.allocUnsafeSlow(readBytes);
  private held: Buffer = nothing;

  constructor(private readonly fd: number) {
    this.length = fstatSync(fd).size;
  }

  async read(at: number, bytes: number): Promise<Buffer> {
    const end = Math.min(at + bytes, this.length);
    if (at < this.from || end > this.from + this.held.length) await this.fill(at, end - at);
    return this.held.subarray(at - this.from, end - this.from);
  }

  private async fill(at: number, bytes: number): Promise<void> {
    // No two of them at once: a record may take much.
    this.held = nothing;
    if (bytes > this.memory.length) {
      this.memory = nothing;
      this.memory = Buffer.allocUnsafeSlow(bytes);
    }
    this.held = await readAt(this.fd, this.memory, at);
    this.from = at;
    if (this.held.length < bytes) throw new Error(`the file ends at ${at + this.held.length}`);
  }
}
