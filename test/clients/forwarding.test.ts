/**
 * Clients that know one address, through elections of a cluster whose followers forward: no
 * client needs to know what a leader is.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { TestCluster } from '../cluster/harness.js';
import { cacheManager, connectRedis, keyv, unstorage } from './cache-kinds.js';
import { Fleet } from './fleet.js';
import { ioredisPlain, ioredisSentinel } from './ioredis-kinds.js';
import { nodeRedisPlain } from './node-redis-kinds.js';
import { python, redisPyPlain, redisPySentinel } from './redis-py-kinds.js';

if (python === null) console.warn('redis-py is not installed: skipped');
const kinds = [
  ioredisPlain,
  nodeRedisPlain,
  connectRedis,
  keyv,
  cacheManager,
  unstorage,
  ioredisSentinel,
  ...(python === null ? [] : [redisPyPlain, redisPySentinel]),
];

describe('follower-writes forward, the leader killed and changed', () => {
  let cluster: TestCluster;
  let fleet: Fleet;

  beforeAll(async () => {
    cluster = await TestCluster.start({ set: ['follower-writes=forward'] });
    fleet = await Fleet.start(cluster, kinds);
    await fleet.throughElections();
  }, 240_000);
  afterAll(async () => {
    await fleet?.close();
    await cluster?.destroy();
  });

  it.each(kinds)('$name loses nothing and sees only documented errors', (kind) =>
    fleet.judge(kind),
  );
});
