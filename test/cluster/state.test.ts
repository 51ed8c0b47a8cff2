import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from './harness.js';
import { clientOf } from './writers.js';

let cluster: TestCluster | null = null;
afterEach(async () => {
  await cluster?.stop();
  cluster = null;
});

const preload = new URL('./skewed-clock.mjs', import.meta.url).href;

/** Deterministic numbers for a mix of commands. */
function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

describe('replicated state', () => {
  it('stays equal under eviction, expiry and reads on all nodes, with clocks an hour apart', async () => {
    const hour = 3_600_000;
    const settings = ['maxmemory=200kb', 'read-consistency=local'];
    cluster = await TestCluster.start(3, settings, (at) => ({
      env: { NODE_OPTIONS: `--import ${preload}`, SKEW_MS: String((at - 1) * hour) },
    }));
    const random = generator(7);
    const writer = clientOf(cluster);
    const readers = cluster.nodes.map((_, at) => clientOf(cluster!, at));
    for (let step = 0; step < 6000; step++) {
      const key = `k${random(step % 3 === 0 ? 200 : 4000)}`;
      const kind = random(10);
      if (kind < 5) await readers[step % 3]!.command('GET', key);
      else if (kind < 8) await writer.command('SET', key, 'v'.repeat(random(300)));
      else await writer.command('SET', key, 'v', 'PX', String(1 + random(2000)));
    }
    const leader = await cluster.leader();
    const stats = await leader.info('stats');
    expect(Number(stats.get('evicted_keys'))).toBeGreaterThan(100);
    await waitFor(
      'expiry',
      async () => Number((await leader.info('stats')).get('expired_keys')) > 100,
    );
    expect(Number((await leader.info('memory')).get('used_memory'))).toBeLessThanOrEqual(
      200 * 1024,
    );
    expect(new Set(await cluster.digests()).size).toBe(1);
    // The clocks: a TTL is not shortened or lengthened by a new leader whose clock is an hour off.
    const last = await cluster.leader();
    expect(await last.ask('SET', 'ttl', 'x', 'EX', '1000')).toBe('OK');
    await last.kill();
    const next = await cluster.leader();
    const left = Number(await next.ask('TTL', 'ttl'));
    expect(left).toBeGreaterThan(980);
    expect(left).toBeLessThanOrEqual(1000);
    last.start();
    await waitFor('equal digests', async () => new Set(await cluster!.digests()).size === 1);
    for (const reader of readers) reader.close();
    writer.close();
  }, 120_000);

  it('a key expires on an idle cluster without any command', async () => {
    cluster = await TestCluster.start(3);
    const leader = await cluster.leader();
    await leader.ask('SET', 'short', 'x', 'PX', '100');
    await waitFor('the key to go', async () => (await leader.ask('DBSIZE')) === 0, 5000);
    for (const node of cluster.nodes) {
      await waitFor(
        'it to go everywhere',
        async () => (await node.info('keyspace')).get('db0') === undefined,
      );
    }
  });

  it('a follower that missed 200 MB comes back through a snapshot while writes go on', async () => {
    cluster = await TestCluster.start(3, ['snapshot-threshold-bytes=32mb']);
    const leader = await cluster.leader();
    const [away] = await cluster.followers();
    await away!.kill();
    const client = clientOf(cluster, cluster.nodes.indexOf(leader));
    const value = 'x'.repeat(100_000);
    for (let at = 0; at < 2000; at += 10) {
      const pairs = Array.from({ length: 10 }, (_, more) => [
        `big:${(at + more) % 500}`,
        value,
      ]).flat();
      expect(await client.command('MSET', ...pairs)).toBe('OK');
    }
    const snapshot = await leader.info('raft');
    expect(Number(snapshot.get('snapshot_index'))).toBeGreaterThan(0);
    away!.start();
    let writes = 0;
    await waitFor('the follower to catch up', async () => {
      expect(await client.command('SET', `more:${writes++}`, 'x')).toBe('OK');
      const raft = await away!.info('raft');
      return raft.get('leader_id') !== '' && Number(raft.get('snapshot_index')) > 0;
    });
    client.close();
    expect(new Set(await cluster.digests()).size).toBe(1);
  }, 120_000);
});
