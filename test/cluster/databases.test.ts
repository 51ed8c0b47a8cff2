/** Databases and keyspace notifications across nodes, with ioredis. */
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from './harness.js';

let cluster: TestCluster;
const clients: Redis[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await cluster.destroy();
});

function clientAt(id: string, db = 0): Redis {
  const client = new Redis({ host: '127.0.0.1', port: cluster.port(id), db });
  client.on('error', () => {});
  clients.push(client);
  return client;
}

const set = ['follower-writes=forward'];

describe('databases', () => {
  it('are apart at every node, also for transactions, and outlive a restart', async () => {
    cluster = await TestCluster.start({ set });
    const databases = [0, 1, 15];
    for (const id of cluster.ids) {
      for (const db of databases) {
        const client = clientAt(id, db);
        expect(await client.set(`k:${id}`, `in ${db}`)).toBe('OK');
        expect(await client.get(`k:${id}`)).toBe(`in ${db}`);
        await client.watch(`k:${id}`);
        const replies = await client.multi().append(`k:${id}`, '!').dbsize().exec();
        expect(replies![0]).toEqual([null, `in ${db}!`.length]);
      }
    }
    const [follower] = (await cluster.followers()) as [string];
    expect(await clientAt(follower).swapdb(1, 15)).toBe('OK');
    expect(await clientAt(follower, 1).get(`k:${follower}`)).toBe('in 15!');
    await cluster.equalDigest();
    const leader = await cluster.leader();
    await cluster.kill(leader);
    await cluster.restart(leader);
    const back = clientAt(leader, 15);
    await waitFor('the node that was away', async () =>
      (await back.get(`k:${leader}`).catch(() => null)) === 'in 1!' ? true : null,
    );
    expect(await back.dbsize()).toBe(cluster.ids.length);
    await cluster.equalDigest();
  });
});

describe('keyspace notifications', () => {
  it('are heard at every node, whoever writes, also when a key expires', async () => {
    cluster = await TestCluster.start({ set: [...set, 'notify-keyspace-events=KEA'] });
    const heard = await Promise.all(
      cluster.ids.map(async (id) => {
        const messages: string[] = [];
        const client = clientAt(id);
        client.on('pmessage', (_pattern, channel, text) => messages.push(`${channel} ${text}`));
        await client.psubscribe('__key*__:*');
        return messages;
      }),
    );
    const expected: string[] = [];
    for (const id of cluster.ids) {
      await clientAt(id, 2).set(id, 'v', 'PX', 20);
      for (const event of ['set', 'expire']) {
        expected.push(`__keyspace@2__:${id} ${event}`, `__keyevent@2__:${event} ${id}`);
      }
      expected.push(`__keyspace@2__:${id} expired`, `__keyevent@2__:expired ${id}`);
    }
    for (const messages of heard) {
      await waitFor('all events', () => (messages.length >= expected.length ? true : null));
      expect([...messages].sort()).toEqual([...expected].sort());
      expect(messages).toEqual(heard[0]);
    }
  });
});
