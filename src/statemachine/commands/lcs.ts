/** LCS: the longest common subsequence of two strings. */
import type { Args } from '../../resp/args.js';
import type { ReplySink } from '../../resp/reply-sink.js';
import type { KeyspaceSpec, ReadContext } from '../command-spec.js';
import { ABSENT, ValueType } from '../keyspace-view.js';
import { parseInt64 } from '../numbers.js';
import {
  copyValue,
  notAnInteger,
  readSpec,
  stringBytesMax,
  syntaxError,
  twoKeys,
} from './spec-helpers.js';

const notStrings = 'ERR The specified keys must contain string values';
const lengthAndIndexes = 'ERR If you want both the length and indexes, please just use IDX.';
const tooMuchMemory =
  'ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len';

interface LcsOptions {
  length: boolean;
  indexes: boolean;
  withLengths: boolean;
  leastLength: number;
}

function lcsOptions(args: Args): LcsOptions | string {
  const found = { length: false, indexes: false, withLengths: false, leastLength: 0 };
  for (let at = 3; at < args.count; at++) {
    if (args.is(at, 'IDX')) found.indexes = true;
    else if (args.is(at, 'LEN')) found.length = true;
    else if (args.is(at, 'WITHMATCHLEN')) found.withLengths = true;
    else if (args.is(at, 'MINMATCHLEN') && at + 1 < args.count) {
      const least = parseInt64(args.bytes, args.start(++at), args.end(at));
      if (least === null) return notAnInteger;
      found.leastLength = Math.max(0, Number(least));
    } else return syntaxError;
  }
  return found.length && found.indexes ? lengthAndIndexes : found;
}

/**
 * Lengths of the longest common subsequences of all beginnings, of which only the last row is
 * kept, and for each pair of beginnings whether the way to it leads from the shorter `a`.
 */
class LcsTable {
  readonly length: number;
  private readonly fromShorterA: Uint8Array;
  private readonly width: number;

  constructor(
    readonly a: Uint8Array,
    readonly b: Uint8Array,
  ) {
    this.width = b.length + 1;
    this.fromShorterA = new Uint8Array(Math.ceil(((a.length + 1) * this.width) / 8));
    let above = new Uint32Array(this.width);
    let row = new Uint32Array(this.width);
    for (let i = 1; i <= a.length; i++) {
      this.fill(i, above, row);
      [above, row] = [row, above];
    }
    this.length = above[b.length]!;
  }

  private fill(i: number, above: Uint32Array, row: Uint32Array): void {
    const { b, width, fromShorterA } = this;
    const char = this.a[i - 1]!;
    for (let j = 1; j < width; j++) {
      if (char === b[j - 1]) row[j] = above[j - 1]! + 1;
      else if (above[j]! > row[j - 1]!) {
        row[j] = above[j]!;
        const cell = i * width + j;
        fromShorterA[cell >>> 3]! |= 1 << (cell & 7);
      } else row[j] = row[j - 1]!;
    }
  }

  /** Runs of equal bytes from the back: where they end in `a` and `b`, and how long they are. */
  *matches(): Generator<{ readonly endA: number; readonly endB: number; readonly size: number }> {
    const { a, b } = this;
    let i = a.length;
    let j = b.length;
    while (i > 0 && j > 0) {
      let size = 0;
      while (size < i && size < j && a[i - 1 - size] === b[j - 1 - size]) size++;
      if (size > 0) yield { endA: i, endB: j, size };
      i -= size;
      j -= size;
      if (size > 0) continue;
      if (this.leadsFromShorterA(i, j)) i--;
      else j--;
    }
  }

  private leadsFromShorterA(i: number, j: number): boolean {
    const cell = i * this.width + j;
    return ((this.fromShorterA[cell >>> 3]! >>> (cell & 7)) & 1) === 1;
  }
}

function replySequence(table: LcsTable, reply: ReplySink): void {
  const sequence = new Uint8Array(table.length);
  let at = table.length;
  for (const { endA, size } of table.matches()) {
    at -= size;
    sequence.set(table.a.subarray(endA - size, endA), at);
  }
  reply.bulk(sequence, 0, sequence.length);
}

function replyIndexes(table: LcsTable, options: LcsOptions, reply: ReplySink): void {
  const matches = [...table.matches()].filter(({ size }) => size >= options.leastLength);
  reply.map(2);
  reply.text('matches');
  reply.array(matches.length);
  for (const { endA, endB, size } of matches) {
    reply.array(options.withLengths ? 3 : 2);
    for (const end of [endA, endB]) {
      reply.array(2);
      reply.integer(end - size);
      reply.integer(end - 1);
    }
    if (options.withLengths) reply.integer(size);
  }
  reply.text('len');
  reply.integer(table.length);
}

function lcs(context: ReadContext, args: Args, reply: ReplySink): void {
  const slots = [context.find(args, 1), context.find(args, 2)];
  const { keyspace } = context;
  const areStrings = slots.every(
    (slot) => slot === ABSENT || keyspace.typeOf(slot) === ValueType.string,
  );
  if (!areStrings) return reply.error(notStrings);
  const options = lcsOptions(args);
  if (typeof options === 'string') return reply.error(options);
  const lengths = slots.map((slot) => (slot === ABSENT ? 0 : keyspace.valueLength(slot)));
  // Redis keeps four bytes for each pair.
  if ((lengths[0]! + 1) * (lengths[1]! + 1) * 4 > stringBytesMax) return reply.error(tooMuchMemory);
  const copied = (slot: number) =>
    slot === ABSENT ? new Uint8Array(0) : copyValue(keyspace, slot);
  const table = new LcsTable(copied(slots[0]!), copied(slots[1]!));
  if (options.indexes) replyIndexes(table, options, reply);
  else if (options.length) reply.integer(table.length);
  else replySequence(table, reply);
}

export const lcsCommands: readonly KeyspaceSpec[] = [
  readSpec(
    107,
    'lcs',
    -3,
    {
      keys: twoKeys,
      flags: [],
      since: '7.0.0',
      complexity: 'O(N*M)',
      summary: 'Finds the longest common subsequence of two strings.',
      syntax: 'key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]',
    },
    lcs,
  ),
];
