/**
 * Planned changes of the leader and restarts of all nodes under load by stock node-redis: with
 * maintenance notifications no command fails, without them only what clients retry by themselves.
 */
import { createCluster } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import { CountingClients } from './counting-clients.js';
import { TestCluster, waitFor } from './harness.js';

let cluster: TestCluster;
afterEach(() => cluster.destroy());

const enabled = { RESP: 3, maintNotifications: 'enabled' } as const;
const disabled = { RESP: 3, maintNotifications: 'disabled' } as const;

async function moreCommands(clients: CountingClients, what: string): Promise<void> {
  const before = clients.total;
  await waitFor(what, () => clients.total > before + 500 || null);
}

async function restartAll(clients: CountingClients): Promise<void> {
  for (const id of cluster.ids) {
    await moreCommands(clients, `load before ${id} restarts`);
    const begun = performance.now();
    expect(await cluster.terminate(id)).toBe(0);
    console.log(`${id} stopped in ${Math.round(performance.now() - begun)} ms`);
    cluster.restart(id);
    await cluster.ready();
  }
  await moreCommands(clients, 'load after the restarts');
}

function report(what: string, clients: CountingClients): void {
  const errors = [...clients.errors].map(([text, count]) => `${count} x ${text}`);
  console.log(`${what}: ${clients.commands} commands, ${clients.total} acknowledged; ${errors}`);
}

describe('with maintenance notifications', () => {
  it('all nodes restarted in turn: no command fails, the counters are exact', async () => {
    cluster = await TestCluster.start();
    const leader = await cluster.leader();
    // Those that begin at followers are sent to the leader too.
    const clients = await CountingClients.start(
      cluster,
      [leader, leader, leader, ...cluster.ids],
      enabled,
    );
    await restartAll(clients);
    const values = await clients.stop();
    report('rolling restart', clients);
    expect([...clients.errors]).toEqual([]);
    expect(values).toEqual(clients.acknowledged);
    expect(clients.total).toBe(clients.commands);
  }, 180_000);

  it('a leader that stops while clients are on their way to it: no command fails', async () => {
    cluster = await TestCluster.start();
    for (let round = 0; round < 5; round++) {
      const leader = await cluster.leader();
      const clients = await CountingClients.start(
        cluster,
        [...cluster.ids, ...cluster.ids],
        enabled,
      );
      expect(await cluster.terminate(leader)).toBe(0);
      cluster.restart(leader);
      await cluster.ready();
      await moreCommands(clients, 'load after the restart');
      const values = await clients.stop();
      expect([...clients.errors]).toEqual([]);
      for (const [key, count] of clients.acknowledged) {
        expect(values.get(key)).toBeGreaterThanOrEqual(count);
      }
    }
  }, 180_000);

  it('leadership transferred again and again: no command fails', async () => {
    cluster = await TestCluster.start();
    const leader = await cluster.leader();
    const clients = await CountingClients.start(cluster, [leader, leader, leader], enabled);
    for (let round = 0; round < 6; round++) {
      await moreCommands(clients, 'load before the transfer');
      const old = await cluster.leader();
      expect(String(await cluster.command(old, 'TGCACHE', 'TRANSFER-LEADER'))).toMatch(/ leads$/);
      const fresh = await cluster.leader();
      expect(fresh).not.toBe(old);
      await waitFor('the clients to move', async () =>
        /\bconnected_clients:1\b/.test(String(await cluster.command(old, 'INFO', 'clients')))
          ? true
          : null,
      );
    }
    await moreCommands(clients, 'load after the transfers');
    const values = await clients.stop();
    report('six transfers', clients);
    expect([...clients.errors]).toEqual([]);
    expect(values).toEqual(clients.acknowledged);
  }, 180_000);
});

describe('clients that others than the leader serve', () => {
  it('follower-writes forward: restarts fail no command, wherever the client is', async () => {
    cluster = await TestCluster.start({ set: ['follower-writes=forward'] });
    const clients = await CountingClients.start(cluster, [...cluster.ids, ...cluster.ids], enabled);
    for (let round = 0; round < 3; round++) {
      await moreCommands(clients, 'load before the transfer');
      await cluster.command(await cluster.leader(), 'TGCACHE', 'TRANSFER-LEADER');
    }
    await restartAll(clients);
    const values = await clients.stop();
    report('forward', clients);
    expect([...clients.errors]).toEqual([]);
    expect(values).toEqual(clients.acknowledged);
  }, 180_000);

  it.each([false, true])('a cluster client (useReplicas %s) fails no command', async (replicas) => {
    cluster = await TestCluster.start();
    const client = createCluster({
      rootNodes: cluster.ids.map((id) => ({ socket: cluster.address(id) })),
      useReplicas: replicas,
      RESP: 3,
    });
    client.on('error', () => {});
    await client.connect();
    let acknowledged = 0;
    const failed: string[] = [];
    let running = true;
    const loops = Array.from({ length: 4 }, async (_, at) => {
      while (running) {
        await client.incr(`key${at}`).then(
          () => acknowledged++,
          (error: Error) => failed.push(error.message),
        );
      }
    });
    const more = async () => {
      const before = acknowledged;
      await waitFor('load', () => acknowledged > before + 200 || null);
    };
    for (let round = 0; round < 3; round++) {
      await more();
      const old = await cluster.leader();
      await cluster.command(old, 'TGCACHE', 'TRANSFER-LEADER');
    }
    await more();
    // Its map is right, or it could not find a leader whose address it once knew.
    const { port } = cluster.address(await cluster.leader());
    expect(client.masters.map((master) => master.port)).toEqual([port]);
    running = false;
    await Promise.all(loops);
    client.destroy();
    expect(failed).toEqual([]);
  });
});

describe('without them', () => {
  it('all nodes restarted in turn: only errors that clients retry, nothing lost', async () => {
    cluster = await TestCluster.start();
    const clients = await CountingClients.start(cluster, cluster.ids, disabled);
    await restartAll(clients);
    const values = await clients.stop();
    report('rolling restart without', clients);
    // Nothing whose outcome would be unknown: UNCERTAIN.
    const retried = /^(MOVED|CLUSTERDOWN|TRYAGAIN|LOADING|connection: )|^Socket closed|ECONN/;
    for (const text of clients.errors.keys()) expect(text).toMatch(retried);
    for (const [key, count] of clients.acknowledged) {
      expect(values.get(key)).toBeGreaterThanOrEqual(count);
    }
  }, 180_000);
});
