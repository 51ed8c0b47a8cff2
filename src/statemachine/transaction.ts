/**
 * EXEC as one command of the log: watched keys with the versions they had, then the queued
 * commands. Watches are compared when it is applied, so a change of leader in between changes
 * nothing. Arguments: [empty, watches, command, command ...]; a command is a kind byte, then
 * code u16 (see commandCode), count u32 and length-prefixed arguments, or a reply that was made
 * already.
 */
import { Args } from '../resp/args.js';
import type { ReplySink } from '../resp/reply-sink.js';
import { commandCode, databaseOf, opcodeOf } from './batch-format.js';
import type { ApplyContext, KeyspaceSpec, ReadContext, WriteSpec } from './command-spec.js';
import { fine, writeSpec } from './commands/spec-helpers.js';
import { ABSENT } from './keyspace-view.js';
import { databaseOfKey, keyLengthOf, keyWord } from './record-table.js';

const kindCommand = 1;
const kindReply = 2;
const commandHeaderBytes = 7;

export const execOpcode = 70;

interface Watch {
  readonly key: Uint8Array;
  readonly version: number;
  readonly database: number;
}

/** Changes with every change of the key; 0: the key does not exist. */
export function watchVersion(context: ReadContext, args: Args, index: number): number {
  const slot = context.peek(args, index);
  return slot === ABSENT ? 0 : context.keyspace.version(slot);
}

/** A session gathers its transaction here. */
export class TransactionBuilder {
  private watches: Watch[] = [];
  private commands: Uint8Array[] = [];
  byteLength = 0;

  get watchCount(): number {
    return this.watches.length;
  }

  get commandCount(): number {
    return this.commands.length;
  }

  /** The first WATCH of a key counts, as in Redis. `key` is kept. */
  watch(key: Uint8Array, version: number, database = 0): void {
    const known = this.watches.some(
      (watch) =>
        watch.database === database &&
        watch.key.length === key.length &&
        watch.key.every((byte, at) => byte === key[at]),
    );
    if (known) return;
    this.watches.push({ key, version, database });
    this.byteLength += key.length;
  }

  queue(spec: KeyspaceSpec, args: Args, database = 0): void {
    let length = commandHeaderBytes;
    for (let index = 1; index < args.count; index++) length += 4 + args.length(index);
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    bytes[0] = kindCommand;
    view.setUint16(1, commandCode(spec.opcode, database), true);
    view.setUint32(3, args.count - 1, true);
    let at = commandHeaderBytes;
    for (let index = 1; index < args.count; index++) {
      view.setUint32(at, args.length(index), true);
      bytes.set(args.view(index), at + 4);
      at += 4 + args.length(index);
    }
    this.add(bytes);
  }

  /** The reply of a command that needs no log, in its place. */
  queueLiteral(encodedReply: Uint8Array): void {
    const bytes = new Uint8Array(1 + encodedReply.length);
    bytes[0] = kindReply;
    bytes.set(encodedReply, 1);
    this.add(bytes);
  }

  build(): Args {
    const parts = [this.watchBytes(), ...this.commands];
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    const bytes = new Uint8Array(total);
    const args = new Args();
    args.reset(bytes);
    args.push(0, 0);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      args.push(at, at + part.length);
      at += part.length;
    }
    return args;
  }

  clearCommands(): void {
    this.commands = [];
    this.byteLength = this.watches.reduce((sum, watch) => sum + watch.key.length, 0);
  }

  clear(): void {
    this.watches = [];
    this.clearCommands();
  }

  private add(bytes: Uint8Array): void {
    this.commands.push(bytes);
    this.byteLength += bytes.length;
  }

  private watchBytes(): Uint8Array {
    const total = this.watches.reduce((sum, watch) => sum + 8 + watch.key.length, 0);
    const bytes = new Uint8Array(total);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const { key, version, database } of this.watches) {
      view.setUint32(at, version >>> 0, true);
      view.setUint32(at + 4, keyWord(key.length, database) >>> 0, true);
      bytes.set(key, at + 8);
      at += 8 + key.length;
    }
    return bytes;
  }
}

/** EXEC for the log; `commandOf` finds the queued commands. */
export function makeExecSpec(commandOf: (opcode: number) => KeyspaceSpec): WriteSpec {
  const described = {
    group: 'transactions',
    flags: [],
    summary: 'Executes a transaction.',
  } as const;
  return writeSpec(execOpcode, 'exec', -2, described, fine, (context, args, reply) => {
    if (!watchesHold(context, args)) return reply.nilArray();
    const queued = new Args();
    reply.array(args.count - 2);
    for (let index = 2; index < args.count; index++) {
      applyQueued(context, args, index, queued, reply, commandOf);
    }
  });
}

function watchesHold(context: ApplyContext, args: Args): boolean {
  const { bytes } = args;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = args.start(1); at < args.end(1); ) {
    const version = view.getUint32(at, true);
    const keyStart = at + 8;
    const word = view.getUint32(at + 4, true);
    const keyEnd = keyStart + keyLengthOf(word);
    const slot = context.keyspace.find(bytes, keyStart, keyEnd, databaseOfKey(word));
    const current = slot === ABSENT ? 0 : context.keyspace.version(slot);
    if (current !== version) return false;
    at = keyEnd;
  }
  return true;
}

function applyQueued(
  context: ApplyContext,
  args: Args,
  index: number,
  queued: Args,
  reply: ReplySink,
  commandOf: (opcode: number) => KeyspaceSpec,
): void {
  const { bytes } = args;
  const start = args.start(index);
  if (bytes[start] === kindReply) return reply.raw(bytes.subarray(start + 1, args.end(index)));
  const code = readQueued(args, index, queued);
  const spec = commandOf(opcodeOf(code));
  context.database = databaseOf(code);
  if (spec.kind === 'read') return spec.read(context, queued, reply);
  const error = spec.check(queued);
  if (error === null) spec.apply(context, queued, reply);
  else reply.error(error);
}

/** Points `queued` at the arguments of the command in argument `index`; returns its code. */
function readQueued(args: Args, index: number, queued: Args): number {
  const { bytes } = args;
  const start = args.start(index);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(start + 3, true);
  queued.reset(bytes);
  queued.push(0, 0);
  let at = start + commandHeaderBytes;
  for (let each = 0; each < count; each++) {
    const end = at + 4 + view.getUint32(at, true);
    queued.push(at + 4, end);
    at = end;
  }
  return view.getUint16(start + 1, true);
}

/** The commands queued in the arguments of an EXEC, in order, as opcode and arguments. */
export function forEachQueued(args: Args, run: (opcode: number, queued: Args) => void): void {
  const queued = new Args();
  for (let index = 2; index < args.count; index++) {
    if (args.bytes[args.start(index)] !== kindReply)
      run(opcodeOf(readQueued(args, index, queued)), queued);
  }
}
