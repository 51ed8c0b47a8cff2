/**
 * Remembers, outside LevelDB, how far the log was durable, so that a log that lost its tail is
 * found out at the next start. Two slots in one small file, written in turn without a sync of
 * their own: after a crash of the process they are exact, after a power cut a lower bound. For
 * that a record that goes back is synced: the higher one must not outlive the entries it counts.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32c } from '../codec/crc32c.js';
import { TgError } from '../errors.js';
import type { LogIndex } from '../raft/types.js';

/** sequence f64, index f64, crc u32 */
const slotBytes = 20;

export class DurableIndex {
  #sequence = 0;
  #index = 0;
  readonly #slot = Buffer.alloc(slotBytes);

  private constructor(
    private readonly fd: number,
    private readonly file: string,
  ) {}

  static open(file: string): DurableIndex {
    const fd = openSync(file, 'a+');
    closeSync(fd);
    const opened = new DurableIndex(openSync(file, 'r+'), file);
    opened.load();
    return opened;
  }

  get index(): LogIndex {
    return this.#index;
  }

  /** True when nothing was ever recorded. */
  get fresh(): boolean {
    return this.#sequence === 0;
  }

  record(index: LogIndex): void {
    if (index === this.#index && this.#sequence > 0) return;
    const goesBack = index < this.#index;
    this.#sequence++;
    this.#index = index;
    this.#slot.writeDoubleLE(this.#sequence, 0);
    this.#slot.writeDoubleLE(index, 8);
    this.#slot.writeUInt32LE(crc32c(this.#slot, 0, 16), 16);
    try {
      writeSync(this.fd, this.#slot, 0, slotBytes, (this.#sequence % 2) * slotBytes);
      if (goesBack) fdatasyncSync(this.fd);
    } catch (error) {
      throw new TgError('STORAGE_FAILED', `${this.file} could not be written: ${String(error)}`, {
        cause: error,
      });
    }
  }

  close(): void {
    fdatasyncSync(this.fd);
    closeSync(this.fd);
  }

  private load(): void {
    const size = fstatSync(this.fd).size;
    if (size === 0) return;
    const bytes = Buffer.alloc(2 * slotBytes);
    readSync(this.fd, bytes, 0, bytes.length, 0);
    let sound = 0;
    for (const at of [0, slotBytes]) {
      if (crc32c(bytes, at, at + 16) !== bytes.readUInt32LE(at + 16)) continue;
      const sequence = bytes.readDoubleLE(at);
      if (sequence < 1) continue;
      sound++;
      if (sequence <= this.#sequence) continue;
      this.#sequence = sequence;
      this.#index = bytes.readDoubleLE(at + 8);
    }
    // One slot may be torn by a crash in the middle of its write; the first record fills only one.
    const onlyFirst = sound === 1 && this.#sequence === 1;
    if (sound === 0 || (sound === 1 && !onlyFirst && !this.tornSlotIsNewer(bytes))) {
      throw new TgError('CORRUPT', `${this.file} is damaged`);
    }
  }

  /** Damage of the older slot is not what a crash does. */
  private tornSlotIsNewer(bytes: Buffer): boolean {
    const other = ((this.#sequence + 1) % 2) * slotBytes;
    const blank = bytes.subarray(other, other + slotBytes).every((byte) => byte === 0);
    return blank || bytes.readDoubleLE(other) >= this.#sequence;
  }
}
