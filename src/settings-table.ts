/**
 * Every setting in one place: name, kind, default, bounds, whether it can change while running,
 * and whether all nodes share it through the log. Names and units are Redis' where Redis has it.
 */
import { z } from 'zod';

export interface Setting {
  readonly name: string;
  readonly default: string;
  /** Text as an operator writes it to the value as CONFIG GET prints it. */
  readonly schema: z.ZodType<string, string>;
  readonly live: boolean;
  /** In the log: the same on all nodes, changed through the leader. */
  readonly clusterWide: boolean;
  readonly doc: string;
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
};

function bytes(min: number, max: number) {
  return z.string().transform((text, context) => {
    const [, digits, unit] = /^(\d+)([kmg]?b?)$/i.exec(text.trim()) ?? [];
    const value = Number(digits) * (units[(unit ?? '').toLowerCase()] ?? Number.NaN);
    if (Number.isSafeInteger(value) && value >= min && value <= max) return String(value);
    context.addIssue({
      code: 'custom',
      message: `must be a size from ${min} to ${max} bytes, like 100mb`,
    });
    return z.NEVER;
  });
}

function whole(min: number, max: number) {
  return z.string().transform((text, context) => {
    const value = Number(text);
    if (/^\d+$/.test(text.trim()) && value >= min && value <= max) return String(value);
    context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}` });
    return z.NEVER;
  });
}

function oneOf(...words: readonly string[]) {
  return z.string().refine((text) => words.includes(text), {
    message: `must be one of ${words.join(', ')}`,
  });
}

const notYet = (name: string) =>
  z.string().refine((text) => text === '', { message: `${name} is not supported yet` });

const outputLimits = z
  .string()
  .transform((text) => text.trim().toLowerCase().replace(/\s+/g, ' '))
  .refine((text) => /^((normal|replica|slave|pubsub) \d+[kmg]?b? \d+[kmg]?b? \d+ ?)+$/.test(text), {
    message: 'must be groups of: class hard-limit soft-limit soft-seconds',
  })
  .transform((text) => text.replace(/(\d+)([kmg]b?)/g, (_, n, u) => String(Number(n) * units[u]!)));

const GiB = 1024 ** 3;

function setting(
  name: string,
  byDefault: string,
  schema: z.ZodType<string, string>,
  doc: string,
  how: { live?: boolean; clusterWide?: boolean } = {},
): Setting {
  const { live = true, clusterWide = false } = how;
  return { name, default: byDefault, schema, live, clusterWide, doc };
}

const shared = { clusterWide: true };
const fixed = { live: false };

export const settingsTable: readonly Setting[] = [
  setting(
    'maxmemory',
    '0',
    bytes(0, 2 ** 50),
    'Most bytes of keys and values; 0 is no limit.',
    shared,
  ),
  setting('maxkeys', '0', whole(0, 2 ** 31 - 1), 'Most keys; 0 is no limit.', shared),
  setting(
    'maxmemory-policy',
    'allkeys-tlru',
    oneOf('allkeys-tlru', 'volatile-tlru', 'tlru-due', 'noeviction'),
    'Who leaves when a limit is reached.',
    shared,
  ),
  setting(
    'default-ttl',
    '0',
    whole(0, 2 ** 40),
    'Seconds given to keys without a TTL; 0 is none.',
    shared,
  ),
  setting('max-ttl', '0', whole(0, 2 ** 40), 'Most seconds a key may live; 0 is no limit.', shared),
  setting(
    'read-consistency',
    'linearizable',
    oneOf('linearizable', 'lease', 'local'),
    'How the leader answers reads.',
  ),
  setting(
    'follower-writes',
    'redirect',
    oneOf('redirect', 'forward'),
    'What a follower does with a command for the leader.',
  ),
  setting('durability', 'fsync', oneOf('fsync', 'os'), 'os: write without fsync.', fixed),
  setting(
    'election-timeout-ms',
    '1000',
    whole(50, 60_000),
    'Silence after which followers elect.',
    fixed,
  ),
  setting(
    'heartbeat-interval-ms',
    '100',
    whole(5, 10_000),
    'How often the leader is heard.',
    fixed,
  ),
  setting(
    'snapshot-threshold-bytes',
    '67108864',
    bytes(64 * 1024, 1024 * GiB),
    'Bytes of log after which a snapshot is taken.',
  ),
  setting(
    'max-staleness-ms',
    '5000',
    whole(10, 3_600_000),
    'A follower cut off longer refuses stale reads.',
  ),
  setting('requirepass', '', z.string(), 'Password of clients.'),
  setting('maxclients', '10000', whole(1, 1_000_000), 'Most client connections.'),
  setting(
    'timeout',
    '0',
    whole(0, 2 ** 31 - 1),
    'Seconds after which idle clients are closed; 0: never.',
  ),
  setting('tcp-keepalive', '300', whole(0, 2 ** 31 - 1), 'Seconds between TCP keepalives; 0: off.'),
  setting(
    'proto-max-bulk-len',
    '536870912',
    bytes(1024 ** 2, 512 * 1024 ** 2),
    'Longest single argument.',
  ),
  setting(
    'client-query-buffer-limit',
    '1073741824',
    bytes(1024 ** 2, 1024 ** 3),
    'Longest single command.',
  ),
  setting(
    'client-output-buffer-limit',
    'normal 0 0 0 replica 268435456 67108864 60 pubsub 33554432 8388608 60',
    outputLimits,
    'Output a client may leave unread, by class.',
  ),
  setting(
    'tracking-table-max-keys',
    '1000000',
    whole(0, 2 ** 31 - 1),
    'Keys remembered for client tracking.',
  ),
  setting(
    'notify-keyspace-events',
    '',
    notYet('notify-keyspace-events'),
    'Keyspace notifications.',
  ),
  setting(
    'slowlog-log-slower-than',
    '10000',
    whole(0, 2 ** 40),
    'Microseconds that make a command slow.',
  ),
  setting(
    'loglevel',
    'notice',
    oneOf('debug', 'verbose', 'notice', 'warning', 'nothing'),
    'What is logged.',
  ),
  setting('aclfile', '', notYet('aclfile'), 'File of access rules.', fixed),
  setting('tls-port', '0', oneOf('0'), 'TLS is not supported yet.', fixed),
  setting('tls-cert-file', '', notYet('tls-cert-file'), 'TLS certificate.', fixed),
  setting('tls-key-file', '', notYet('tls-key-file'), 'TLS key.', fixed),
  setting('tls-ca-cert-file', '', notYet('tls-ca-cert-file'), 'TLS authority.', fixed),
];
