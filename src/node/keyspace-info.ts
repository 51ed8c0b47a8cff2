/** Figures about the keys that this node holds. */
import { slotOf } from '../server/crc16.js';
import type { DatabaseInfo } from '../server/group.js';
import { DATABASES_MAX } from '../statemachine/databases.js';
import type { Keyspace } from '../statemachine/keyspace.js';
import type { StateMachine } from '../statemachine/state-machine.js';

export function keyspaceInfo(machine: StateMachine) {
  const { keyspace } = machine;
  return {
    keys: keyspace.size,
    keysWithTtl: keyspace.keysWithTtl,
    databases: databasesOf(keyspace),
    usedBytes: keyspace.usedBytes,
    expired: keyspace.expired,
    evicted: keyspace.evicted,
    hits: machine.hits,
    misses: machine.misses,
  };
}

/** Those that hold keys. */
function databasesOf(keyspace: Keyspace): DatabaseInfo[] {
  const found: DatabaseInfo[] = [];
  for (let database = 0; database < DATABASES_MAX; database++) {
    const keys = keyspace.sizeOf(database);
    if (keys === 0) continue;
    found.push({ database, keys, keysWithTtl: keyspace.keysWithTtlOf(database) });
  }
  return found;
}

/** Walks the whole keyspace: keys are not kept by slot, since all slots live together. */
export function countKeysInSlot(keyspace: Keyspace, slot: number): number {
  let count = 0;
  for (let at = 0; at < keyspace.slotLimit; at++) {
    if (!keyspace.isLiveIn(at, 0)) continue;
    const start = keyspace.keyStart(at);
    if (slotOf(keyspace.keyBuffer(at), start, start + keyspace.keyLength(at)) === slot) count++;
  }
  return count;
}
