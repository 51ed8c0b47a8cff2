/** node-redis in each of its modes. */
import { createClient, createCluster, createSentinel } from 'redis';
import type { TestCluster } from '../cluster/harness.js';
import type { ClientKind, StockClient } from './fleet.js';

/** TimeoutError: a command waited for longer than the client lets it. */
export const nodeRedisLosses =
  '^TimeoutError$|Socket closed unexpectedly|Disconnects client|The client is closed|' +
  'ECONN(RESET|REFUSED)|EPIPE';
const mayFail = new RegExp(nodeRedisLosses);

export const nodeRedisPlain: ClientKind = {
  name: 'node-redis',
  connect: async (_cluster, port) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    client.on('error', () => {});
    await client.connect();
    return {
      set: (key, value) => client.set(key, value),
      get: (key) => client.get(key),
      close: () => client.destroy(),
    };
  },
  mayFail,
};

async function clusterClient(cluster: TestCluster, useReplicas: boolean): Promise<StockClient> {
  const rootNodes = cluster.addresses.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` }));
  const client = createCluster({ rootNodes, useReplicas });
  client.on('error', () => {});
  await client.connect();
  return {
    set: (key, value) => client.set(key, value),
    get: (key) => client.get(key),
    close: () => client.destroy(),
  };
}

const clusterLosses = new RegExp(`${nodeRedisLosses}|All the root nodes are unavailable`);

export const nodeRedisCluster: ClientKind = {
  name: 'node-redis createCluster',
  connect: (cluster) => clusterClient(cluster, false),
  mayFail: clusterLosses,
};

export const nodeRedisClusterReplicas: ClientKind = {
  name: 'node-redis createCluster with useReplicas',
  connect: (cluster) => clusterClient(cluster, true),
  mayFail: clusterLosses,
  readsReplicas: true,
};

export const nodeRedisSentinel: ClientKind = {
  name: 'node-redis createSentinel',
  connect: async (cluster) => {
    const client = createSentinel({ name: 'tgcache', sentinelRootNodes: cluster.addresses });
    client.on('error', () => {});
    await client.connect();
    return {
      set: (key, value) => client.set(key, value),
      get: (key) => client.get(key),
      close: () => client.destroy(),
    };
  },
  // MOVED: between the change of leader and the message about it.
  mayFail: new RegExp(`^MOVED |${nodeRedisLosses}`),
};
