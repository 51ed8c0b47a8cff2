/** Stock node-redis clients that count in pipelines, and remember what was acknowledged. */
import { createClient } from 'redis';
import type { TestCluster } from './harness.js';

type Options = NonNullable<Parameters<typeof createClient>[0]>;

const perRound = 8;

export class CountingClients {
  /** Increments by key, as acknowledged. */
  readonly acknowledged = new Map<string, number>();
  /** Errors by text. */
  readonly errors = new Map<string, number>();
  commands = 0;
  private running = true;
  private constructor(
    private readonly clients: ReturnType<typeof createClient>[],
    private readonly loops: Promise<void>[],
  ) {}

  /** One client at each of the given nodes, each with a key of its own and one for all. */
  static async start(
    cluster: TestCluster,
    nodes: readonly string[],
    options: Options,
  ): Promise<CountingClients> {
    const counting = new CountingClients([], []);
    for (const [at, id] of nodes.entries()) {
      const socket = { ...cluster.address(id), reconnectStrategy: () => 50 };
      const client = createClient({ ...options, socket });
      // Each failed command rejects by itself; a connection that ends has no other voice.
      client.on('error', (error: Error) => counting.note(`connection: ${error.message}`));
      await client.connect();
      counting.clients.push(client);
      counting.loops.push(counting.count(client, `own:${at}`));
    }
    return counting;
  }

  get total(): number {
    return [...this.acknowledged.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Ends the load; the values that the cluster holds now. */
  async stop(): Promise<Map<string, number>> {
    this.running = false;
    await Promise.all(this.loops);
    const values = new Map<string, number>();
    const [client] = this.clients;
    for (const key of this.acknowledged.keys()) values.set(key, Number(await client!.get(key)));
    for (const each of this.clients) each.destroy();
    return values;
  }

  private async count(client: ReturnType<typeof createClient>, own: string): Promise<void> {
    while (this.running) {
      const sent = Array.from({ length: perRound }, (_, at) =>
        this.increment(client, at % 2 === 0 ? own : 'all'),
      );
      await Promise.all(sent);
    }
  }

  private async increment(client: ReturnType<typeof createClient>, key: string): Promise<void> {
    this.commands++;
    try {
      await client.incr(key);
      this.acknowledged.set(key, (this.acknowledged.get(key) ?? 0) + 1);
    } catch (error) {
      this.note((error as Error).message);
      // A client that is refused at once must not spin.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private note(text: string): void {
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
  }
}
