/**
 * Sub-commands that look at one key without using it: OBJECT, MEMORY USAGE, DEBUG OBJECT. They are
 * reads like GET, so they see what the connection wrote, also inside MULTI and through a leader.
 */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { KeySpec, ReadContext, ReadSpec, SpecBase } from '../command-spec.js';
import { ABSENT, type KeyspaceView } from '../keyspace-view.js';
import { parseInt64 } from '../numbers.js';
import { notAnInteger, readSpec, syntaxError } from './spec-helpers.js';

const secondKey: KeySpec = { first: 2, last: 2, step: 1, uses: ['RO'] };
/** Longest value that Redis keeps in one piece with its object. */
const embeddedBytesMax = 44;
/** Digits and sign of a 64-bit integer. */
const integerBytesMax = 20;

const noFrequency =
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that ' +
  'when switching between policies at runtime LRU and LFU data will take some time to adjust.';
const noIdleTime =
  'ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when ' +
  'switching between policies at runtime LRU and LFU data will take some time to adjust.';

/** As Redis would hold a value that was just set. */
export function encodingOf(keyspace: KeyspaceView, slot: number): 'int' | 'embstr' | 'raw' {
  const length = keyspace.valueLength(slot);
  const start = keyspace.valueStart(slot);
  if (length <= integerBytesMax) {
    if (parseInt64(keyspace.valueBuffer(slot), start, start + length) !== null) return 'int';
  }
  return length <= embeddedBytesMax ? 'embstr' : 'raw';
}

type Look = (context: ReadContext, slot: number, reply: ReplySink, args: Args) => void;

/** `absent`: what is answered without the key. */
function look(absent: (reply: ReplySink) => void, run: Look): ReadSpec['read'] {
  return (context, args, reply) => {
    const slot = context.peek(args, 2);
    if (slot === ABSENT) absent(reply);
    else run(context, slot, reply, args);
  };
}

const nil = (reply: ReplySink) => reply.nil();

function sub(
  container: string,
  described: Pick<SpecBase, 'name' | 'arity' | 'summary' | 'since'> & { syntax?: string },
  opcode: number,
  read: ReadSpec['read'],
  {
    flags = [],
    acl: categories = ['keyspace', 'read', 'slow'],
  }: Partial<Pick<SpecBase, 'flags' | 'acl'>> = {},
): ReadSpec {
  const { name, arity } = described;
  const shared = { flags, keys: secondKey, group: 'generic' } as const;
  const spec = readSpec(opcode, name, arity, { ...shared, ...described }, read);
  return { ...spec, acl: categories, container };
}

const objectReads: readonly ReadSpec[] = [
  sub(
    'object',
    {
      name: 'encoding',
      arity: 3,
      since: '2.2.3',
      summary: 'Returns the encoding that Redis would use for the value.',
    },
    90,
    look(nil, ({ keyspace }, slot, reply) => reply.text(encodingOf(keyspace, slot))),
  ),
  sub(
    'object',
    {
      name: 'freq',
      arity: 3,
      since: '4.0.0',
      summary: 'Returns how often a key was used of late, from 0 to 3 (under a TLRU policy).',
    },
    91,
    look(nil, ({ keyspace }, slot, reply) => {
      const uses = keyspace.useCount(slot);
      if (uses === null) reply.error(noFrequency);
      else reply.integer(uses);
    }),
  ),
  sub(
    'object',
    {
      name: 'idletime',
      arity: 3,
      since: '2.2.3',
      summary: 'An error: the time of the last use of a key is not kept.',
    },
    92,
    look(nil, (_context, _slot, reply) => reply.error(noIdleTime)),
  ),
  sub(
    'object',
    {
      name: 'refcount',
      arity: 3,
      since: '2.2.3',
      summary: 'Returns 1: no value is shared between keys.',
    },
    93,
    look(nil, (_context, _slot, reply) => reply.integer(1)),
  ),
];

const memoryUsage = sub(
  'memory',
  {
    name: 'usage',
    arity: -3,
    since: '4.0.0',
    summary: 'Returns the bytes of a key and its value that count against maxmemory.',
    syntax: 'key [SAMPLES count]',
  },
  94,
  (context, args, reply) => {
    const error = samplesError(args);
    if (error !== null) return reply.error(error);
    const slot = context.peek(args, 2);
    if (slot === ABSENT) reply.nil();
    else reply.integer(context.keyspace.charge(slot));
  },
  { acl: ['read', 'slow'] },
);

function samplesError(args: Args): string | null {
  for (let at = 3; at < args.count; at += 2) {
    if (!args.is(at, 'SAMPLES') || at + 1 >= args.count) return syntaxError;
    const samples = parseInt64(args.bytes, args.start(at + 1), args.end(at + 1));
    if (samples === null) return notAnInteger;
    if (samples < 0) return syntaxError;
  }
  return null;
}

const debugObject: ReadSpec = {
  ...sub(
    'debug',
    { name: 'object', arity: 3, since: '1.0.0', summary: 'Describes a key and its value.' },
    95,
    look(
      (reply) => reply.error('ERR no such key'),
      ({ keyspace }, slot, reply) => {
        const encoding = encodingOf(keyspace, slot);
        const length = keyspace.valueLength(slot);
        reply.simple(
          `Value at:0x${slot.toString(16)} refcount:1 encoding:${encoding} ` +
            `serializedlength:${length} lru:0 lru_seconds_idle:0`,
        );
      },
    ),
    { flags: ['admin', 'noscript'], acl: ['admin', 'slow', 'dangerous'] },
  ),
  unnamed: true,
};

export const objectCommands: readonly ReadSpec[] = [...objectReads, memoryUsage, debugObject];
