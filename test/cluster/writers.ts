/**
 * Clients that write while nodes come and go. Each key is written once, with a value of its own,
 * by ioredis.Cluster; what was acknowledged is remembered and looked for at the end.
 */
import { Cluster } from 'ioredis';
import type { TestCluster } from './harness.js';

export function clusterClient(cluster: TestCluster): Cluster {
  const nodes = cluster.nodes.map((node) => ({ host: '127.0.0.1', port: node.port }));
  const client = new Cluster(nodes, {
    clusterRetryStrategy: () => 20,
    retryDelayOnFailover: 20,
    retryDelayOnClusterDown: 20,
    slotsRefreshTimeout: 1000,
    redisOptions: { maxRetriesPerRequest: 1, connectTimeout: 500, commandTimeout: 5000 },
  });
  // Connections that break are what the test is about.
  client.on('error', () => {});
  return client;
}

export class Writers {
  readonly acknowledged = new Map<string, string>();
  lastAckMs = 0;
  failures = 0;
  private running = true;
  private readonly clients: Cluster[] = [];
  private readonly loops: Promise<void>[] = [];

  constructor(cluster: TestCluster, connections: number) {
    for (let at = 0; at < connections; at++) {
      const client = clusterClient(cluster);
      this.clients.push(client);
      this.loops.push(this.write(client, at));
    }
  }

  /** Resolves with the time of the first acknowledgement after `since`. */
  async nextAck(since: number): Promise<number> {
    while (this.lastAckMs <= since) await new Promise((resolve) => setTimeout(resolve, 1));
    return this.lastAckMs;
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.loops);
    for (const client of this.clients) client.disconnect();
  }

  private async write(client: Cluster, writer: number): Promise<void> {
    for (let count = 0; this.running; count++) {
      const key = `w${writer}:${count}`;
      const value = `${count}-${writer}`;
      try {
        const sentAt = performance.now();
        if ((await client.set(key, value)) !== 'OK') throw new Error('no OK');
        this.acknowledged.set(key, value);
        // A reply counts for a failover only when the command was sent after it.
        if (sentAt > this.killedAtMs) this.lastAckMs = performance.now();
      } catch {
        this.failures++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  killedAtMs = 0;
}

/** Every acknowledged write, read back through one client. Returns the keys that are missing. */
export async function missing(
  cluster: TestCluster,
  acknowledged: ReadonlyMap<string, string>,
): Promise<string[]> {
  const client = clusterClient(cluster);
  const lost: string[] = [];
  const keys = [...acknowledged.keys()];
  try {
    for (let at = 0; at < keys.length; at += 500) {
      const some = keys.slice(at, at + 500);
      const values = await Promise.all(some.map((key) => client.get(key)));
      some.forEach((key, index) => {
        if (values[index] !== acknowledged.get(key)) lost.push(key);
      });
    }
  } finally {
    client.disconnect();
  }
  return lost;
}
