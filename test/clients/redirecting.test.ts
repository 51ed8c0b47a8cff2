/**
 * Clients that look for the leader themselves, through its elections: cluster mode, Sentinel, and
 * one behind HAProxy, whose check looks for it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from '../cluster/harness.js';
import { type ClientKind, Fleet } from './fleet.js';
import { type Haproxy, isHaproxyInstalled, startHaproxy } from './haproxy.js';
import {
  ioredisAt,
  ioredisCluster,
  ioredisClusterReplicas,
  ioredisPlain,
  ioredisSentinelReconnecting,
} from './ioredis-kinds.js';
import {
  nodeRedisCluster,
  nodeRedisClusterReplicas,
  nodeRedisSentinel,
} from './node-redis-kinds.js';
import { python, redisPyCluster } from './redis-py-kinds.js';

if (python === null) console.warn('redis-py is not installed: skipped');
if (!isHaproxyInstalled) console.warn('HAProxy is not installed: skipped');

let haproxy: Haproxy | null = null;
const throughHaproxy: ClientKind = {
  name: 'ioredis through HAProxy',
  connect: () => ioredisAt(haproxy!.leaderPort),
  // MOVED: between the change of leader and the next check.
  mayFail: new RegExp(`^MOVED |${ioredisPlain.mayFail.source}`),
};
const kinds = [
  ioredisCluster,
  ioredisClusterReplicas,
  ioredisSentinelReconnecting,
  nodeRedisCluster,
  nodeRedisClusterReplicas,
  nodeRedisSentinel,
  ...(python === null ? [] : [redisPyCluster]),
  ...(isHaproxyInstalled ? [throughHaproxy] : []),
];

describe('follower-writes redirect, the leader killed and changed', () => {
  let cluster: TestCluster;
  let fleet: Fleet;

  beforeAll(async () => {
    cluster = await TestCluster.start();
    if (isHaproxyInstalled) haproxy = await startHaproxy(cluster);
    fleet = await Fleet.start(cluster, kinds);
    await fleet.throughElections();
  }, 240_000);
  afterAll(async () => {
    await fleet?.close();
    haproxy?.stop();
    await cluster?.destroy();
  });

  it.each(kinds)('$name loses nothing and sees only documented errors', (kind) =>
    fleet.judge(kind),
  );

  it.runIf(isHaproxyInstalled)("HAProxy's checks find the leader, and every node", async () => {
    const leader = await cluster.leader();
    const found = async () => ((await haproxy!.up('leader')).join() === leader ? true : null);
    await waitFor('HAProxy to find the leader', found);
    expect(await haproxy!.up('any')).toEqual(cluster.ids);
  });
});
