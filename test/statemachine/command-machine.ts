/** A state machine that takes commands as words, one entry each, and gives RESP2 replies. */
import { Args } from '../../src/resp/args.js';
import { ReplyBuffer } from '../../src/resp/reply-buffer.js';
import { BatchWriter, latin1Bytes } from '../../src/statemachine/batch-format.js';
import type { KeyspaceSpec } from '../../src/statemachine/command-spec.js';
import { execSpec, keyspaceSpecs } from '../../src/statemachine/keyspace-commands.js';
import { StateMachine } from '../../src/statemachine/state-machine.js';

const specs = new Map(keyspaceSpecs.map((spec) => [spec.name, spec]));

export function specOf(name: string): KeyspaceSpec {
  const spec = specs.get(name.toLowerCase());
  if (spec === undefined) throw new Error(`no command ${name}`);
  return spec;
}

/** Words as latin1 text: one char per byte. */
export function argsOf(...words: string[]): Args {
  const args = new Args();
  args.reset(latin1Bytes(words.join('')));
  let at = 0;
  for (const word of words) {
    args.push(at, at + word.length);
    at += word.length;
  }
  return args;
}

export class CommandMachine {
  readonly machine: StateMachine;
  /** Unix ms; the stamp of the next entry. */
  nowMs = 1_700_000_000_000;
  /** Payloads of the entries so far. */
  readonly entries: Uint8Array[] = [];
  private readonly writer = new BatchWriter();
  private readonly replies = new ReplyBuffer();

  /** With these settings of the log. */
  constructor(settings: readonly (readonly [string, string])[] = []) {
    this.machine = new StateMachine(undefined, 0, settings);
  }

  run(...words: string[]): string {
    return this.runIn(0, ...words);
  }

  runIn(database: number, ...words: string[]): string {
    return this.log(specOf(words[0]!).opcode, argsOf(...words), database);
  }

  exec(args: Args): string {
    return this.log(execSpec.opcode, args);
  }

  /** Applies an entry that another machine made. */
  replay(payload: Uint8Array): string {
    this.entries.push(payload);
    const { machine } = this;
    const count = machine.beginEntry(machine.appliedIndex + 1, payload);
    for (let each = 0; each < count; each++) machine.applyNext(this.replies);
    machine.endEntry();
    return this.replies.take()?.toString('latin1') ?? '';
  }

  /** The bytes that the digest of a node is made of. */
  state(): Buffer {
    const view = this.machine.openSnapshot();
    const chunks: Uint8Array[] = [];
    for (let chunk = view.next(); chunk !== null; chunk = view.next()) {
      chunks.push(new Uint8Array(chunk));
    }
    view.close();
    return Buffer.concat(chunks);
  }

  private log(opcode: number, args: Args, database = 0): string {
    this.writer.begin();
    this.writer.append(opcode, args, database);
    return this.replay(this.writer.finish(this.nowMs, this.entries.length + 1));
  }
}
