/**
 * Remembers, outside LevelDB, how far the log was durable, so that a log that lost its tail is
 * found out at the next start; and how far of that was committed, as a hint for the restart: in
 * LevelDB each such record would make new tables overlap all old ones, to be merged again.
 * Two slots in one small file, written in turn without a sync of their own: after a crash of the
 * process they are exact, after a power cut a lower bound. For that a record that goes back is
 * synced: the higher one must not outlive the entries it counts.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { TgError } from '../errors.js';
import type { LogIndex } from '../raft/types.js';

/** sequence f64, index f64, crc u32 */
const slotBytes = 20;
/** Behind the slots: commit f64, crc u32 */
const hintAt = 2 * slotBytes;
const hintBytes = 12;

export class DurableIndex {
  #sequence = 0;
  #index = 0;
  #commit = 0;
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

  /** Entries known to be committed; may be too low, as far back as 0. */
  get commit(): LogIndex {
    return this.#commit;
  }

  /** Never beyond what is durable: what comes in the place of a lost entry is not committed. */
  recordCommit(commit: LogIndex, sync = false): void {
    if (this.fresh) return;
    const hint = Buffer.alloc(hintBytes);
    this.#commit = Math.min(commit, this.#index);
    hint.writeDoubleLE(this.#commit, 0);
    hint.writeUInt32LE(crc32(hint.subarray(0, 8)), 8);
    this.write(hint, hintAt, sync);
  }

  /** Entries up to `index` are durable; never goes back. */
  advance(index: LogIndex): void {
    if (index > this.#index || this.fresh) this.record(index);
  }

  record(index: LogIndex): void {
    if (index === this.#index && this.#sequence > 0) return;
    const goesBack = index < this.#index;
    this.#sequence++;
    this.#index = index;
    this.#slot.writeDoubleLE(this.#sequence, 0);
    this.#slot.writeDoubleLE(index, 8);
    this.#slot.writeUInt32LE(crc32(this.#slot.subarray(0, 16)), 16);
    if (index < this.#commit) this.recordCommit(index);
    this.write(this.#slot, (this.#sequence % 2) * slotBytes, goesBack);
  }

  private write(bytes: Buffer, at: number, sync: boolean): void {
    try {
      writeSync(this.fd, bytes, 0, bytes.length, at);
      if (sync) fdatasyncSync(this.fd);
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
    const bytes = Buffer.alloc(hintAt + hintBytes);
    readSync(this.fd, bytes, 0, bytes.length, 0);
    let sound = 0;
    for (const at of [0, slotBytes]) {
      if (crc32(bytes.subarray(at, at + 16)) !== bytes.readUInt32LE(at + 16)) continue;
      const sequence = bytes.readDoubleLE(at);
      if (sequence < 1) continue;
      sound++;
      if (sequence <= this.#sequence) continue;
      this.#sequence = sequence;
      this.#index = bytes.readDoubleLE(at + 8);
    }
    this.loadCommit(bytes);
    // One slot may be torn by a crash in the middle of its write; the first record fills only one.
    const onlyFirst = sound === 1 && this.#sequence === 1;
    if (sound === 0 || (sound === 1 && !onlyFirst && !this.tornSlotIsNewer(bytes))) {
      throw new TgError('CORRUPT', `${this.file} is damaged`);
    }
  }

  /** A torn or missing hint costs nothing but a slower start. */
  private loadCommit(bytes: Buffer): void {
    const sound = crc32(bytes.subarray(hintAt, hintAt + 8)) === bytes.readUInt32LE(hintAt + 8);
    if (!sound) return;
    this.#commit = bytes.readDoubleLE(hintAt);
    if (this.#commit > this.#index) this.recordCommit(this.#index, true);
  }

  /** Damage of the older slot is not what a crash does. */
  private tornSlotIsNewer(bytes: Buffer): boolean {
    const other = ((this.#sequence + 1) % 2) * slotBytes;
    const blank = bytes.subarray(other, other + slotBytes).every((byte) => byte === 0);
    return blank || bytes.readDoubleLE(other) >= this.#sequence;
  }
}
