/**
 * Processes that are killed again and again. `CRASH_LOOP_KILLS=50` for as many as requirement 58
 * asks for; a few are enough between two commits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { generator } from '../raft/support.js';
import { TestCluster, waitFor } from './harness.js';
import { missing, Writers } from './writers.js';

const kills = Number(process.env.CRASH_LOOP_KILLS ?? 10);
/** No machine may need longer from the start of a process until it follows or leads. */
const startMaxMs = 30_000;

let cluster: TestCluster;
afterEach(() => cluster.destroy());

async function startTime(id: string): Promise<number> {
  const begun = performance.now();
  cluster.restart(id);
  const serves = async () => ((await cluster.raft(id)).get('leader_id') ? true : null);
  await waitFor(`${id} to start`, serves, startMaxMs);
  return performance.now() - begun;
}

describe('a crash loop', () => {
  it(`requirement 58: ${kills} kills -9 at random moments under load`, async () => {
    cluster = await TestCluster.start({ set: ['snapshot-threshold-bytes=64kb'] });
    const random = generator(58);
    const writers = new Writers(cluster, 16);
    const startMs: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const enough = writers.acknowledged.size + random(400);
      await waitFor('load', () => writers.acknowledged.size > enough || null);
      const id = cluster.ids[random(3)]!;
      await cluster.kill(id);
      if (random(3) === 0) {
        // Again, somewhere in its start.
        cluster.restart(id);
        await sleep(random(500));
        await cluster.kill(id);
      }
      startMs.push(Math.round(await startTime(id)));
    }
    await writers.stop();
    startMs.sort((a, b) => a - b);
    const median = startMs[startMs.length >> 1];
    console.log(`${kills} starts after kill -9, ms: median ${median}, worst ${startMs.at(-1)}`);
    expect(startMs).toHaveLength(kills);
    expect(await missing(cluster, writers.acknowledged)).toEqual([]);
    await cluster.equalDigest();
  }, 900_000);
});
