/**
 * CLUSTER COUNTKEYSINSLOT and GETKEYSINSLOT. Keys are not kept by slot, since all slots live
 * together: both walk the whole keyspace. The first counts what is here; the second goes through
 * the group as reads do.
 */
import type { Args } from '../../resp/args.js';
import type { KeyspaceView } from '../../statemachine/keyspace-view.js';
import { slotOf } from '../crc16.js';
import type { SessionReadSpec } from '../group.js';
import { type LocalSpec, local, type Outcome } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';

const slotMax = 16_383;
const shared = {
  group: 'cluster',
  acl: ['slow'],
  flags: ['stale', 'no_multi'],
  since: '3.0.0',
  complexity: 'O(N) with N keys in the keyspace.',
} as const;

export function countKeysInSlot(context: ServerContext): LocalSpec {
  const described = { ...shared, summary: 'Returns the number of keys in a slot.', syntax: 'slot' };
  return local('countkeysinslot', 3, described, (_connection, args, reply) => {
    const slot = slotArgument(args);
    if (Number.isNaN(slot)) reply.error('ERR Invalid slot');
    else reply.integer(context.group.countKeysInSlot(slot));
  });
}

export function getKeysInSlot(context: ServerContext): LocalSpec {
  const described = {
    ...shared,
    delegates: true,
    summary: 'Returns keys of a slot.',
    syntax: 'slot count',
  };
  const spec = readSpec('getkeysinslot', 4, (keyspace, args, reply) => {
    const most = Number(args.text(3));
    const found: number[] = [];
    walk(keyspace, slotArgument(args), (slot) => {
      if (found.length < most) found.push(slot);
      return found.length < most;
    });
    reply.array(found.length);
    for (const slot of found) {
      const start = keyspace.keyStart(slot);
      reply.bulk(keyspace.keyBuffer(slot), start, start + keyspace.keyLength(slot));
    }
  });
  return local(spec.name, 4, described, (connection, args, reply): Outcome => {
    const valid = !Number.isNaN(slotArgument(args)) && /^\d{1,9}$/.test(args.text(3));
    if (!valid) return reply.error('ERR Invalid slot or number of keys');
    return context.carryOut(connection, spec, args) ?? undefined;
  });
}

function slotArgument(args: Args): number {
  const text = args.text(2);
  return /^\d{1,5}$/.test(text) && Number(text) <= slotMax ? Number(text) : Number.NaN;
}

type Read = (
  keyspace: KeyspaceView,
  args: Args,
  reply: Parameters<SessionReadSpec['run']>[3],
) => void;

function readSpec(name: string, arity: number, read: Read): SessionReadSpec {
  return {
    kind: 'session-read',
    name,
    container: 'cluster',
    arity,
    ...shared,
    keys: { first: 0, last: 0, step: 0 },
    summary: '',
    syntax: '',
    run: (_origin, context, args, reply) => read(context.keyspace, args, reply),
  };
}

/** Visits the live keys of a hash slot until `visit` has enough. */
function walk(keyspace: KeyspaceView, hashSlot: number, visit: (slot: number) => boolean): void {
  for (let slot = 0; slot < keyspace.slotLimit; slot++) {
    if (!keyspace.isLiveIn(slot, 0)) continue;
    const start = keyspace.keyStart(slot);
    const end = start + keyspace.keyLength(slot);
    if (slotOf(keyspace.keyBuffer(slot), start, end) === hashSlot && !visit(slot)) return;
  }
}
