/** HAProxy in front of a cluster: with its stock redis check, and one that finds the leader. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePorts, type TestCluster, waitFor } from '../cluster/harness.js';

export const isHaproxyInstalled = spawnSync('haproxy', ['-v']).status === 0;

export interface Haproxy {
  /** Of the listener in front of the leader. */
  readonly leaderPort: number;
  /** Of the one in front of every node that answers PING. */
  readonly anyPort: number;
  /** Which nodes a backend counts as up. */
  up(backend: 'leader' | 'any'): Promise<string[]>;
  stop(): void;
}

/** As its manual has it for Redis: the first check is `option redis-check`. */
function configuration(cluster: TestCluster, ports: readonly number[]): string {
  const [leaderPort, anyPort, statsPort] = ports;
  const servers = cluster.nodes.map(
    ({ id, clientPort }) =>
      `  server ${id} 127.0.0.1:${clientPort} check inter 100ms fall 1 rise 1`,
  );
  return [
    'defaults',
    '  mode tcp',
    '  timeout connect 1s',
    '  timeout check 2s',
    '  timeout client 1m',
    '  timeout server 1m',
    'listen stats',
    `  bind 127.0.0.1:${statsPort}`,
    '  mode http',
    '  stats enable',
    '  stats uri /',
    'listen any',
    `  bind 127.0.0.1:${anyPort}`,
    '  option redis-check',
    ...servers,
    'listen leader',
    `  bind 127.0.0.1:${leaderPort}`,
    '  option tcp-check',
    '  tcp-check connect',
    '  tcp-check send PING\\r\\n',
    '  tcp-check expect string +PONG',
    '  tcp-check send info\\ replication\\r\\n',
    '  tcp-check expect string role:master',
    '  tcp-check send QUIT\\r\\n',
    '  tcp-check expect string +OK',
    '  default-server on-marked-down shutdown-sessions',
    ...servers,
    '',
  ].join('\n');
}

export async function startHaproxy(cluster: TestCluster): Promise<Haproxy> {
  const ports = await freePorts(3);
  const [leaderPort, anyPort, statsPort] = ports as [number, number, number];
  const file = path.join(cluster.dir, 'haproxy.cfg');
  writeFileSync(file, configuration(cluster, ports));
  const child = spawn('haproxy', ['-db', '-q', '-f', file], { stdio: 'ignore' });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const up = async (backend: string): Promise<string[]> => {
    const table = await (await fetch(`http://127.0.0.1:${statsPort}/;csv`)).text();
    const rows = table.split('\n').map((line) => line.split(','));
    const status = rows[0]!.indexOf('status');
    return rows
      .filter((row) => row[0] === backend && cluster.ids.includes(row[1]!))
      .filter((row) => row[status]!.startsWith('UP'))
      .map((row) => row[1]!);
  };
  await waitFor('the checks of HAProxy', async () =>
    (await up('leader')).length === 1 ? true : null,
  );
  return {
    leaderPort,
    anyPort,
    up,
    stop: () => {
      process.off('exit', kill);
      kill();
    },
  };
}
