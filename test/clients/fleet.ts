/**
 * Stock clients that write and read while the leader of their cluster is killed and changed. Each
 * writes keys of its own, once, and reads back what was acknowledged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type TestCluster, waitFor } from '../cluster/harness.js';

export interface StockClient {
  /** Resolves when the write is acknowledged. */
  set(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<unknown>;
  close(): unknown;
}

export interface ClientKind {
  readonly name: string;
  /** `port`: of one node; clients that know more of the cluster ask it themselves. */
  readonly connect: (cluster: TestCluster, port: number) => Promise<StockClient> | StockClient;
  /** Errors it hands to the application besides those of the contract. */
  readonly mayFail: RegExp;
  /** It reads at followers, which may lag a little behind an acknowledgement. */
  readonly readsReplicas?: true;
}

/** CONTRACT: errors of a change of leader, and what each says about the command is documented. */
const documented = /^(UNCERTAIN|TRYAGAIN|CLUSTERDOWN|LOADING) /;
const pauseMs = 5;
const writesPerPhase = 10;
const readsAtOnce = 50;
/** Clients wait longer and longer between their attempts. */
const patienceMs = 60_000;

class Load {
  readonly acknowledged = new Map<string, string>();
  readonly errors: string[] = [];
  readonly wrongReads: string[] = [];
  private running = true;
  private readonly loop: Promise<void>;

  constructor(
    private readonly kind: ClientKind,
    private readonly client: StockClient,
  ) {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
  }

  /** Which of the acknowledged writes are missing now. */
  async missing(): Promise<string[]> {
    const all = [...this.acknowledged];
    const lost: string[] = [];
    for (let at = 0; at < all.length; at += readsAtOnce) {
      const some = all.slice(at, at + readsAtOnce);
      const values = await Promise.all(some.map(([key]) => this.client.get(key)));
      lost.push(...some.filter(([, value], index) => values[index] !== value).map(([key]) => key));
    }
    return lost;
  }

  /** Without waiting for the loop: after a failed test it may hang in its client. */
  close(): unknown {
    this.running = false;
    return this.client.close();
  }

  private async run(): Promise<void> {
    for (let count = 0; this.running; count++) {
      const key = `${this.kind.name}:${count}`;
      const value = `value-${count}`;
      if (await this.attempt(() => this.client.set(key, value))) this.acknowledged.set(key, value);
      if (this.acknowledged.has(key)) await this.attempt(() => this.check(key, value));
      await sleep(pauseMs);
    }
  }

  private async check(key: string, value: string): Promise<void> {
    const found = await this.client.get(key);
    const lags = this.kind.readsReplicas === true && (found === null || found === undefined);
    if (found !== value && !lags) this.wrongReads.push(`${key}: ${String(found)}`);
  }

  private async attempt(run: () => Promise<unknown>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      this.errors.push(textOf(error));
      return false;
    }
  }
}

/** Some errors have no text, only a kind. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? error.constructor.name : error.message;
}

export class Fleet {
  private readonly loads = new Map<ClientKind, Load>();

  private constructor(private readonly cluster: TestCluster) {}

  /** Plain clients are spread over the nodes, so that some lose theirs and some do not. */
  static async start(cluster: TestCluster, kinds: readonly ClientKind[]): Promise<Fleet> {
    const fleet = new Fleet(cluster);
    for (const [at, kind] of kinds.entries()) {
      const port = cluster.nodes[at % cluster.nodes.length]!.clientPort;
      fleet.loads.set(kind, new Load(kind, await kind.connect(cluster, port)));
    }
    return fleet;
  }

  async throughElections(): Promise<void> {
    await throughElections(this.cluster, () => this.progress());
    for (const load of this.loads.values()) await load.stop();
    await this.cluster.equalDigest();
    for (const [{ name }, load] of this.loads) {
      const kinds = [...new Set(load.errors.map((text) => text.slice(0, 60)))];
      console.log(`${name}: ${load.acknowledged.size} acknowledged; told: ${kinds.join(' | ')}`);
    }
  }

  /** What the client of this kind went through. */
  async judge(kind: ClientKind): Promise<void> {
    const load = this.loads.get(kind)!;
    expect(await load.missing(), 'acknowledged and lost').toEqual([]);
    expect(load.wrongReads).toEqual([]);
    const strange = load.errors.filter(
      (text) => !documented.test(text) && !kind.mayFail.test(text),
    );
    expect(strange).toEqual([]);
  }

  async close(): Promise<void> {
    for (const load of this.loads.values()) await load.close();
  }

  /** Each client goes on: some more writes are acknowledged. */
  private async progress(): Promise<void> {
    const goals = [...this.loads].map(([{ name }, load]) => ({
      name,
      load,
      goal: load.acknowledged.size + writesPerPhase,
    }));
    const behind = () => goals.filter(({ load, goal }) => load.acknowledged.size < goal);
    await waitFor(
      'every client to write on',
      () => {
        if (behind().length === 0) return true;
        const told = behind().map(({ name, load }) => `${name}: ${load.errors.at(-1)}`);
        return Promise.reject(new Error(told.join('; ')));
      },
      patienceMs,
    );
  }
}

/**
 * Kills the leader and restarts it, then changes the leader twice as planned; before, between and
 * after waits for `progress`.
 */
export async function throughElections(
  cluster: TestCluster,
  progress: () => Promise<void>,
): Promise<void> {
  await progress();
  const killed = await cluster.leader();
  await cluster.kill(killed);
  await cluster.leader();
  cluster.restart(killed);
  await cluster.ready();
  await progress();
  for (let transfer = 0; transfer < 2; transfer++) {
    const before = await cluster.leader();
    await cluster.command(before, 'TGCACHE', 'TRANSFER-LEADER');
    await waitFor('the next leader', async () => (await cluster.leader()) !== before || null);
    await progress();
  }
}
