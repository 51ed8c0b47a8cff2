/** Three etcd nodes. */
import path from 'node:path';
import { freePort, type Peer, Runner, until } from './process.js';

export async function startEtcd(name: string): Promise<Peer> {
  const places: { id: string; client: number; peer: number }[] = [];
  for (const id of ['e1', 'e2', 'e3']) {
    places.push({ id, client: await freePort(), peer: await freePort() });
  }
  const members = places.map(({ id, peer }) => `${id}=http://127.0.0.1:${peer}`).join(',');
  const runners = places.map(
    ({ id, client, peer }) =>
      new Runner('etcd', (dir) => [
        ...['--name', id, '--data-dir', path.join(dir, id), '--log-level', 'error'],
        ...['--listen-client-urls', `http://127.0.0.1:${client}`],
        ...['--advertise-client-urls', `http://127.0.0.1:${client}`],
        ...['--listen-peer-urls', `http://127.0.0.1:${peer}`],
        ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`],
        ...['--initial-cluster', members, '--initial-cluster-state', 'new'],
        ...['--quota-backend-bytes', String(4 * 2 ** 30)],
      ]),
  );
  for (const runner of runners) runner.start();
  const leader = await until('etcd to have a leader', () => leaderOf(places));
  return {
    name,
    ports: [leader],
    pids: () => runners.map(({ pid }) => pid),
    stop: async () => {
      await Promise.all(runners.map((runner) => runner.remove()));
    },
  };
}

async function leaderOf(places: readonly { client: number }[]): Promise<number | null> {
  for (const { client } of places) {
    const metrics = await (await fetch(`http://127.0.0.1:${client}/metrics`)).text();
    if (/^etcd_server_is_leader 1$/m.test(metrics)) return client;
  }
  return null;
}
