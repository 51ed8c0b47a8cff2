/** A state machine that takes commands as words, one entry each, and gives RESP2 replies. */
import type { Args } from '../../src/resp/args.js';
import { ReplyBuffer } from '../../src/resp/reply-buffer.js';
import { BatchWriter } from '../../src/statemachine/batch-format.js';
import { execSpec } from '../../src/statemachine/keyspace-commands.js';
import { StateMachine } from '../../src/statemachine/state-machine.js';
import { argsOf, specOf } from './words.js';

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
