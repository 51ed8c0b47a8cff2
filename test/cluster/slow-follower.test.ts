/** A follower that takes nothing, or takes it slowly, is no burden on the others. */
import { afterEach, describe, expect, it } from 'vitest';
import { Links } from '../../jepsen-lite/links.js';
import { Relay } from '../../jepsen-lite/relay.js';
import { limits } from '../../src/limits.js';
import { Prng } from '../../src/statemachine/prng.js';
import { freePorts, TestCluster, waitFor } from './harness.js';
import type { PlainClient } from './plain-client.js';
import { clientOf } from './writers.js';

const mib = 1024 * 1024;
const value = 'x'.repeat(100_000);
const keysPerWrite = 10;

let cluster: TestCluster;
const relays: Relay[] = [];
afterEach(async () => {
  await cluster.destroy();
  await Promise.all(relays.splice(0).map((relay) => relay.close()));
});

/** Overwrites a keyspace of some 20 MB again and again; about 1 MB with each command. */
async function write(client: PlainClient, megabytes: number): Promise<void> {
  for (let at = 0; at < megabytes; at++) {
    const keys = Array.from(
      { length: keysPerWrite },
      (_, more) => (at * keysPerWrite + more) % 200,
    );
    const answer = await client.command('MSET', ...keys.flatMap((key) => [`k${key}`, value]));
    expect(answer).toBe('OK');
  }
}

describe('a slow follower', () => {
  it('requirement 25: one that is stopped costs the leader bounded memory', async () => {
    cluster = await TestCluster.start({ set: ['snapshot-threshold-bytes=32mb'] });
    const leader = await cluster.leader();
    const [stopped] = (await cluster.followers()) as [string];
    const client = clientOf(cluster, cluster.ids.indexOf(leader));
    const resident = async () =>
      Number((await cluster.info(leader, 'memory')).get('used_memory_rss')) / mib;
    await write(client, 100);
    const before = await resident();
    cluster.pause(stopped);
    let most = 0;
    for (let each = 0; each < 6; each++) {
      await write(client, 75);
      most = Math.max(most, await resident());
    }
    client.close();
    console.log(`450 MB past a stopped follower: ${Math.round(before)} to ${Math.round(most)} MiB`);
    const held = limits.logWindowBytesMax + limits.inflightBytesMax + limits.peerOutputBytesMax;
    expect(most - before).toBeLessThan(held / mib + 150);
    cluster.resume(stopped);
    await cluster.equalDigest(60_000);
  }, 300_000);

  it('requirement 48: one slower than compaction catches up under writes', async () => {
    const links = new Links(new Prng());
    const relay = async (id: string, peerPort: number) => {
      const [port] = (await freePorts(1)) as [number];
      relays.push(await Relay.start(links, id, peerPort, port));
      return port;
    };
    cluster = await TestCluster.start({ relay, set: ['snapshot-threshold-bytes=1mb'] });
    const leader = await cluster.leader();
    const [slow] = (await cluster.followers()) as [string];
    await cluster.kill(slow);
    const client = clientOf(cluster, cluster.ids.indexOf(leader));
    await write(client, 100);
    // Some 3 MB a second: the log is compacted again and again under a snapshot on its way.
    links.set(leader, slow, { delayMs: 300 });
    cluster.restart(slow);
    const before = Number((await cluster.raft(leader)).get('snapshot_index'));
    let writes = 0;
    await waitFor(
      'the slow one to catch up',
      async () => {
        const answer = await client.command('SET', `k${writes++ % 200}`, value.slice(0, 20_000));
        expect(answer).toBe('OK');
        const last = Number((await cluster.raft(leader)).get('last_log_index'));
        return Number((await cluster.raft(slow)).get('last_applied')) > last - 50 || null;
      },
      120_000,
    );
    client.close();
    const after = Number((await cluster.raft(leader)).get('snapshot_index'));
    console.log(`${writes} writes while it caught up; snapshots at ${before} and then ${after}`);
    expect(after).toBeGreaterThan(before);
    links.heal();
    await cluster.equalDigest(60_000);
  }, 300_000);
});
