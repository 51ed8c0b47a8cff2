import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from './harness.js';
import { clientOf } from './writers.js';

let cluster: TestCluster;
afterEach(async () => {
  await cluster.destroy();
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
  it('requirements 32, 57: equal under eviction, expiry, reads, clocks an hour apart', async () => {
    const hour = 3_600_000;
    cluster = await TestCluster.start({
      set: ['maxmemory=200kb', 'read-consistency=local'],
      env: (at) => ({ NODE_OPTIONS: `--import ${preload}`, SKEW_MS: String((at - 1) * hour) }),
    });
    const random = generator(7);
    const writer = clientOf(cluster);
    const readers = cluster.nodes.map((_, at) => clientOf(cluster, at));
    for (let step = 0; step < 6000; step++) {
      const key = `k${random(step % 3 === 0 ? 200 : 4000)}`;
      const kind = random(10);
      if (kind < 5) await readers[step % 3]!.command('GET', key);
      else if (kind < 8) await writer.command('SET', key, 'v'.repeat(random(300)));
      else await writer.command('SET', key, 'v', 'PX', String(1 + random(2000)));
    }
    const leader = await cluster.leader();
    const stat = async (name: string) => Number((await cluster.info(leader, 'stats')).get(name));
    expect(await stat('evicted_keys')).toBeGreaterThan(10);
    await waitFor('expiry', async () => ((await stat('expired_keys')) > 100 ? true : null));
    const used = Number((await cluster.info(leader, 'memory')).get('used_memory'));
    expect(used).toBeLessThanOrEqual(200 * 1024);
    await cluster.equalDigest();
    // The clocks: a TTL is not shortened or lengthened by a new leader whose clock is an hour off.
    const last = await cluster.leader();
    expect(await cluster.command(last, 'SET', 'ttl', 'x', 'EX', '1000')).toBe('OK');
    await cluster.kill(last);
    const next = await cluster.leader();
    // Read locally: a new leader may answer before it has applied all that the old one had.
    const left = await waitFor('the key at the new leader', async () => {
      const seconds = Number(await cluster.command(next, 'TTL', 'ttl'));
      return seconds === -2 ? null : seconds;
    });
    expect(left).toBeGreaterThan(980);
    expect(left).toBeLessThanOrEqual(1000);
    cluster.restart(last);
    await cluster.equalDigest();
    for (const reader of readers) reader.close();
    writer.close();
  }, 120_000);

  it('a key expires on an idle cluster without any command', async () => {
    cluster = await TestCluster.start();
    const leader = await cluster.leader();
    await cluster.command(leader, 'SET', 'short', 'x', 'PX', '100');
    for (const id of cluster.ids) {
      await waitFor('the key to go everywhere', async () => {
        const keyspace = await cluster.info(id, 'keyspace');
        return keyspace.get('db0') === undefined ? true : null;
      });
    }
  });

  it('requirement 44: a follower that missed 200 MB comes back by snapshot', async () => {
    cluster = await TestCluster.start({ set: ['snapshot-threshold-bytes=32mb'] });
    const leader = await cluster.leader();
    const [away] = (await cluster.followers()) as [string, string];
    await cluster.kill(away);
    const client = clientOf(cluster, cluster.ids.indexOf(leader));
    await client.command('CONFIG', 'RESETSTAT');
    const value = 'x'.repeat(100_000);
    for (let at = 0; at < 2000; at += 10) {
      const some = Array.from({ length: 10 }, (_, more) => `big:${(at + more) % 500}`);
      expect(await client.command('MSET', ...some.flatMap((key) => [key, value]))).toBe('OK');
    }
    expect(Number((await cluster.raft(leader)).get('snapshot_index'))).toBeGreaterThan(0);
    cluster.restart(away);
    let writes = 0;
    await waitFor('the follower to catch up', async () => {
      expect(await client.command('SET', `more:${writes++}`, 'x')).toBe('OK');
      const raft = await cluster.raft(away);
      return raft.get('leader_id') !== '' && Number(raft.get('snapshot_index')) > 0 ? true : null;
    });
    client.close();
    const stats = await cluster.info(leader, 'stats');
    console.log(
      `longest pause of the leader's event loop: ${stats.get('eventloop_delay_max_ms')} ms, ` +
        `p99 ${stats.get('eventloop_delay_p99_ms')} ms; ${writes} writes during the transfer`,
    );
    await cluster.equalDigest();
  }, 120_000);
});
