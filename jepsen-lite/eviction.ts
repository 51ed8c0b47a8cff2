/**
 * More keys than the cluster has room for: replicas must evict alike, which the equal digests at
 * the end of each phase show. A value that is there belongs to its key.
 */
import type { Client } from './client.js';
import {
  closeAll,
  makeClients,
  readEverywhere,
  type Workload,
  type WorkloadContext,
} from './workload.js';

const keysCount = 4000;
const valueBytesMax = 400;
const keysReadAtTheEnd = 100;
const clientsCount = 6;

/** Room for about a quarter of the keys. */
export const evictionSettings = ['maxmemory=300kb'];

export function eviction(context: WorkloadContext): Workload {
  const { random } = context;
  const clients = makeClients(context, clientsCount);
  const wrong: string[] = [];
  let operations = 0;

  function pick(): string {
    const hot = random.next() % 3 === 0;
    return `evict:${random.next() % (hot ? 100 : keysCount)}`;
  }

  async function look(client: Client, key: string): Promise<void> {
    if (!(await client.connect())) return;
    operations++;
    const outcome = await client.exchange([['GET', key]]);
    const value = outcome.kind === 'done' ? outcome.replies[0] : null;
    if (value === null || String(value).startsWith(`${key}=`)) return;
    wrong.push(`eviction: ${key} holds ${String(value).slice(0, 40)} at ${client.node}`);
  }

  async function store(client: Client, key: string): Promise<void> {
    if (!(await client.connect())) return;
    operations++;
    const value = `${key}=${'x'.repeat(random.next() % valueBytesMax)}`;
    const life = random.next() % 4 === 0 ? ['PX', String(1 + (random.next() % 3000))] : [];
    await client.exchange([['SET', key, value, ...life]]);
  }

  return {
    name: 'eviction',
    steps: clients.map((client) => async () => {
      await (random.next() % 2 === 0 ? look(client, pick()) : store(client, pick()));
    }),
    finish: () =>
      readEverywhere(context, async (client) => {
        for (let at = 0; at < keysReadAtTheEnd; at++) await look(client, pick());
      }),
    unrecorded: () => operations,
    check: async () => wrong,
    close: () => closeAll(clients),
  };
}
