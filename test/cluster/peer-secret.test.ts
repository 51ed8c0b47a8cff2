/** Nodes of a cluster with a secret let in only those that know it. */
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from './harness.js';

const secret = 'a secret of the cluster';
let cluster: TestCluster;
afterEach(() => cluster.destroy());

/** `secretOf` tells what the node at that place, from 0 on, knows. */
function start(secretOf: (at: number) => string): Promise<TestCluster> {
  return TestCluster.start({ env: (at) => ({ TGCACHE_CLUSTER_SECRET: secretOf(at) }) });
}

function logged(id: string, text: string): Promise<true> {
  return waitFor(`${id} to say: ${text}`, () => cluster.log(id).includes(text) || null);
}

async function voters(): Promise<string | undefined> {
  return (await cluster.raft(await cluster.leader())).get('voters');
}

describe('a cluster with a secret', () => {
  it('forms, survives its leader, takes in who knows it, and keeps it to itself', async () => {
    cluster = await start(() => secret);
    const leader = await cluster.leader();
    expect(await cluster.command(leader, 'SET', 'k', 'v')).toBe('OK');
    await cluster.kill(leader);
    expect(await cluster.command(await cluster.leader(), 'GET', 'k')).toBe('v');
    cluster.restart(leader);
    await cluster.ready();
    await cluster.place('n4', cluster.joining());
    cluster.restart('n4');
    await waitFor('n4 to vote', async () => (await voters()) === 'n1,n2,n3,n4' || null);
    for (const id of cluster.ids) {
      expect(cluster.log(id)).not.toContain(secret);
      const shown = String(await cluster.command(id, 'CONFIG', 'GET', 'cluster-secret'));
      expect(shown).not.toContain(secret);
    }
  });

  it.each([
    ['another one', 'another secret of a cluster', 'the cluster-secret is another one here'],
    ['none', '', 'this node wants to hear the cluster-secret proven'],
  ])('takes in nobody who knows %s', async (_, other, text) => {
    cluster = await start((at) => (at < 3 ? secret : other));
    const members = [...cluster.ids];
    await cluster.place('n4', cluster.joining());
    cluster.restart('n4');
    for (const id of members) await logged(id, text);
    await logged('n4', 'cluster-secret');
    expect(await voters()).toBe('n1,n2,n3');
    expect(await cluster.command(await cluster.leader(), 'SET', 'k', 'v')).toBe('OK');
    await expect(cluster.command('n4', 'SET', 'k', 'w')).rejects.toThrow(/CLUSTERDOWN|LOADING/);
  });
});
