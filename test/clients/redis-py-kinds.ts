/** redis-py, in a process of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestCluster } from '../cluster/harness.js';
import type { ClientKind, StockClient } from './fleet.js';

const script = fileURLToPath(new URL('redis_py_client.py', import.meta.url));

/** An interpreter that has redis-py: Debian's package belongs to Debian's interpreter. */
export const python =
  ['python3', '/usr/bin/python3'].find(
    (program) => spawnSync(program, ['-c', 'import redis.cluster']).status === 0,
  ) ?? null;

interface Answer {
  readonly reply?: string | null;
  readonly error?: string;
}

function start(mode: string, ports: readonly number[]): StockClient {
  const child = spawn(python!, [script, mode, ...ports.map(String)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints = `${complaints}${chunk}`.slice(-2000);
  });
  const waiting: ((answer: Answer) => void)[] = [];
  createInterface(child.stdout).on('line', (line) => waiting.shift()?.(JSON.parse(line)));
  let ended: Answer | null = null;
  child.once('close', (code) => {
    ended = { error: `redis-py ended with ${code}: ${complaints}` };
    for (const give of waiting) give(ended);
  });
  const ask = async (...words: string[]): Promise<string | null> => {
    const { reply, error } = await new Promise<Answer>((resolve) => {
      if (ended !== null) return resolve(ended);
      waiting.push(resolve);
      child.stdin.write(`${JSON.stringify(words)}\n`);
    });
    if (error !== undefined) throw new Error(error);
    return reply ?? null;
  };
  return {
    set: (key, value) => ask('SET', key, value),
    get: (key) => ask('GET', key),
    close: () => child.stdin.end(),
  };
}

function portsOf(cluster: TestCluster): number[] {
  return cluster.nodes.map(({ clientPort }) => clientPort);
}

const uncertain = 'UNCERTAIN|TRYAGAIN|CLUSTERDOWN|LOADING';
const mayFail = new RegExp(
  `^(ConnectionError|TimeoutError|MasterNotFoundError|BusyLoadingError): |: (${uncertain}) `,
);

export const redisPyPlain: ClientKind = {
  name: 'redis-py',
  connect: (_cluster, port) => start('plain', [port]),
  mayFail,
};

export const redisPySentinel: ClientKind = {
  name: 'redis-py Sentinel',
  connect: (cluster) => start('sentinel', portsOf(cluster)),
  mayFail,
};

export const redisPyCluster: ClientKind = {
  name: 'redis-py RedisCluster',
  connect: (cluster) => start('cluster', portsOf(cluster)),
  // IndexError: 4.3.4 keeps a node that it knew as a replica a replica in its map, and misses a
  // primary when the node it knew as one is gone. The next command works.
  mayFail: new RegExp(`^(ClusterDownError|RedisClusterException|IndexError): |${mayFail.source}`),
};
