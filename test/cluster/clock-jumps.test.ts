import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Clocks } from '../../jepsen-lite/nemesis.js';
import { compiled } from '../../jepsen-lite/node-cluster.js';
import { TestCluster, waitFor } from './harness.js';
import { Writers } from './writers.js';

const hourMs = 3_600_000;
const ids = ['n1', 'n2', 'n3'];

let cluster: TestCluster;
let clocks: Clocks;
let dir: string;
afterEach(async () => {
  await cluster.destroy();
  rmSync(dir, { recursive: true, force: true });
});

async function start(set: readonly string[]): Promise<void> {
  dir = mkdtempSync(path.join(tmpdir(), 'tgcache-clocks-'));
  clocks = new Clocks(dir);
  for (const id of ids) clocks.set(id, 0);
  const preload = `--import ${compiled('jepsen-lite/skewed-clock.js')}`;
  const env = (at: number) => ({ NODE_OPTIONS: preload, SKEW_FILE: clocks.file(ids[at]!) });
  cluster = await TestCluster.start({ set, env });
}

/** Sets the wall clock of a node and waits until the node has seen it. */
async function jump(id: string, skewMs: number): Promise<void> {
  clocks.set(id, skewMs);
  await waitFor(`the clock of ${id} to jump`, async () => {
    const [seconds] = (await cluster.command(id, 'TIME')) as [string];
    return Math.abs(Number(seconds) * 1000 - Date.now() - skewMs) < hourMs / 10 || null;
  });
}

describe('wall clocks that jump while nodes run', () => {
  // Timeouts long enough that a machine under load does not elect either.
  const patient = ['election-timeout-ms=3000', 'heartbeat-interval-ms=100'];
  it.each([['linearizable'], ['lease']])(
    'requirement 60: no election, no effect on reads: %s',
    async (consistency) => {
      await start([...patient, `read-consistency=${consistency}`]);
      const leader = await cluster.leader();
      const term = (await cluster.raft(leader)).get('term');
      await cluster.command(leader, 'SET', 'ttl', 'x', 'EX', '1000');
      const writers = new Writers(cluster, 4);
      const load = (writes: number) => {
        const enough = writers.acknowledged.size + writes;
        return waitFor('writes', () => writers.acknowledged.size > enough || null);
      };
      for (const skewMs of [hourMs, -hourMs, 0]) {
        for (const id of ids) {
          await jump(id, id === leader ? skewMs : -skewMs);
          await load(50);
          await cluster.command(leader, 'SET', 'read', `${id} ${skewMs}`);
          expect(await cluster.command(leader, 'GET', 'read')).toBe(`${id} ${skewMs}`);
        }
      }
      await writers.stop();
      for (const id of ids) {
        const raft = await cluster.raft(id);
        expect([raft.get('leader_id'), raft.get('term')]).toEqual([leader, term]);
      }
      // The log's time follows no jump.
      expect(Number(await cluster.command(leader, 'TTL', 'ttl'))).toBeGreaterThan(900);
      await cluster.equalDigest();
    },
    120_000,
  );
});
