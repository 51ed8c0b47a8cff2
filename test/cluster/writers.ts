/**
 * Clients that write while nodes come and go. Each key is written once, with a value of its own;
 * what was acknowledged is remembered and looked for at the end.
 */
import type { TestCluster } from './harness.js';
import { PlainClient } from './plain-client.js';

export function clientOf(cluster: TestCluster, at = 0): PlainClient {
  const ports = cluster.nodes.map((node) => node.clientPort);
  return new PlainClient(ports, ports[at % ports.length]!);
}

export class Writers {
  readonly acknowledged = new Map<string, string>();
  /** Replies that say "not done", and outcomes that are not known. */
  refused = 0;
  unknown = 0;
  private lastAckMs = 0;
  private countsFromMs = 0;
  private running = true;
  private readonly loops: Promise<void>[];

  constructor(cluster: TestCluster, connections: number) {
    this.loops = Array.from({ length: connections }, (_, at) =>
      this.write(clientOf(cluster, at), at),
    );
  }

  /** Ms from now to the first acknowledgement of a write that was sent from now on. */
  async gap(): Promise<number> {
    const from = performance.now();
    this.countsFromMs = from;
    while (this.lastAckMs <= from) await new Promise((resolve) => setTimeout(resolve, 1));
    return this.lastAckMs - from;
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.loops);
  }

  private async write(client: PlainClient, writer: number): Promise<void> {
    for (let count = 0; this.running; count++) {
      const key = `w${writer}:${count}`;
      const value = `${count}-${writer}`;
      const sentAtMs = performance.now();
      try {
        const answer = await client.command('SET', key, value);
        if (answer === 'OK') {
          this.acknowledged.set(key, value);
          if (sentAtMs >= this.countsFromMs) this.lastAckMs = performance.now();
        } else this.refused++;
      } catch {
        this.unknown++;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    client.close();
  }
}

/** The acknowledged writes that are not there any more. */
export async function missing(
  cluster: TestCluster,
  acknowledged: ReadonlyMap<string, string>,
): Promise<string[]> {
  const leader = await cluster.leader();
  const client = new PlainClient([cluster.port(leader)], cluster.port(leader));
  const lost: string[] = [];
  const keys = [...acknowledged.keys()];
  for (let at = 0; at < keys.length; at += 500) {
    const some = keys.slice(at, at + 500);
    const values = await client.command('MGET', ...some);
    if (!Array.isArray(values)) throw new Error(`MGET: ${String(values)}`);
    some.forEach((key, index) => {
      if (values[index] !== acknowledged.get(key)) lost.push(key);
    });
  }
  client.close();
  return lost;
}
