/** What to type next: connection strings for clients, and the commands that show a failover. */
import path from 'node:path';
import { formatHostPort } from '../src/host-port.js';
import type { LocalCluster } from './local-cluster.js';
import { ownScript } from './node-process.js';

/** How this program is called from where the operator stands. */
export function ownCommand(): string {
  const called = path.basename(process.argv[1] ?? '');
  if (called === 'tgcache-node') return called;
  return `node ${path.relative(process.cwd(), ownScript)}`;
}

export function connectionHelp({ places }: LocalCluster): string {
  const urls = places.map(({ client }) => `redis://${formatHostPort(client)}`);
  const quoted = urls.map((url) => `'${url}'`);
  const nodeRedis = quoted.map((url) => `{ url: ${url} }`);
  return [
    'Connect:',
    `  redis-cli -c -p ${places[0]!.client.port}`,
    `  ioredis:    new Redis.Cluster([${quoted.join(', ')}])`,
    `  node-redis: createCluster({ rootNodes: [${nodeRedis.join(', ')}] })`,
  ].join('\n');
}

export function clusterHints({ dir }: LocalCluster): string {
  const command = `${ownCommand()} cluster`;
  const here = path.relative(process.cwd(), dir);
  const where =
    here === 'tgcache-data' ? '' : ` --dir ${here.startsWith('..') ? dir : here || '.'}`;
  return [
    'In another terminal:',
    `  ${command} status${where}`,
    `  ${command} kill leader${where}`,
  ].join('\n');
}
