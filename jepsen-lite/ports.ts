/**
 * Ports for nodes on this machine. A port stays with the process that was given it, also while no
 * node listens there: other tests run beside it, and a node that is down must find its own again.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Below the ports that systems give to outgoing connections: one of these could sit on the port of
 * a node that is down, and the node could not start again.
 */
const portRange = { first: 11_000, count: 9000 };
/** Ports are not given back before the process ends; a run of hours takes some thousands. */
const triesMax = 100_000;

/** A file for each port that is given away, with the id of the process that has it. */
const claimsDir = path.join(tmpdir(), 'tgcache-ports');
const claimed = new Set<number>();
process.on('exit', () => {
  for (const port of claimed) rmSync(claimOf(port), { force: true });
});

function claimOf(port: number): string {
  return path.join(claimsDir, String(port));
}

/** False: another process that lives has it, or this one. */
function claim(port: number): boolean {
  mkdirSync(claimsDir, { recursive: true });
  if (claimed.has(port)) return false;
  if (!write(port)) {
    if (lives(ownerOf(port))) return false;
    rmSync(claimOf(port), { force: true });
    if (!write(port)) return false;
  }
  claimed.add(port);
  return true;
}

function write(port: number): boolean {
  try {
    writeFileSync(claimOf(port), String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** NaN: it has not written its id yet, or has just gone. */
function ownerOf(port: number): number {
  try {
    return Number.parseInt(readFileSync(claimOf(port), 'utf8'), 10);
  } catch {
    return Number.NaN;
  }
}

function lives(pid: number): boolean {
  if (Number.isNaN(pid)) return true;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function listens(port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function isFree(port: number): Promise<boolean> {
  return claim(port) && (await listens(port));
}

let tries = 0;

function randomPort(): number {
  if (++tries > triesMax) throw new Error(`${triesMax} ports tried: too many are taken`);
  return portRange.first + Math.floor(Math.random() * portRange.count);
}

/** Nobody else is given them while this process lives. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const port = randomPort();
    if (await isFree(port)) found.push(port);
  }
  return found;
}

/** From it on, client, HTTP and peer ports of so many nodes at their usual distances are free. */
export async function freeBasePort(nodes: number): Promise<number> {
  for (;;) {
    const base = randomPort();
    const ports = [0, 1000, 10_000].flatMap((offset) =>
      Array.from({ length: nodes }, (_, at) => base + offset + at),
    );
    const free = await Promise.all(ports.map(isFree));
    if (free.every((each) => each)) return base;
  }
}
