/** DEBUG: what test suites and people who look for faults use of it. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import { keyspaceSubcommands } from '../../statemachine/keyspace-commands.js';
import type { Connection } from '../connection.js';
import { container, type LocalSpec, local } from '../local-spec.js';
import type { ServerContext } from '../server-context.js';
import { matchesGlob } from './glob-names.js';

const shared = {
  group: 'server',
  acl: ['admin', 'slow', 'dangerous'],
  flags: ['admin', 'noscript', 'loading', 'stale'],
} as const;
/** A longer sleep is more likely a slip. */
const sleepSecondsMax = 3600;
const matchLengthMax = 1_000_000;

export function debugCommands(context: ServerContext): LocalSpec[] {
  return [
    container('debug', { ...shared, oneCommand: true, summary: 'For debugging.' }, [
      local(
        'digest',
        2,
        {
          ...shared,
          // It answers later, which a reply inside a transaction cannot.
          flags: [...shared.flags, 'no_multi'],
          summary: 'Returns the digest of the state.',
        },
        async (connection) => connection.reply.simple((await context.group.digest()).digest),
      ),
      local(
        'sleep',
        3,
        { ...shared, summary: 'Stops the whole node for a while.', syntax: 'seconds' },
        sleep,
      ),
      local(
        'set-active-expire',
        3,
        {
          ...shared,
          summary: 'Accepted without effect: expiry is part of the log, the same on all nodes.',
          syntax: '<0 | 1>',
        },
        (_connection, _args, reply) => reply.ok(),
      ),
      local(
        'stringmatch-len',
        4,
        { ...shared, summary: 'Matches a pattern against many As.', syntax: 'length pattern' },
        (_connection, args, reply) => matchLength(args, reply),
      ),
      local(
        'error',
        3,
        { ...shared, summary: 'Returns an error.', syntax: 'text' },
        (_connection, args, reply) => reply.error(args.text(2)),
      ),
      local(
        'log',
        3,
        { ...shared, summary: 'Accepted without effect.', syntax: 'message' },
        (_connection, _args, reply) => reply.ok(),
      ),
      local(
        'protocol',
        3,
        {
          ...shared,
          summary: 'Returns a reply of a type.',
          syntax: `<${[...samples.keys()].join(' | ')}>`,
        },
        protocol,
      ),
      ...keyspaceSubcommands.filter((spec) => spec.container === 'debug'),
    ]),
  ];
}

/** Blocks the event loop, as Redis does: that is what it is for. */
function sleep(_connection: Connection, args: Args, reply: ReplySink): void {
  const seconds = Number(args.text(2));
  if (!(seconds >= 0 && seconds <= sleepSecondsMax)) {
    return reply.error('ERR value is not a valid float');
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  reply.ok();
}

function matchLength(args: Args, reply: ReplySink): void {
  const length = Number(args.text(2));
  if (!/^\d{1,7}$/.test(args.text(2)) || length > matchLengthMax) {
    return reply.error('ERR value is not an integer or out of range');
  }
  reply.integer(matchesGlob(args.text(3), 'A'.repeat(length)) ? 1 : 0);
}

/** For kinds of replies that no command gives. */
function encoded(reply: ReplySink, text: string): void {
  reply.raw(Buffer.from(text, 'latin1'));
}

function three(reply: ReplySink): void {
  for (let at = 0; at < 3; at++) reply.integer(at);
}

const bigNumber = '1234567999999999999999999999999999999';
const samples: ReadonlyMap<string, (reply: ReplySink, connection: Connection) => void> = new Map([
  ['string', (reply) => reply.text('Hello World')],
  ['integer', (reply) => reply.integer(12345)],
  // biome-ignore lint/suspicious/noApproximativeNumericConstant: it is the sample that Redis gives
  ['double', (reply) => reply.double(3.141)],
  ['null', (reply) => reply.nil()],
  [
    'array',
    (reply) => {
      reply.array(3);
      three(reply);
    },
  ],
  [
    'set',
    (reply) => {
      reply.set(3);
      three(reply);
    },
  ],
  [
    'map',
    (reply) => {
      reply.map(3);
      for (let at = 0; at < 3; at++) {
        reply.integer(at);
        reply.boolean(at === 1);
      }
    },
  ],
  [
    'attrib',
    (reply, { protocol: version }) => {
      if (version === 2) return reply.text('Some real reply following the attribute');
      encoded(reply, '|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n');
      reply.text('Some real reply following the attribute');
    },
  ],
  [
    'push',
    (reply, { protocol: version }) => {
      if (version === 2) return reply.error('ERR RESP2 is not supported by this command');
      reply.push(2);
      reply.text('server-cpu-usage');
      reply.integer(42);
      reply.text('Some real reply following the push reply');
    },
  ],
  ['verbatim', (reply) => reply.verbatim('txt', 'This is a verbatim\nstring')],
  ['true', (reply) => reply.boolean(true)],
  ['false', (reply) => reply.boolean(false)],
  [
    'bignum',
    (reply, { protocol: version }) => {
      if (version === 2) reply.text(bigNumber);
      else encoded(reply, `(${bigNumber}\r\n`);
    },
  ],
]);

function protocol(connection: Connection, args: Args, reply: ReplySink): void {
  const sample = samples.get(args.text(2).toLowerCase());
  if (sample !== undefined) return sample(reply, connection);
  reply.error(
    'ERR Wrong protocol type name. Please use one of the following: ' +
      'string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
  );
}
