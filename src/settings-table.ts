/**
 * Every setting in one place: name, default, bounds, whether it can change while running, and
 * whether all nodes share it through the log. Names and units are Redis' where Redis has it.
 * CONFIG GET, CONFIG SET, --set, the environment, the file and the README follow this table.
 */
import { z } from 'zod';

/** Text as an operator writes it to the value as CONFIG GET prints it. */
type Schema = z.ZodType<string, string>;

export interface Setting {
  readonly name: string;
  /** As CONFIG GET prints it. */
  readonly default: string;
  readonly schema: Schema;
  /** False: given at the start only. */
  readonly live: boolean;
  /** In the log: the same on all nodes, changed through the leader. */
  readonly clusterWide: boolean;
  readonly doc: string;
  /** For values of several parts: what was in force before, with the parts given now. */
  readonly merge?: (previous: string, given: string) => string;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const int32Max = 2 ** 31 - 1;
/** About 30,000 years: longer deadlines would leave the range of safe integers in ms. */
const secondsMax = 1e12;

/** As in redis.conf: 1k is a thousand, 1kb is 1024. */
const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: KiB,
  m: 1000 ** 2,
  mb: MiB,
  g: 1000 ** 3,
  gb: GiB,
};

/** NaN when it is no size. */
function parseBytes(text: string): number {
  const [, digits, unit] = /^(\d+)([kmg]?b?)$/i.exec(text.trim()) ?? [];
  return digits === undefined ? Number.NaN : Number(digits) * units[unit!.toLowerCase()]!;
}

function bytes(min: number, max: number): Schema {
  const message = `must be a size from ${min} to ${max} bytes, such as 100mb`;
  return z
    .string()
    .transform(parseBytes)
    .refine((value) => value >= min && value <= max, { message })
    .transform(String);
}

function whole(min: number, max: number): Schema {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .transform((text) => (/^\s*-?\d+\s*$/.test(text) ? Number(text) : Number.NaN))
    .refine((value) => value >= min && value <= max, { message })
    .transform(String);
}

function oneOf(...words: readonly string[]): Schema {
  return z
    .string()
    .transform((text) => text.trim().toLowerCase())
    .refine((text) => words.includes(text), { message: `must be one of ${words.join(', ')}` });
}

/** Known, so that a file written for Redis gets a clear answer, and so that CONFIG GET shows it. */
function notYet(...empty: readonly string[]): Schema {
  const message = 'is not supported yet and must stay empty';
  return z.string().refine((text) => text === '' || empty.includes(text), { message });
}

/** Redis: keyspaceEventsFlagsToString; "n", which "A" leaves out, is kept beside it. */
const eventClasses: Schema = z
  .string()
  .regex(/^[Ag$lshzxetdnKEm]*$/, { message: "must be made of the letters of 'Ag$lshzxeKEtmdn'" })
  .transform((text) => {
    const all = text.includes('A') || [...'g$lshzxetd'].every((letter) => text.includes(letter));
    const order = all ? 'AnKEm' : 'g$lshzxetdnKEm';
    return [...order].filter((letter) => letter === 'A' || text.includes(letter)).join('');
  });

/** Empty is none; printed as Redis does, without trailing zeros. */
const percentiles: Schema = z
  .string()
  .transform((text) => text.split(/\s+/).filter((word) => word !== ''))
  .refine((words) => words.every((word) => Number(word) >= 0 && Number(word) <= 100), {
    message: 'must be numbers from 0 to 100',
  })
  .transform((words) => words.map((word) => String(Number(word))).join(' '));

const outputClasses = ['normal', 'slave', 'pubsub'] as const;

/** What is wrong with these words, as Redis says it (setConfigOutputBufferLimitOption). */
function outputFault(words: readonly string[]): string | null {
  if (words.length % 4 !== 0) {
    return 'Wrong number of arguments in buffer limit configuration.';
  }
  const bad = words.findIndex((word, at) => !fitsOutputLimit(word, at));
  if (bad < 0) return null;
  if (bad % 4 === 0) return 'Invalid client class specified in buffer limit configuration.';
  const part = ['', 'hard', 'soft', 'soft_seconds'][bad % 4];
  return `Error in ${part} setting in buffer limit configuration.`;
}

/** Groups of: class hard-limit soft-limit soft-seconds. `replica` is a new word for slave. */
const outputLimits: Schema = z
  .string()
  .transform((text) => text.trim().toLowerCase().split(/\s+/).map(outputWord))
  .superRefine((words, context) => {
    const message = outputFault(words);
    if (message !== null) context.addIssue({ code: 'custom', message });
  })
  .transform((words) => words.join(' '));

function outputWord(word: string, at: number): string {
  if (at % 4 === 0) return word === 'replica' ? 'slave' : word;
  return String(at % 4 === 3 ? Number(word) : parseBytes(word));
}

function fitsOutputLimit(word: string, at: number): boolean {
  if (at % 4 === 0) return (outputClasses as readonly string[]).includes(word);
  return Number.isSafeInteger(Number(word)) && Number(word) >= 0;
}

/** Classes that are not given keep their limits. */
function mergeOutputLimits(previous: string, given: string): string {
  const words = `${previous} ${given}`.split(' ');
  const latest = (name: string) =>
    words.slice(words.lastIndexOf(name), words.lastIndexOf(name) + 4);
  return outputClasses.flatMap(latest).join(' ');
}

interface Row {
  readonly name: string;
  readonly default: string;
  readonly schema: Schema;
  readonly doc: string;
  readonly fixed?: true;
  readonly clusterWide?: true;
  readonly merge?: (previous: string, given: string) => string;
}

const memoryRows: readonly Row[] = [
  {
    name: 'maxmemory',
    default: '0',
    schema: bytes(0, 2 ** 50),
    clusterWide: true,
    doc: 'Most bytes of keys and values; 0 is no limit.',
  },
  {
    name: 'maxkeys',
    default: '0',
    schema: whole(0, int32Max),
    clusterWide: true,
    doc: 'Most keys; 0 is no limit.',
  },
  {
    name: 'maxmemory-policy',
    default: 'allkeys-tlru',
    schema: oneOf('allkeys-tlru', 'volatile-tlru', 'tlru-due', 'noeviction'),
    clusterWide: true,
    doc: 'Which keys leave when a limit is reached.',
  },
  {
    name: 'databases',
    default: '16',
    schema: whole(1, 16),
    clusterWide: true,
    fixed: true,
    doc: 'Databases that SELECT chooses from.',
  },
  {
    name: 'default-ttl',
    default: '0',
    schema: whole(0, secondsMax),
    clusterWide: true,
    doc: 'Seconds given to keys written without a TTL; 0 is none.',
  },
  {
    name: 'max-ttl',
    default: '0',
    schema: whole(0, secondsMax),
    clusterWide: true,
    doc: 'Most seconds a key may live; 0 is no limit.',
  },
];

const replicationRows: readonly Row[] = [
  {
    name: 'read-consistency',
    default: 'linearizable',
    schema: oneOf('linearizable', 'lease', 'local'),
    doc: 'How reads are answered: confirmed by a majority, under a lease, or from local data.',
  },
  {
    name: 'follower-writes',
    default: 'redirect',
    schema: oneOf('redirect', 'forward'),
    doc: 'What a follower does with a command for the leader: answer MOVED, or carry it there.',
  },
  {
    name: 'durability',
    default: 'fsync',
    schema: oneOf('fsync', 'os'),
    fixed: true,
    doc: 'fsync: on disk before the answer. os: written without fsync.',
  },
  {
    name: 'election-timeout-ms',
    default: '1000',
    schema: whole(50, 60_000),
    fixed: true,
    doc: 'Silence after which followers elect another leader; over twice the heartbeat interval.',
  },
  {
    name: 'heartbeat-interval-ms',
    default: '100',
    schema: whole(5, 10_000),
    fixed: true,
    doc: 'How often the leader lets itself be heard.',
  },
  {
    name: 'snapshot-threshold-bytes',
    default: String(64 * MiB),
    schema: bytes(64 * KiB, 1024 * GiB),
    doc: 'Bytes of log after which a snapshot is taken.',
  },
  {
    name: 'max-staleness-ms',
    default: '5000',
    schema: whole(10, 3_600_000),
    doc: 'A follower whose data may be older refuses stale reads; keep above three heartbeats.',
  },
];

const clientRows: readonly Row[] = [
  {
    name: 'requirepass',
    default: '',
    schema: z.string().max(512, { message: 'must be at most 512 characters' }),
    doc: 'Password that clients must give; empty is none.',
  },
  {
    name: 'protected-mode',
    default: 'yes',
    schema: oneOf('yes', 'no'),
    doc: 'Without a password only clients of this machine are let in.',
  },
  {
    name: 'acllog-max-len',
    default: '128',
    schema: whole(0, 1_000_000),
    doc: 'Entries kept for ACL LOG.',
  },
  {
    name: 'maxclients',
    default: '10000',
    schema: whole(1, 1_000_000),
    doc: 'Most client connections.',
  },
  {
    name: 'timeout',
    default: '0',
    schema: whole(0, int32Max),
    doc: 'Seconds after which idle clients are closed; 0 is never.',
  },
  {
    name: 'tcp-keepalive',
    default: '300',
    schema: whole(0, int32Max),
    doc: 'Seconds between TCP keepalives to clients; 0 is off.',
  },
  {
    name: 'proto-max-bulk-len',
    default: String(512 * MiB),
    schema: bytes(MiB, 512 * MiB),
    doc: 'Longest single argument.',
  },
  {
    name: 'client-query-buffer-limit',
    default: String(GiB),
    schema: bytes(MiB, GiB),
    doc: 'Longest single command.',
  },
  {
    name: 'client-output-buffer-limit',
    default: `normal 0 0 0 slave ${256 * MiB} ${64 * MiB} 60 pubsub ${32 * MiB} ${8 * MiB} 60`,
    schema: outputLimits,
    merge: mergeOutputLimits,
    doc: 'Output a client may leave unread, by class: hard limit, soft limit, seconds.',
  },
  {
    name: 'tracking-table-max-keys',
    default: '1000000',
    schema: whole(0, int32Max),
    doc: 'Most keys remembered for client tracking; 0 is no limit.',
  },
  {
    name: 'notify-keyspace-events',
    default: '',
    schema: eventClasses,
    doc: 'Which keyspace notifications are published, by letters as in Redis; empty is none.',
  },
];

const serverRows: readonly Row[] = [
  {
    name: 'cluster-secret',
    default: '',
    schema: z.string().refine((text) => text === '' || (text.length >= 16 && text.length <= 512), {
      message: 'must be empty or have 16 to 512 characters',
    }),
    fixed: true,
    doc: 'What nodes must know to be peers of this one, the same on all; empty is none.',
  },
  {
    name: 'slowlog-log-slower-than',
    default: '10000',
    schema: whole(-1, secondsMax),
    doc: 'Microseconds that make a command slow; -1 logs none.',
  },
  {
    name: 'slowlog-max-len',
    default: '128',
    schema: whole(0, 1_000_000),
    doc: 'Slow commands that are remembered.',
  },
  {
    name: 'latency-monitor-threshold',
    default: '0',
    schema: whole(0, secondsMax),
    doc: 'Milliseconds from which on a command is noted for LATENCY; 0 is off.',
  },
  {
    name: 'latency-tracking',
    default: 'yes',
    schema: oneOf('yes', 'no'),
    doc: 'Whether the spread of execution times is kept per command.',
  },
  {
    name: 'latency-tracking-info-percentiles',
    default: '50 99 99.9',
    schema: percentiles,
    doc: 'Which percentiles INFO latencystats gives.',
  },
  {
    name: 'loglevel',
    default: 'notice',
    schema: oneOf('debug', 'verbose', 'notice', 'warning', 'nothing'),
    doc: 'What the node writes to its log.',
  },
  {
    name: 'aclfile',
    default: '',
    schema: notYet(),
    fixed: true,
    doc: 'File of users and rules; not supported, as users are kept in the log.',
  },
  tls('tls-port', '0'),
  ...['tls-cert-file', 'tls-key-file', 'tls-ca-cert-file', 'tls-ca-cert-dir'].map((name) =>
    tls(name, ''),
  ),
  ...['tls-auth-clients', 'tls-replication', 'tls-cluster'].map((name) => tls(name, 'no')),
];

function tls(name: string, byDefault: string): Row {
  return {
    name,
    default: byDefault,
    schema: notYet(byDefault),
    fixed: true,
    doc: 'TLS; not supported yet.',
  };
}

function toSetting({ fixed, clusterWide, ...row }: Row): Setting {
  return Object.freeze({ ...row, live: fixed !== true, clusterWide: clusterWide === true });
}

export const settingsTable: readonly Setting[] = Object.freeze(
  [...memoryRows, ...replicationRows, ...clientRows, ...serverRows].map(toSetting),
);
