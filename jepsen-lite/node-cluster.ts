/**
 * A cluster of real node processes on free ports, with its data in a directory of its own. Who
 * uses it waits for conditions, never for a fixed time. Every process is killed by its id when
 * this process ends, however it ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ask, parseInfo } from '../cmd/resp-client.js';
import { type ClusterNode, type NodeClusterOptions, newPlace, placesIn } from './places.js';

/** A file of dist/, from the source of this folder as well as from its compiled form. */
export function compiled(file: string): string {
  const own = fileURLToPath(import.meta.url);
  const dist = own.endsWith('.ts') ? '../dist' : '..';
  return path.resolve(path.dirname(own), dist, file);
}

export const program = compiled('cmd/tgcache-node.js');

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Until `probe` gives something other than null. Its errors count as null; the last is told. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | null> | T | null,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = 'the condition never held';
  for (;;) {
    try {
      const found = await probe();
      if (found !== null) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${what}: ${String(last)}`);
    }
    await sleep(20);
  }
}

export class NodeCluster {
  private readonly children = new Map<string, ChildProcess>();
  private readonly askedToEnd = new WeakSet<ChildProcess>();
  /** Exit codes of nodes that have ended. */
  private readonly endings = new Map<string, number | null>();
  /** Nodes that belong to the cluster, and spare ones. */
  readonly places: ClusterNode[];
  /** The members are not those of the start. */
  private hasChanged = false;
  /** How often a node was started. */
  starts = 0;

  private constructor(
    readonly dir: string,
    readonly nodes: ClusterNode[],
    private readonly options: NodeClusterOptions,
  ) {
    this.places = [...nodes];
  }

  /** Resolves when all nodes follow one leader. */
  static async start(options: NodeClusterOptions = {}): Promise<NodeCluster> {
    if (!existsSync(program)) throw new Error(`${program} is missing: run 'npm run build' first`);
    const dir = options.dir ?? mkdtempSync(path.join(tmpdir(), 'tgcache-test-'));
    mkdirSync(dir, { recursive: true });
    const cluster = new NodeCluster(dir, await placesIn(dir, options), options);
    try {
      for (const id of cluster.ids) cluster.spawn(id);
      await cluster.ready();
    } catch (error) {
      const logs = cluster.ids.map((id) => cluster.log(id).slice(-2000)).join('\n');
      await cluster.killAll();
      if (options.dir === undefined) await cluster.destroy();
      throw new Error(`the cluster did not start: ${error}\n${logs}`, { cause: error });
    }
    return cluster;
  }

  /** A place for one more node, which does not run yet; `membership` as ClusterNode has it. */
  async place(id: string, membership: readonly string[] = []): Promise<ClusterNode> {
    await this.spare(id);
    return this.adopt(id, membership);
  }

  /** A place for a node that does not belong to the cluster. */
  async spare(id: string): Promise<void> {
    this.places.push(await newPlace(this.dir, this.options, id));
  }

  get spares(): string[] {
    return this.places.map(({ id }) => id).filter((id) => !this.ids.includes(id));
  }

  /** From now on a spare one counts; it is not started yet. */
  adopt(id: string, membership: readonly string[] = this.joining()): ClusterNode {
    this.nodes.push({ ...this.placeOf(id), membership });
    this.hasChanged = true;
    return this.node(id);
  }

  /** --join through all nodes of the moment. */
  joining(): string[] {
    return ['--join', this.nodes.map(({ peerAddress }) => peerAddress).join(',')];
  }

  /** A node that left is a spare one; ends it if it runs. */
  async drop(id: string): Promise<void> {
    await this.kill(id);
    this.nodes.splice(this.nodes.indexOf(this.node(id)), 1);
    this.hasChanged = true;
  }

  /** Waits until the process ends by itself; its exit code. */
  ending(id: string): Promise<number | null> {
    const child = this.children.get(id);
    if (child !== undefined) this.askedToEnd.add(child);
    return waitFor(`the end of ${id}`, () =>
      this.children.has(id) ? null : { code: this.endings.get(id) ?? null },
    ).then(({ code }) => code);
  }

  node(id: string): ClusterNode {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  private placeOf(id: string): ClusterNode {
    const found = this.places.find((place) => place.id === id);
    if (found === undefined) throw new Error(`no place ${id}`);
    return found;
  }

  port(id: string): number {
    return this.placeOf(id).clientPort;
  }

  address(id: string): { host: string; port: number } {
    const { host, clientPort } = this.placeOf(id);
    return { host, port: clientPort };
  }

  get ids(): string[] {
    return this.nodes.map(({ id }) => id);
  }

  get addresses(): { host: string; port: number }[] {
    return this.ids.map((id) => this.address(id));
  }

  log(id: string): string {
    const { logFile } = this.placeOf(id);
    return existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  }

  /** One command on a connection of its own; an error reply rejects. */
  async command(id: string, ...words: string[]): Promise<unknown> {
    const address = this.address(id);
    const [reply] = await ask({ address, password: '', commands: [words], timeoutMs: 5000 });
    if (reply instanceof Error) throw reply;
    return reply;
  }

  async raft(id: string): Promise<ReadonlyMap<string, string>> {
    return parseInfo(String(await this.command(id, 'INFO', 'raft')));
  }

  /** Waits for a node that leads and that a majority of all nodes follows. */
  leader(timeoutMs?: number): Promise<string> {
    return waitFor('a leader', () => this.leaderNow(), timeoutMs);
  }

  private async leaderNow(): Promise<string | null> {
    const answers = await Promise.all(this.ids.map((id) => this.raft(id).catch(() => null)));
    for (const id of this.ids) {
      const own = answers[this.ids.indexOf(id)];
      if (own?.get('state') !== 'leader') continue;
      const agree = answers.filter(
        (a) => a?.get('leader_id') === id && a.get('term') === own.get('term'),
      );
      if (agree.length > this.ids.length / 2) return id;
    }
    return null;
  }

  async followers(): Promise<string[]> {
    const leader = await this.leader();
    return this.ids.filter((id) => id !== leader);
  }

  /** All nodes follow one leader. */
  ready(timeoutMs?: number): Promise<string> {
    const oneLeader = async () => {
      const infos = await Promise.all(this.ids.map((id) => this.raft(id)));
      const leaders = new Set(infos.map((info) => info.get('leader_id')));
      const [leader] = leaders;
      return leaders.size === 1 && leader ? leader : null;
    };
    return waitFor('all nodes to follow one leader', oneLeader, timeoutMs);
  }

  /** Waits until all nodes are at one applied index and returns the digest they must share. */
  equalDigest(timeoutMs?: number): Promise<string> {
    const digest = async () => {
      const answers = await Promise.all(
        this.ids.map((id) => this.command(id, 'TGCACHE', 'APPLIED')),
      );
      const [first, ...others] = answers.map((answer) => (answer as unknown[]).map(String));
      if (!others.every((other) => other[0] === first![0])) return null;
      for (const other of others) {
        if (other[1] !== first![1]) return Promise.reject(new Error(`digests differ: ${answers}`));
      }
      return first![1]!;
    };
    return waitFor('equal digests', digest, timeoutMs);
  }

  async kill(id: string): Promise<void> {
    await this.end(id, 'SIGKILL');
  }

  /** SIGTERM; resolves with the exit code. */
  terminate(id: string): Promise<number | null> {
    return this.end(id, 'SIGTERM');
  }

  pause(id: string): void {
    this.child(id).kill('SIGSTOP');
  }

  resume(id: string): void {
    this.child(id).kill('SIGCONT');
  }

  isRunning(id: string): boolean {
    return this.children.has(id);
  }

  /** Starts a node that has ended. */
  restart(id: string): void {
    if (this.children.has(id)) throw new Error(`${id} still runs`);
    this.spawn(id);
  }

  /** Deletes the data of a node that has ended; it finds the others by who they are by then. */
  wipe(id: string): void {
    if (this.children.has(id)) throw new Error(`${id} still runs`);
    rmSync(this.placeOf(id).dataDir, { recursive: true, force: true });
    const at = this.nodes.findIndex((node) => node.id === id);
    if (at < 0 || !this.hasChanged) return;
    this.nodes[at] = { ...this.nodes[at]!, membership: this.joining() };
  }

  /** The fields of one section of INFO. */
  async info(id: string, section: string): Promise<ReadonlyMap<string, string>> {
    return parseInfo(String(await this.command(id, 'INFO', section)));
  }

  async killAll(): Promise<void> {
    await Promise.all(this.places.map(({ id }) => this.kill(id)));
  }

  /** Ends all nodes at once and deletes their data. */
  async destroy(): Promise<void> {
    await this.killAll();
    rmSync(this.dir, { recursive: true, force: true });
  }

  private child(id: string): ChildProcess {
    const child = this.children.get(id);
    if (child === undefined) throw new Error(`${id} does not run`);
    return child;
  }

  private spawn(id: string): void {
    const node = this.node(id);
    const log = openSync(node.logFile, 'a');
    const env = { ...process.env, ...this.options.env?.(this.places.indexOf(this.placeOf(id))) };
    const stdio: ['ignore', number, number] = ['ignore', log, log];
    const launcher = this.options.launcher?.(id) ?? [];
    const command = [...launcher, process.execPath, program, ...this.flags(node)];
    const child = spawn(command[0]!, command.slice(1), { stdio, env });
    closeSync(log);
    this.starts++;
    alive.add(child);
    this.children.set(id, child);
    child.once('exit', (code, signal) => {
      alive.delete(child);
      this.endings.set(id, code);
      if (this.children.get(id) === child) this.children.delete(id);
      if (!this.askedToEnd.has(child)) this.tellSurprise(id, `ended with ${signal ?? code}`);
    });
  }

  private tellSurprise(id: string, how: string): void {
    const { onSurprise } = this.options;
    const log = this.log(id).trimEnd();
    if (onSurprise !== undefined) onSurprise(`${id} ${how}: ${log.split('\n').at(-1)}`);
    else console.error(`${id} ${how}:\n${log.slice(-2000)}`);
  }

  private flags(node: ClusterNode): string[] {
    return [
      'start',
      ...['--id', node.id],
      ...['--data-dir', node.dataDir],
      ...['--client-listen', `${node.host}:${node.clientPort}`],
      ...['--peer-listen', `${node.host}:${node.peerPort}`],
      ...['--peer-advertise', node.peerAddress],
      ...['--http-listen', 'off'],
      ...node.membership,
      ...(this.options.set ?? []).flatMap((text) => ['--set', text]),
    ];
  }

  private end(id: string, signal: NodeJS.Signals): Promise<number | null> {
    const child = this.children.get(id);
    if (child === undefined) return Promise.resolve(null);
    this.askedToEnd.add(child);
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    // A paused process must go on to hear anything but SIGKILL.
    child.kill('SIGCONT');
    return ended;
  }
}
