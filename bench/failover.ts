/**
 * `npm run bench -- failover`: from the fault of a leader to the next write that another node
 * acknowledges. kill -9, a stopped process, and a leader cut off from the others.
 */
import { loadavg } from 'node:os';
import { median } from './load-result.js';
import { encodeCommand } from './loads.js';
import { type BenchNode, type Cluster, infoField, startCluster } from './peers/cluster.js';
import { ask, until } from './peers/process.js';
import { WriteProber } from './write-prober.js';

interface Fault {
  readonly name: string;
  readonly relayed?: true;
  /** Resolves at the moment of the fault. */
  readonly strike: (cluster: Cluster, leader: BenchNode) => void;
  readonly heal: (cluster: Cluster, leader: BenchNode) => Promise<void>;
}

const electionTimeoutMs = 1000;
const aims = { medianMs: 150, worstMs: 1.5 * electionTimeoutMs } as const;

const others = ({ nodes }: Cluster, leader: BenchNode) =>
  nodes.filter((node) => node !== leader).map(({ id }) => id);

const faults: readonly Fault[] = [
  {
    name: 'kill -9',
    strike: (_cluster, { runner }) => runner.signal('SIGKILL'),
    heal: async (_cluster, { runner }) => {
      await runner.kill();
      runner.start();
    },
  },
  {
    name: 'pause',
    strike: (_cluster, { runner }) => runner.signal('SIGSTOP'),
    heal: async (_cluster, { runner }) => runner.signal('SIGCONT'),
  },
  {
    name: 'partition',
    relayed: true,
    strike: (cluster, leader) => cluster.links.split([leader.id], others(cluster, leader)),
    heal: async (cluster) => cluster.links.heal(),
  },
];

/** `only`: faults whose name holds this text. */
export async function benchFailover(rounds: number, only: string): Promise<void> {
  for (const fault of faults.filter(({ name }) => name.includes(only))) {
    const cluster = await startCluster({
      name: 'tgcache',
      set: [`election-timeout-ms=${electionTimeoutMs}`],
      ...(fault.relayed === true ? { relayed: true } : {}),
    });
    try {
      const times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        await settled(cluster);
        times.push(await once(cluster, fault));
      }
      print(fault, times);
    } finally {
      await cluster.stop();
    }
  }
}

/** Ms from the fault to the acknowledgement of a write that was sent after it. */
async function once(cluster: Cluster, fault: Fault): Promise<number> {
  const port = await cluster.leaderPort();
  const leader = cluster.nodes.find((node) => node.port === port)!;
  const survivors = cluster.nodes.filter((node) => node !== leader);
  const set = encodeCommand('SET', 'failover', String(performance.now()));
  const probers = survivors.map((node) => new WriteProber(node.port, set));
  await Promise.all(probers.map((prober) => prober.connected));
  const from = performance.now();
  fault.strike(cluster, leader);
  const acknowledgedAt = await Promise.race(probers.map((prober) => prober.acknowledged()));
  for (const prober of probers) prober.close();
  await fault.heal(cluster, leader);
  return acknowledgedAt - from;
}

/** All nodes follow one leader and have what it has. */
async function settled(cluster: Cluster): Promise<void> {
  await until('all nodes to agree', async () => {
    const leader = await cluster.leaderPort();
    if ((await infoField(leader, 'replication', 'connected_slaves')) !== 2) return null;
    const terms = new Set<number>();
    const applied = new Set<number>();
    for (const { port } of cluster.nodes) {
      terms.add(await infoField(port, 'raft', 'term'));
      applied.add(await infoField(port, 'raft', 'last_applied'));
    }
    if (terms.size > 1 || applied.size > 1) return null;
    const written = await ask(leader, 'SET settled 1');
    return written.startsWith('+OK') ? true : null;
  });
  // Two election timeouts, so that no trace of the last fault is left in any timer.
  await new Promise((resolve) => setTimeout(resolve, 2 * electionTimeoutMs));
}

function print({ name }: Fault, times: readonly number[]): void {
  const worst = Math.max(...times);
  const verdict = median(times) <= aims.medianMs && worst <= aims.worstMs ? '' : ', missed';
  const wanted = name === 'kill -9' ? ` (aims ${aims.medianMs} / ${aims.worstMs}${verdict})` : '';
  console.log(
    `${name}: median ${median(times).toFixed(0)} ms, worst ${worst.toFixed(0)} ms of ` +
      `${times.length}${wanted}, load average ${loadavg()[0]!.toFixed(1)}`,
  );
}
