/** ioredis in each of its modes. */
import { Cluster, Redis } from 'ioredis';
import type { TestCluster } from '../cluster/harness.js';
import type { ClientKind, StockClient } from './fleet.js';

export const ioredisLosses =
  /^Connection is closed\.$|ECONN(RESET|REFUSED)|max retries per request|EPIPE/;

function stock(client: Redis | Cluster): StockClient {
  // Errors of connections come as events too; the commands tell them.
  client.on('error', () => {});
  return {
    set: (key, value) => client.set(key, value),
    get: (key) => client.get(key),
    close: () => client.disconnect(),
  };
}

export function ioredisAt(port: number): StockClient {
  return stock(new Redis({ host: '127.0.0.1', port }));
}

export const ioredisPlain: ClientKind = {
  name: 'ioredis',
  connect: (_cluster, port) => ioredisAt(port),
  mayFail: ioredisLosses,
};

const clusterLosses =
  /ClusterAllFailedError|Failed to refresh slots cache|Connection is closed\.|Too many/;

export const ioredisCluster: ClientKind = {
  name: 'ioredis Cluster',
  connect: (cluster) => stock(new Cluster(cluster.addresses)),
  mayFail: clusterLosses,
};

export const ioredisClusterReplicas: ClientKind = {
  name: 'ioredis Cluster with scaleReads',
  connect: (cluster) => stock(new Cluster(cluster.addresses, { scaleReads: 'slave' })),
  mayFail: clusterLosses,
  readsReplicas: true,
};

function sentinels(cluster: TestCluster) {
  return { sentinels: cluster.addresses, name: 'tgcache' };
}

/** Finds the master again when its connection ends: enough where followers forward. */
export const ioredisSentinel: ClientKind = {
  name: 'ioredis Sentinel',
  connect: (cluster) => stock(new Redis(sentinels(cluster))),
  mayFail: ioredisLosses,
};

/**
 * For followers that redirect: a master that lives on as a replica answers MOVED, which promises
 * that nothing was done, so ioredis may look for the master again and resend. Its failoverDetector
 * is no help here: version 6.0 ends for good when +switch-master comes while it reconnects.
 */
export const ioredisSentinelReconnecting: ClientKind = {
  name: 'ioredis Sentinel with reconnectOnError',
  connect: (cluster) => {
    const reconnectOnError = (error: Error) => (error.message.startsWith('MOVED ') ? 2 : false);
    return stock(new Redis({ ...sentinels(cluster), reconnectOnError }));
  },
  mayFail: ioredisLosses,
};
