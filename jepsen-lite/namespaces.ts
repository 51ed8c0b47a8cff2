/**
 * Nodes in network namespaces of their own, as root on Linux: each pair of nodes is joined by a
 * cable (veth) of its own, whose ends drop, delay or throttle what leaves there. Unlike relays,
 * packets are lost and TCP has to cope. Clients reach each node over one more cable.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { LinkState } from './links.js';

/** For benchmarks (RFC 2544): nobody's real network. */
const addressPrefix = '198.18';
/** Where the kernel cannot delay packets, a slow link is a narrow one. */
const narrow = ['tbf', 'rate', '1mbit', 'burst', '4kb', 'latency', '100ms'];

/** @throws Error with what the tool said. */
function run(...words: string[]): void {
  const [name, ...args] = words as [string, ...string[]];
  const { status, stderr, error } = spawnSync(name, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${words.join(' ')}: ${error?.message ?? stderr}`);
}

/** Where ip-netns(8) keeps them. */
const spacesDir = '/run/netns';
const tagsCount = 250;
const triesMax = 5;

/** Another run on this machine may have the one that chance gives. */
function freeTag(random: number): number | null {
  for (let more = 0; more < tagsCount; more++) {
    const tag = 1 + ((random + more) % tagsCount);
    if (!existsSync(`${spacesDir}/jl${tag}-n1`)) return tag;
  }
  return null;
}

const inUse = new Set<Namespaces>();
process.on('exit', () => {
  for (const namespaces of inUse) namespaces.remove();
});

export class Namespaces {
  private canDelay = true;
  /** Names; those of other runs are not touched. */
  private readonly built: string[] = [];

  private constructor(
    private readonly ids: readonly string[],
    /** Third part of all addresses, and part of all names. */
    private readonly tag: number,
  ) {}

  /** A text says why this machine has none. */
  static make(ids: readonly string[], random: number): Namespaces | string {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
    let problem = 'other runs take all addresses';
    for (let tries = 0; tries < triesMax; tries++) {
      const tag = freeTag(random);
      if (tag === null) break;
      const made = new Namespaces(ids, tag);
      inUse.add(made);
      try {
        made.build();
        return made;
      } catch (error) {
        made.remove();
        problem = (error as Error).message.trim();
        // Another run was quicker.
        if (!problem.includes('File exists')) break;
      }
    }
    return problem;
  }

  host(id: string): string {
    return `${addressPrefix}.${this.tag}.${1 + this.ids.indexOf(id)}`;
  }

  /**
   * What goes before a command that is to run where the node is. Not `ip netns exec`, which gives
   * it a view of all mounts too: no disk of any node could be unmounted while it runs.
   */
  launcher(id: string): readonly string[] {
    return ['nsenter', `--net=${spacesDir}/${this.space(id)}`];
  }

  apply(from: string, to: string, state: LinkState): void {
    const device = ['dev', this.cable(to)];
    const rule = this.rule(state);
    const change = ['qdisc', rule === null ? 'del' : 'replace', ...device, 'root'];
    const words = ['-n', this.space(from), ...change, ...(rule ?? [])];
    const { status, stderr } = spawnSync('tc', words);
    // A link that was sound has nothing to delete.
    if (status !== 0 && rule !== null) throw new Error(`${from} to ${to}: ${stderr}`);
  }

  remove(): void {
    for (const space of this.built.splice(0)) spawnSync('ip', ['netns', 'del', space]);
    inUse.delete(this);
  }

  private rule({ cut, delayMs, stallPermille }: LinkState): readonly string[] | null {
    if (cut) return ['blackhole'];
    if (delayMs === 0 && stallPermille === 0) return null;
    if (!this.canDelay) return narrow;
    const loss = stallPermille > 0 ? ['loss', `${stallPermille / 10}%`] : [];
    return ['netem', 'delay', `${delayMs}ms`, ...loss];
  }

  private space(id: string): string {
    return `jl${this.tag}-${id}`;
  }

  /** The end, in any namespace, of the cable that leads to a node. */
  private cable(id: string): string {
    return `to-${id}`;
  }

  private inside(id: string, ...words: string[]): void {
    run('ip', '-n', this.space(id), ...words);
  }

  private build(): void {
    const { ids } = this;
    for (const id of ids) {
      run('ip', 'netns', 'add', this.space(id));
      this.built.push(this.space(id));
      this.inside(id, 'link', 'set', 'lo', 'up');
      this.inside(id, 'address', 'add', `${this.host(id)}/32`, 'dev', 'lo');
      this.joinClients(id);
    }
    ids.forEach((a, at) => {
      for (const b of ids.slice(at + 1)) this.join(a, b);
    });
    this.tryRules();
  }

  private join(a: string, b: string): void {
    const [endA, endB] = [this.cable(b), this.cable(a)];
    const [inA, inB] = [
      ['netns', this.space(a)],
      ['netns', this.space(b)],
    ];
    run('ip', 'link', 'add', endA, ...inA, 'type', 'veth', 'peer', 'name', endB, ...inB);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const device = ['dev', this.cable(to)];
      this.inside(from, 'link', 'set', ...device, 'up');
    }
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const route = [`${this.host(to)}/32`, 'dev', this.cable(to), 'src', this.host(from)];
      this.inside(from, 'route', 'add', ...route);
    }
  }

  /** The clients are here, outside all namespaces. */
  private joinClients(id: string): void {
    const clients = `${addressPrefix}.${this.tag}.254/32`;
    const here = this.space(id);
    run('ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', 'clients', 'netns', here);
    run('ip', 'address', 'add', clients, 'dev', here);
    run('ip', 'link', 'set', here, 'up');
    this.inside(id, 'link', 'set', 'clients', 'up');
    run('ip', 'route', 'add', `${this.host(id)}/32`, 'dev', here, 'src', clients.slice(0, -3));
    this.inside(id, 'route', 'add', clients, 'dev', 'clients', 'src', this.host(id));
  }

  /** Finds out what the kernel can do to packets; without losing them there is no use in this. */
  private tryRules(): void {
    const [a, b] = this.ids as [string, string];
    const state = { cut: false, delayMs: 0, stallPermille: 0, resetPermille: 0 };
    this.apply(a, b, { ...state, cut: true });
    try {
      this.apply(a, b, { ...state, delayMs: 1 });
    } catch {
      this.canDelay = false;
    }
    this.apply(a, b, state);
  }
}
