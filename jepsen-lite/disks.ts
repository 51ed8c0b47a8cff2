/**
 * A disk of its own for each node, as root on Linux: an ext4 on a loop device whose image lies,
 * sparse, on a tmpfs. What reached the image is what a power loss leaves; the image can be filled
 * from inside (no space) and cut off from memory below (write errors).
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

const imageMiB = 96;
/** Room for the image and for the copy that a power loss takes. */
const belowMiB = 2 * imageMiB + 16;
const MiB = 1024 * 1024;

/** @throws Error with what the tool said. */
function tool(name: string, ...words: string[]): void {
  const { status, stderr, error } = spawnSync(name, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name} ${words.join(' ')}: ${error?.message ?? stderr}`);
}

function format(image: string): void {
  tool('mkfs.ext4', '-q', '-F', '-E', 'nodiscard', image);
}

/** As at the start of a machine. False: somebody would have to decide what to give up. */
function repair(image: string): boolean {
  const { status } = spawnSync('e2fsck', ['-f', '-p', image]);
  // 0: sound, 1: repaired (e2fsck(8)).
  return status === 0 || status === 1;
}

interface Disk {
  /** The mounted ext4. */
  readonly top: string;
  /** The tmpfs below it. */
  readonly below: string;
  readonly image: string;
  mounted: boolean;
}

const inUse = new Set<Disks>();
process.on('exit', () => {
  for (const disks of inUse) disks.remove();
});

export class Disks {
  private readonly disks = new Map<string, Disk>();

  private constructor(private readonly dir: string) {}

  /** A text says why this machine has none. */
  static make(dir: string, ids: readonly string[]): Disks | string {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
    const disks = new Disks(dir);
    inUse.add(disks);
    try {
      for (const id of ids) disks.add(id);
      return disks;
    } catch (error) {
      disks.remove();
      return (error as Error).message.trim();
    }
  }

  /** Where node `id` keeps its data. */
  dataDir(id: string): string {
    return path.join(this.disk(id).top, 'data');
  }

  /** Nothing more can be written there. */
  fill(id: string): void {
    writeUntilFull(path.join(this.disk(id).top, 'ballast'));
  }

  /** New blocks of the disk cannot be written: the file system sees I/O errors. */
  breakWrites(id: string): void {
    writeUntilFull(path.join(this.disk(id).below, 'ballast'));
  }

  /** The node is stopped: what was not synced is gone. Call `restore` once it is killed. */
  losePower(id: string): void {
    const { image } = this.disk(id);
    // Equal before and after the copy: no write of the kernel came in between.
    for (;;) {
      // Quickly: what the kernel writes in the meantime is not lost.
      tool('cp', '--sparse=always', image, `${image}.kept`);
      if (readFileSync(image).equals(readFileSync(`${image}.kept`))) return;
    }
  }

  restore(id: string): void {
    const disk = this.disk(id);
    this.unmount(disk);
    copyFileSync(`${disk.image}.kept`, disk.image);
    rmSync(`${disk.image}.kept`);
    this.mount(disk);
  }

  /**
   * Space again; after write errors the file system is repaired and mounted anew, once `end` has
   * ended the node. True: it was beyond repair, and the node has a new and empty disk.
   */
  async heal(id: string, end: () => Promise<unknown>): Promise<boolean> {
    const disk = this.disk(id);
    const broken = path.join(disk.below, 'ballast');
    if (!existsSync(broken)) {
      rmSync(path.join(disk.top, 'ballast'), { force: true });
      return false;
    }
    rmSync(broken);
    await end();
    this.unmount(disk);
    const isLost = !repair(disk.image);
    if (isLost) format(disk.image);
    this.mount(disk);
    return isLost;
  }

  remove(): void {
    for (const { top, below } of this.disks.values()) {
      // Lazily: a node that was just killed may not be gone yet.
      for (const place of [top, below]) spawnSync('umount', ['--lazy', place]);
    }
    this.disks.clear();
    inUse.delete(this);
  }

  private disk(id: string): Disk {
    const disk = this.disks.get(id);
    if (disk === undefined) throw new Error(`${id} has no disk`);
    return disk;
  }

  private add(id: string): void {
    const [top, below] = [path.join(this.dir, `${id}.top`), path.join(this.dir, `${id}.below`)];
    const disk = { top, below, image: path.join(below, 'image'), mounted: false };
    for (const place of [top, below]) mkdirSync(place, { recursive: true });
    tool('mount', '-t', 'tmpfs', '-o', `size=${belowMiB}m`, 'tmpfs', below);
    this.disks.set(id, disk);
    tool('truncate', '-s', `${imageMiB}M`, disk.image);
    format(disk.image);
    this.mount(disk);
  }

  private mount(disk: Disk): void {
    tool('mount', '-o', 'loop', disk.image, disk.top);
    disk.mounted = true;
  }

  private unmount(disk: Disk): void {
    if (!disk.mounted) return;
    tool('umount', disk.top);
    disk.mounted = false;
  }
}

function writeUntilFull(file: string): void {
  const handle = openSync(file, 'w');
  try {
    for (let bytes = MiB; bytes >= 512; bytes /= 2) writeWhilePossible(handle, Buffer.alloc(bytes));
  } finally {
    closeSync(handle);
  }
}

function writeWhilePossible(handle: number, chunk: Buffer): void {
  try {
    for (;;) writeSync(handle, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
