/** `follower-writes forward`: a client that knows one address and never follows a MOVED. */
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from './harness.js';
import { type Answer, PlainClient } from './plain-client.js';

const set = ['follower-writes=forward'];
let cluster: TestCluster;
const clients: PlainClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await cluster.destroy();
});

function clientAt(id: string): PlainClient {
  const client = new PlainClient([cluster.port(id)], cluster.port(id));
  clients.push(client);
  return client;
}

/** Adds one again and again, through one node, until `stop`. */
class Counter {
  acknowledged = 0;
  refused = 0;
  unknown = 0;
  readonly strange: string[] = [];
  private running = true;
  private readonly loop: Promise<void>;

  constructor(private readonly client: PlainClient) {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
  }

  private async run(): Promise<void> {
    let last = 0;
    while (this.running) {
      const answer = await this.client.command('INCR', 'counter').catch(() => null);
      if (typeof answer === 'number') {
        if (answer <= last) this.strange.push(`${answer} after ${last}`);
        last = answer;
        this.acknowledged++;
      } else this.count(answer);
    }
  }

  private count(answer: Answer): void {
    const text = answer instanceof Error ? answer.message : 'UNCERTAIN connection';
    if (text.startsWith('UNCERTAIN')) this.unknown++;
    else if (/^(TRYAGAIN|CLUSTERDOWN)/.test(text)) this.refused++;
    else this.strange.push(text);
  }
}

describe('follower-writes forward', () => {
  it('serves writes, transactions and fresh reads at every node', async () => {
    cluster = await TestCluster.start({ set });
    await Promise.all(
      cluster.ids.map(async (id) => {
        const client = clientAt(id);
        expect(await client.command('SET', `k:${id}`, 'v')).toBe('OK');
        expect(await client.command('GET', `k:${id}`)).toBe('v');
        expect(await client.command('WATCH', `k:${id}`)).toBe('OK');
        expect(await client.command('MULTI')).toBe('OK');
        expect(await client.command('APPEND', `k:${id}`, 'w')).toBe('QUEUED');
        expect(await client.command('PING')).toBe('QUEUED');
        expect(await client.command('GET', `k:${id}`)).toBe('QUEUED');
        expect(await client.command('EXEC')).toEqual([2, 'PONG', 'vw']);
      }),
    );
    const [first, second] = (await cluster.followers()) as [string, string];
    const [writer, reader] = [clientAt(first), clientAt(second)];
    for (let round = 0; round < 200; round++) {
      expect(await writer.command('SET', 'round', String(round))).toBe('OK');
      expect(await reader.command('GET', 'round')).toBe(String(round));
    }
    const watcher = clientAt(first);
    await watcher.command('WATCH', 'round');
    await reader.command('SET', 'round', 'changed');
    await watcher.command('MULTI');
    await watcher.command('SET', 'round', 'lost');
    expect(await watcher.command('EXEC')).toBeNull();
    await cluster.equalDigest();
  }, 60_000);

  it('READONLY: a stale read still sees what its connection wrote', async () => {
    cluster = await TestCluster.start({ set });
    const [follower] = (await cluster.followers()) as [string, string];
    const client = clientAt(follower);
    expect(await client.command('READONLY')).toBe('OK');
    for (let round = 0; round < 200; round++) {
      await client.command('SET', 'mine', String(round));
      expect(await client.command('GET', 'mine')).toBe(String(round));
    }
  }, 60_000);

  it('requirements 27, 30: counts each increment at most once while leaders die', async () => {
    cluster = await TestCluster.start({ set });
    for (let round = 0; round < 3; round++) {
      const leader = await cluster.leader();
      const base = Number((await clientAt(leader).command('GET', 'counter')) ?? 0);
      const counters = (await cluster.followers()).map((id) => new Counter(clientAt(id)));
      const total = () => counters.reduce((sum, counter) => sum + counter.acknowledged, 0);
      await waitFor('load', () => total() > 500 || null);
      await cluster.kill(leader);
      const before = total();
      await waitFor('increments after the kill', () => total() > before + 200 || null);
      cluster.restart(leader);
      await cluster.ready();
      await Promise.all(counters.map((counter) => counter.stop()));
      const unknown = counters.reduce((sum, counter) => sum + counter.unknown, 0);
      const value = Number(await clientAt(leader).command('GET', 'counter'));
      expect(counters.flatMap((counter) => counter.strange)).toEqual([]);
      expect(value).toBeGreaterThanOrEqual(base + total());
      expect(value).toBeLessThanOrEqual(base + total() + unknown);
    }
    await cluster.equalDigest();
  }, 120_000);
});
