/** A leader that is alone with its clients: what it is told there must take no effect. */
import { afterEach, describe, expect, it } from 'vitest';
import { Links } from '../../jepsen-lite/links.js';
import { Relay } from '../../jepsen-lite/relay.js';
import { Prng } from '../../src/statemachine/prng.js';
import { freePorts, TestCluster, waitFor } from './harness.js';

let cluster: TestCluster;
const relays: Relay[] = [];
afterEach(async () => {
  await cluster.destroy();
  await Promise.all(relays.splice(0).map((relay) => relay.close()));
});

async function start(): Promise<Links> {
  const links = new Links(new Prng());
  const relay = async (id: string, peerPort: number) => {
    const [port] = (await freePorts(1)) as [number];
    relays.push(await Relay.start(links, id, peerPort, port));
    return port;
  };
  cluster = await TestCluster.start({ relay });
  return links;
}

/** The reply, or why there was none. */
function told(id: string, ...words: string[]): Promise<string> {
  return cluster.command(id, ...words).then(String, String);
}

describe('a leader cut off from all others', () => {
  it('requirements 15, 53: removes nobody, acknowledges nothing, and comes back', async () => {
    const links = await start();
    const old = await cluster.leader();
    const others = cluster.ids.filter((id) => id !== old);
    await cluster.command(old, 'SET', 'k', 'old');
    links.split([old], others);
    // At once, while it does not know yet that it is alone, one by one and together.
    const answers = await Promise.all([
      ...others.map((id) => told(old, 'TGCACHE', 'MEMBER', 'REMOVE', id)),
      ...others.map((id) => told(old, 'TGCACHE', 'MEMBER', 'REMOVE', id)),
      told(old, 'SET', 'k', 'island'),
      told(old, 'GET', 'k'),
    ]);
    for (const answer of answers) expect(answer).toMatch(/Error/);
    const fresh = await waitFor('another leader', async () => {
      for (const id of others) if ((await cluster.raft(id)).get('state') === 'leader') return id;
      return null;
    });
    expect(await cluster.command(fresh, 'SET', 'k', 'new')).toBe('OK');
    await waitFor('the old one to step down', async () =>
      (await cluster.raft(old)).get('state') === 'leader' ? null : true,
    );
    // Asked again, now that it knows.
    for (const id of others) {
      expect(await told(old, 'TGCACHE', 'MEMBER', 'REMOVE', id)).toMatch(/Error/);
    }
    expect(await told(old, 'SET', 'k', 'island')).toMatch(/CLUSTERDOWN|MOVED/);
    links.heal();
    await cluster.ready();
    await cluster.equalDigest();
    for (const id of cluster.ids) {
      expect((await cluster.raft(id)).get('voters')).toBe('n1,n2,n3');
    }
    expect(await cluster.command(await cluster.leader(), 'GET', 'k')).toBe('new');
  }, 120_000);
});
