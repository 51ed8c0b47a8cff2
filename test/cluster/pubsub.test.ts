/** Messages between nodes, with ioredis. */
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from './harness.js';

let cluster: TestCluster;
const clients: Redis[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await cluster.destroy();
});

function clientAt(id: string): Redis {
  const client = new Redis({ host: '127.0.0.1', port: cluster.port(id) });
  clients.push(client);
  return client;
}

describe('publish and subscribe', () => {
  it('reaches the subscribers at every node, in the order of each publisher', async () => {
    cluster = await TestCluster.start();
    const heard = await Promise.all(
      cluster.ids.map(async (id) => {
        const messages: string[] = [];
        const client = clientAt(id);
        client.on('message', (_channel, text: string) => messages.push(text));
        client.on('pmessage', (_pattern, _channel, text: string) => messages.push(`p ${text}`));
        await client.subscribe('news');
        await client.psubscribe('n*');
        return messages;
      }),
    );
    const count = 200;
    const publishers = cluster.ids.map(clientAt);
    for (let at = 0; at < count; at++) {
      await Promise.all(publishers.map((client, from) => client.publish('news', `${from}:${at}`)));
    }
    for (const messages of heard) {
      const all = 2 * count * cluster.ids.length;
      await waitFor('all messages', () => (messages.length >= all ? true : null));
      expect(messages.length).toBe(all);
      for (const from of [0, 1, 2]) {
        const mine = messages.filter((text) => text.startsWith(`${from}:`));
        expect(mine).toEqual(Array.from({ length: count }, (_, at) => `${from}:${at}`));
      }
    }
  });

  it('+switch-master names the new leader at every node that lives', async () => {
    cluster = await TestCluster.start();
    const leader = await cluster.leader();
    const others = cluster.ids.filter((id) => id !== leader);
    const heard: string[] = [];
    for (const id of others) {
      const client = clientAt(id);
      client.on('message', (_channel, text: string) => heard.push(text));
      await client.subscribe('+switch-master');
    }
    await cluster.kill(leader);
    const next = await cluster.leader();
    const places = [leader, next].map((id) => `127.0.0.1 ${cluster.port(id)}`).join(' ');
    await waitFor('both announcements', () => (heard.length >= 2 ? true : null));
    expect(heard).toEqual([`tgcache ${places}`, `tgcache ${places}`]);
  });
});
