/** Writes every key of a load once, and counts them. */
import { Redis } from 'ioredis';
import { LoadConnection } from './load-connection.js';
import { encodeCommand, keyName, type LoadShape } from './loads.js';
import type { Peer } from './peers/process.js';

const batch = 1000;

async function inBatches(peer: Peer, keys: number, make: (key: number) => Buffer): Promise<void> {
  const connection = await LoadConnection.open({ ...peer, ports: peer.ports.slice(0, 1) }, 0);
  try {
    for (let from = 0; from < keys; from += batch) {
      const count = Math.min(batch, keys - from);
      const commands = Array.from({ length: count }, (_, at) => make(from + at));
      await connection.exchange(Buffer.concat(commands), count);
    }
  } finally {
    connection.close();
  }
}

/** `more`: further arguments of SET, e.g. EX 3600. */
export function fillKeys(peer: Peer, shape: LoadShape, ...more: string[]): Promise<void> {
  const value = 'x'.repeat(shape.valueBytes);
  return inBatches(peer, shape.keys, (key) =>
    encodeCommand('SET', keyName(key, shape.prefix), value, ...more),
  );
}

/** How many of the keys that fillKeys() wrote have their values. */
export async function countKeys(port: number, { keys, valueBytes }: LoadShape): Promise<number> {
  const client = new Redis(port, '127.0.0.1');
  const value = 'x'.repeat(valueBytes);
  let found = 0;
  for (let from = 0; from < keys; from += batch) {
    const count = Math.min(batch, keys - from);
    const names = Array.from({ length: count }, (_, at) => keyName(from + at));
    found += (await client.mget(names)).filter((stored) => stored === value).length;
  }
  client.disconnect();
  return found;
}
