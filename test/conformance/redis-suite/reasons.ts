/** Why tests of Redis' suite fail here and may: what differs is meant to differ. */

interface Reason {
  readonly unit: string;
  /** Of the test's name. */
  readonly test: RegExp;
  readonly reason: string;
  /** It needs a data type or scripting after all, though it sends no such command. */
  readonly needsLaterType?: true;
}

const expiryIsLogged =
  'a key ends with an entry of the log, alike on all nodes: soon by itself, not by a look at it';
const noReplicas = 'reads the stream that Redis sends to its replicas; here the log replicates';
const noFile = 'loads an AOF or RDB file; here the log and its snapshots are what is stored';
const otherSettings = 'sets settings of Redis that mean nothing here';
const noIdleTime = 'TLRU keeps no time of the last use of a key (TLRU.md)';
const laterType = 'rests on scripting or on another data type, which come later';
const noInputBuffers = 'no client has an input buffer of its own here that could grow or shrink';

const reasons: readonly Reason[] = [
  {
    unit: 'unit/type/string',
    test: /^SETRANGE against integer-encoded key$/,
    reason: 'a value has no encoding here; OBJECT ENCODING names the one that SET would give it',
  },
  {
    unit: 'unit/type/string',
    test: /^trim on SET with big value$/,
    reason: 'of the allocator that Redis uses',
  },
  {
    unit: 'unit/type/incr',
    test: /^INCR uses shared objects/,
    reason: 'no value is shared between keys',
  },
  { unit: 'unit/expire', test: /^Redis should lazy expire keys$/, reason: expiryIsLogged },
  { unit: 'unit/expire', test: /after loadaof$/, reason: noFile },
  { unit: 'unit/expire', test: /should not be wrapped in MULTI\/EXEC$/, reason: noReplicas },
  { unit: 'unit/multi', test: /stale key/, reason: expiryIsLogged },
  {
    unit: 'unit/multi',
    test: /^MULTI with (SAVE|BGREWRITEAOF)$/,
    reason: 'there is no SAVE: every acknowledged write is in the log',
  },
  {
    unit: 'unit/tracking',
    test: /^Tracking invalidation message is not interleaved with multiple keys response$/,
    reason: expiryIsLogged,
  },
  {
    unit: 'unit/acl',
    test: /^ACL CAT category - list all/,
    reason: laterType,
    needsLaterType: true,
  },
  {
    unit: 'unit/acl',
    test: /^ACL LOG (is able to log channel|can distinguish the transaction)/,
    reason: 'its user is made by an earlier test, which names EVAL',
    needsLaterType: true,
  },
  {
    unit: 'unit/introspection',
    test: /^CONFIG (sanity|SET with multiple args|SET rollback|GET hidden)/,
    reason: otherSettings,
  },
  {
    unit: 'unit/bitops',
    test: /only increase dirty when the value changed$/,
    reason: 'rdb_changes_since_last_save counts entries of the log, whatever they change',
  },
  { unit: 'unit/pause', test: /expires are skipped during client pause$/, reason: expiryIsLogged },
  { unit: 'unit/other', test: /after AOF reload/, reason: noFile },
  {
    unit: 'unit/keyspace',
    test: /^MOVE basic usage$/,
    reason: 'counts keys that tests before it leave, which need other data types',
    needsLaterType: true,
  },
  {
    unit: 'unit/dump',
    test: /^RESTORE can set (LRU|LFU)$/,
    reason: 'eviction is by TLRU only (TLRU.md)',
  },
  { unit: 'unit/introspection-2', test: /last access time of a key$/, reason: noIdleTime },
  {
    unit: 'unit/introspection-2',
    test: /^COMMAND LIST FILTERBY ACLCAT/,
    reason: laterType,
    needsLaterType: true,
  },
  {
    unit: 'unit/introspection-2',
    test: /^MIGRATE command is marked/,
    reason: 'keys do not migrate: all of them are on all nodes',
  },
  { unit: 'unit/querybuf', test: /^query buffer resized correctly/, reason: noInputBuffers },
  {
    unit: 'unit/replybufsize',
    test: /^verify reply buffer limits$/,
    reason: 'of the reply buffers inside Redis (DEBUG REPLYBUFFER)',
  },
  {
    unit: 'unit/obuf-limits',
    test: /^No response for multi commands in pipeline/,
    reason: 'replies leave with each turn and not when the whole pipeline is through',
  },
];

/** Null: nothing explains it. */
export function reasonOf(unit: string, test: string): Reason | null {
  return reasons.find((each) => each.unit === unit && each.test.test(test)) ?? null;
}
