/**
 * The commands that simulated clients send, each with what it means for the histories. A request
 * is made with its operations recorded as unknown; its reply, if one comes, settles them.
 */

import type { Args } from '../../src/resp/args.js';
import type { Origin, SessionReadSpec } from '../../src/server/group.js';
import type { KeyspaceSpec } from '../../src/statemachine/command-spec.js';
import { execSpec } from '../../src/statemachine/keyspace-commands.js';
import { TransactionBuilder, watchVersion } from '../../src/statemachine/transaction.js';
import { argsOf, specOf } from '../statemachine/words.js';
import { SimFailure } from './failure.js';
import type { Kind, Operation, Value } from './operations.js';
import type { Reply } from './resp.js';

export interface Request {
  readonly spec: KeyspaceSpec | SessionReadSpec;
  readonly args: Args;
  readonly operations: readonly Operation[];
  /** Puts the results of a reply that is no error into the operations. */
  readonly settle: (reply: Reply) => void;
}

export interface Recorder {
  readonly now: number;
  readonly process: number;
  add(operation: Operation): Operation;
  drop(operation: Operation): void;
}

export function record(
  recorder: Recorder,
  kind: Kind,
  key: string,
  value = '',
  expected = '',
): Operation {
  return recorder.add({
    process: recorder.process,
    key,
    kind,
    call: recorder.now,
    return: null,
    value,
    expected,
    result: null,
  });
}

/** One command for one key whose reply is its result, through `read`. */
export function single(
  operation: Operation,
  words: readonly string[],
  read: (reply: Reply) => Value,
): Request {
  const settle = (reply: Reply) => {
    operation.result = read(reply);
  };
  return { spec: specOf(words[0]!), args: argsOf(...words), operations: [operation], settle };
}

export function plain(reply: Reply): Value {
  if (reply === null || typeof reply === 'string') return reply;
  throw new SimFailure('replies', `an unexpected reply: ${JSON.stringify(reply)}`);
}

export function okay(reply: Reply): Value {
  if (reply !== 'OK') throw new SimFailure('replies', `not OK: ${JSON.stringify(reply)}`);
  return '1';
}

/** SET NX answers OK or nil. */
export function okOrNil(reply: Reply): Value {
  return reply === null ? '0' : okay(reply);
}

export interface Watched {
  readonly builder: TransactionBuilder;
  readonly key: string;
  /** Filled by the read behind the WATCH. */
  value: Value;
  ready: boolean;
}

/** WATCH key, then GET key. */
export function watch(recorder: Recorder, key: string, watched: Watched): Request[] {
  const spec: SessionReadSpec = {
    ...specOf('exists'),
    kind: 'session-read',
    name: 'watch',
    run: (_origin: Origin, context, args, reply) => {
      watched.builder.watch(new Uint8Array(args.view(1)), watchVersion(context, args, 1));
      reply.ok();
    },
  };
  const operation = record(recorder, 'read', key);
  return [
    { spec, args: argsOf('watch', key), operations: [], settle: (reply) => void okay(reply) },
    {
      ...single(operation, ['get', key], plain),
      settle: (reply) => {
        operation.result = plain(reply);
        watched.value = operation.result;
        watched.ready = watched.builder.watchCount === 1;
      },
    },
  ];
}

/** EXEC of SET key value, if nobody changed the key since its WATCH. */
export function execSet(recorder: Recorder, watched: Watched, value: string): Request {
  const { builder, key } = watched;
  builder.queue(specOf('set'), argsOf('set', key, value));
  const operation =
    watched.value === null
      ? record(recorder, 'setnx', key, value)
      : record(recorder, 'cas', key, value, watched.value);
  const settle = (reply: Reply) => {
    operation.result = '1';
    // It did nothing, and the value may still be the same: nothing to check.
    if (reply === null) recorder.drop(operation);
    else if (JSON.stringify(reply) !== '["OK"]') throw new SimFailure('replies', 'EXEC of a SET');
  };
  return { spec: execSpec, args: builder.build(), operations: [operation], settle };
}

/** MULTI: moves an amount from one account to another. */
export function transfer(recorder: Recorder, from: string, to: string, amount: number): Request {
  const moves = [
    record(recorder, 'incr', from, String(-amount)),
    record(recorder, 'incr', to, String(amount)),
  ];
  const builder = new TransactionBuilder();
  for (const { key, value } of moves) {
    builder.queue(specOf('incrby'), argsOf('incrby', key, value));
  }
  return {
    spec: execSpec,
    args: builder.build(),
    operations: moves,
    settle: (reply) => settleEach(moves, reply),
  };
}

/** MULTI: reads all accounts; money neither comes nor goes. */
export function audit(recorder: Recorder, accounts: readonly string[]): Request {
  const reads = accounts.map((key) => record(recorder, 'read', key));
  const builder = new TransactionBuilder();
  for (const key of accounts) builder.queue(specOf('get'), argsOf('get', key));
  const settle = (reply: Reply) => {
    settleEach(reads, reply);
    const sum = reads.reduce((total, { result }) => total + Number(result ?? 0), 0);
    if (sum !== 0) throw new SimFailure('transactions', `the accounts sum up to ${sum}`);
  };
  return { spec: execSpec, args: builder.build(), operations: reads, settle };
}

function settleEach(operations: readonly Operation[], reply: Reply): void {
  if (!Array.isArray(reply) || reply.length !== operations.length) {
    throw new SimFailure('replies', `EXEC answered ${JSON.stringify(reply)}`);
  }
  operations.forEach((operation, at) => {
    operation.result = plain((reply as readonly Reply[])[at]!);
  });
}
