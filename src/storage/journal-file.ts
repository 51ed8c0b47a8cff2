/** The file of the journal has its length before it is used, so that later writes change none. */
import { constants } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import path from 'node:path';
import { syncDirectory } from './identity-file.js';

/** Filled with zeros in pieces of this size. */
const pieceBytes = 1024 * 1024;
/** The ring takes no more than this share of what is left on the disk. */
const spaceShare = 8;
const mode = 0o644;

/** Resolves when the file has at least so many bytes and the disk knows it. */
export async function lengthen(file: string, bytes: number): Promise<void> {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT, mode);
  try {
    let { size } = await handle.stat();
    const zeros = Buffer.alloc(Math.min(pieceBytes, Math.max(0, bytes - size)));
    while (size < bytes) {
      const rest = Math.min(zeros.length, bytes - size);
      size += (await handle.write(zeros, 0, rest, size)).bytesWritten;
    }
    // Also when it had its length: whoever made it may have been killed before it was synced.
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncDirectory(path.dirname(file));
}

/** Whether the disk can spare so many bytes more. */
export async function hasSpaceFor(file: string, bytes: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(path.dirname(file));
  return bavail * bsize >= spaceShare * bytes;
}
