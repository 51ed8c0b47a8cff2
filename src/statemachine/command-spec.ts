/**
 * The description of a command of the keyspace: the one source for arity, flags, keys, ACL
 * categories, documentation and routing. Commands that never reach the log are described in
 * src/server with the same base.
 */
import type { Args } from '../resp/args.js';
import type { ReplySink } from '../resp/reply-sink.js';
import type { EventClass } from './key-listener.js';
import type { KeyspaceView, MutableKeyspace } from './keyspace-view.js';

/** Redis: COMMAND INFO flags, spelled as Redis prints them. */
export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'blocking'
  | 'loading'
  | 'stale'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'asking'
  | 'fast'
  | 'no_auth'
  | 'movablekeys'
  | 'no_multi'
  | 'no_mandatory_keys'
  | 'allow_busy';

export type AclCategory =
  | 'keyspace'
  | 'read'
  | 'write'
  | 'set'
  | 'sortedset'
  | 'list'
  | 'hash'
  | 'string'
  | 'bitmap'
  | 'hyperloglog'
  | 'geo'
  | 'stream'
  | 'pubsub'
  | 'admin'
  | 'fast'
  | 'slow'
  | 'blocking'
  | 'dangerous'
  | 'connection'
  | 'transaction'
  | 'scripting';

/**
 * What a command does with a key (Redis: flags of key specifications, as COMMAND INFO prints
 * them). ACL asks for the right to read where the value is told or used ("access"), and for the
 * right to write where it is changed (insert, update, delete).
 */
export type KeyUse =
  | 'RO'
  | 'RO access'
  | 'RW access update'
  | 'RW access delete'
  | 'RW insert'
  | 'RW update'
  | 'OW insert'
  | 'OW update'
  | 'RM delete';

/** Redis: first key, last key (negative counts from the end), step. 0 0 0: no keys. */
export interface KeySpec {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  /** Redis: keynum. The argument that says how many keys there are from `first` on. */
  readonly countAt?: number;
  /**
   * One for each key in turn, the last one for all that follow. Without it a reading command has
   * 'RO access' and any other 'RW access update'.
   */
  readonly uses?: readonly KeyUse[];
  /** Redis: variable_flags. Where the arguments decide; `uses` then says the most. */
  readonly useOf?: (args: Args) => KeyUse;
}

export type CommandGroup =
  | 'string'
  | 'bitmap'
  | 'generic'
  | 'transactions'
  | 'connection'
  | 'server'
  | 'cluster'
  | 'pubsub';

export interface SpecBase {
  /** Lower case, as COMMAND prints it. */
  readonly name: string;
  /** The command that this one is a sub-command of. */
  readonly container?: string;
  /** Redis knows the whole only, which also stands for this part of it: DEBUG. */
  readonly unnamed?: true;
  /** Redis' rule: the name counts; -n means n or more. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly acl: readonly AclCategory[];
  readonly keys: KeySpec;
  readonly group: CommandGroup;
  readonly since: string;
  readonly summary: string;
  readonly complexity: string;
  /** As redis.io prints it behind the name, e.g. "key value [NX | XX]"; COMMAND DOCS parses it. */
  readonly syntax: string;
}

/** "client|list": as COMMAND and INFO commandstats name it. */
export function fullName({ name, container, unnamed }: SpecBase): string {
  if (container === undefined) return name;
  return unnamed === true ? container : `${container}|${name}`;
}

export interface ReadContext {
  readonly keyspace: KeyspaceView;
  /** Of the command at hand (SELECT). */
  readonly database: number;
  /** Log time in unix ms: decides what has expired. */
  readonly nowMs: number;
  /** Best estimate of the present in unix ms, at or after nowMs: only for replies such as TTL. */
  readonly clockMs: number;
  /** Looks a key argument up and notes the use (TLRU recency). Slot or ABSENT. */
  find(args: Args, index: number): number;
  /** Looks a key argument up without noting the use (TYPE, TTL, EXISTS ...). */
  peek(args: Args, index: number): number;
  /** A read found no key: told to those who want to know (Redis: keymiss). find() does it. */
  missed(args: Args, index: number): void;
  /** Unsigned 32-bit; in apply drawn from the entry's seed, in reads from anywhere. */
  random(): number;
}

export interface ApplyContext extends ReadContext {
  readonly keyspace: MutableKeyspace;
  /** EXEC goes from one to another. */
  database: number;
  /** The setting: databases below this may be named. */
  readonly databaseCount: number;
  /**
   * Sets the key of an argument; `dueMs` 0 means no TTL. Gives default-ttl to a key without one
   * and holds every key to max-ttl. Returns the slot.
   */
  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    dueMs: number,
  ): number;
  /** Keyspace notifications: what became of the key in argument `index`, in Redis' words. */
  notify(kind: EventClass, event: string, args: Args, index: number, database?: number): void;
  /** As keyspace.setDue, within max-ttl. */
  setDue(slot: number, dueMs: number): void;
}

export interface ReadSpec extends SpecBase {
  readonly kind: 'read';
  /** Names the command in log entries. Never reused, never changed. */
  readonly opcode: number;
  read(context: ReadContext, args: Args, reply: ReplySink): void;
}

export interface WriteSpec extends SpecBase {
  readonly kind: 'write';
  readonly opcode: number;
  /**
   * The checks that need no keyspace (syntax, numbers): an error text, or null. Runs before the
   * command is proposed, so that bad requests never reach the log, and again in apply.
   */
  check(args: Args): string | null;
  apply(context: ApplyContext, args: Args, reply: ReplySink): void;
}

export type KeyspaceSpec = ReadSpec | WriteSpec;
