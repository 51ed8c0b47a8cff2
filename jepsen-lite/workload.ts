/** What a workload is to the runner, and what it gets. */
import type { Prng } from '../src/statemachine/prng.js';
import { Client } from './client.js';
import type { NodeCluster } from './node-cluster.js';
import type { Recorder } from './recorder.js';

export interface WorkloadContext {
  readonly cluster: NodeCluster;
  /** What the checker judges. */
  readonly history: Recorder;
  readonly random: Prng;
  readonly strange: string[];
  /** Sets the keys of this phase apart from those of others. */
  readonly phase: string;
  /** All clients stay at their node, which carries commands to the leader. */
  readonly forward: boolean;
}

export interface Workload {
  readonly name: string;
  /** Before anything goes wrong. */
  prepare?(): Promise<void>;
  /** Each is the next step of one client; called again and again, by one caller each. */
  readonly steps: readonly (() => Promise<void>)[];
  /** The nodes agree and nobody writes: a last look at every key through every node. */
  finish?(): Promise<void>;
  /** Operations that are not in the history. */
  unrecorded?(): number;
  /** What is wrong beside linearizability, a line each. */
  check?(): Promise<readonly string[]>;
  close(): void;
}

export type MakeWorkload = (context: WorkloadContext) => Workload;

/**
 * The patient ones hear what a node says in the end (it parks commands for 3 s while no leader is
 * known); the others try elsewhere in the meantime.
 */
const patiencesMs = [500, 4000, 1200];

/** Clients spread over the nodes. */
export function makeClients(
  context: WorkloadContext,
  count: number,
  options: { readonly stays?: boolean; readonly readonly?: boolean; history?: Recorder } = {},
): Client[] {
  const { cluster, forward } = context;
  return Array.from({ length: count }, (_, at) => {
    const home = cluster.ids[at % cluster.ids.length]!;
    const patienceMs = patiencesMs[context.random.next() % patiencesMs.length]!;
    const own = { home, patienceMs, stays: forward, readonly: false };
    return new Client({ ...context, ...own, ...options });
  });
}

/** Reads on nodes that agree, with nobody writing: local data is as good as the leader's. */
export async function readEverywhere(
  context: WorkloadContext,
  read: (client: Client) => Promise<unknown>,
): Promise<void> {
  const { cluster } = context;
  for (const client of makeClients(context, cluster.ids.length, { stays: true, readonly: true })) {
    await read(client);
    client.close();
  }
}

export function closeAll(clients: readonly Client[]): void {
  for (const client of clients) client.close();
}
