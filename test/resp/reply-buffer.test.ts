import fc from 'fast-check';
import RedisParser from 'redis-parser';
import { describe, expect, it } from 'vitest';
import { ReplyBuffer } from '../../src/resp/reply-buffer.js';
import type { ReplySink } from '../../src/resp/reply-sink.js';

function written(protocol: 2 | 3, write: (reply: ReplySink) => void): string {
  const buffer = new ReplyBuffer();
  buffer.protocol = protocol;
  write(buffer);
  return (buffer.take() ?? Buffer.alloc(0)).toString('latin1');
}

/** redis-parser, which reads RESP2, is the oracle. */
function decode(bytes: Buffer): unknown[] {
  const replies: unknown[] = [];
  const parser = new RedisParser({
    returnReply: (reply) => replies.push(reply),
    returnError: (error) => replies.push(error.message),
    returnFatalError: (error) => {
      throw error;
    },
    returnBuffers: true,
  });
  parser.execute(bytes);
  return replies;
}

type Value = { bulk: string } | { integer: number } | { nil: true } | { list: Value[] };

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.record({ bulk: fc.string({ maxLength: 200 }) }),
    fc.record({ integer: fc.maxSafeInteger() }),
    fc.constant<Value>({ nil: true }),
    fc.record({ list: fc.array(tie('value'), { maxLength: 5 }) }),
  ),
}));

function write(reply: ReplySink, given: Value): void {
  if ('bulk' in given) {
    const bytes = Buffer.from(`<${given.bulk}>`, 'utf8');
    reply.bulk(bytes, 1, bytes.length - 1);
  } else if ('integer' in given) reply.integer(given.integer);
  else if ('nil' in given) reply.nil();
  else {
    reply.array(given.list.length);
    for (const element of given.list) write(reply, element);
  }
}

function expected(given: Value): unknown {
  if ('bulk' in given) return Buffer.from(given.bulk, 'utf8');
  if ('integer' in given) return given.integer;
  return 'nil' in given ? null : given.list.map(expected);
}

describe('RESP2', () => {
  it('is what a client reads back', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 10 }), (values) => {
        const buffer = new ReplyBuffer();
        for (const each of values) write(buffer, each);
        expect(decode(buffer.take()!)).toEqual(values.map(expected));
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('has golden forms', () => {
    expect(written(2, everything)).toBe(
      '+OK\r\n+PONG\r\n-ERR a  b\r\n:-5\r\n:99\r\n:12345678901234567890\r\n' +
        '$3\r\nabc\r\n$2\r\nhi\r\n' +
        '$-1\r\n*-1\r\n*2\r\n*4\r\n*2\r\n*1\r\n$3\r\n0.1\r\n:1\r\n:0\r\n$4\r\ntext\r\n+RAW\r\n',
    );
  });
});

describe('RESP3', () => {
  it('has golden forms', () => {
    expect(written(3, everything)).toBe(
      '+OK\r\n+PONG\r\n-ERR a  b\r\n:-5\r\n:99\r\n:12345678901234567890\r\n' +
        '$3\r\nabc\r\n$2\r\nhi\r\n' +
        '_\r\n_\r\n*2\r\n%2\r\n~2\r\n>1\r\n,0.1\r\n#t\r\n#f\r\n=8\r\ntxt:text\r\n+RAW\r\n',
    );
  });

  it.each([
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
    [Number.NaN, 'nan'],
    [-0, '-0'],
    [1e21, '1e+21'],
    [3, '3'],
  ])('double %d', (number, text) => {
    expect(written(3, (reply) => reply.double(number))).toBe(`,${text}\r\n`);
  });
});

function everything(reply: ReplySink): void {
  reply.ok();
  reply.simple('PONG');
  reply.error('ERR a\r\nb');
  reply.integer(-5);
  reply.integer(99);
  reply.integer(12345678901234567890n);
  reply.bulk(Buffer.from('xabcx'), 1, 4);
  reply.text('hi');
  reply.nil();
  reply.nilArray();
  reply.array(2);
  reply.map(2);
  reply.set(2);
  reply.push(1);
  reply.double(0.1);
  reply.boolean(true);
  reply.boolean(false);
  reply.verbatim('txt', 'text');
  reply.raw(Buffer.from('+RAW\r\n'));
}

describe('the buffer', () => {
  it('keeps what was taken unchanged', () => {
    const buffer = new ReplyBuffer();
    const taken: Buffer[] = [];
    for (let round = 0; round < 200; round++) {
      buffer.text(`reply ${round}`);
      taken.push(buffer.take()!);
    }
    const lengths = taken.map((bytes, round) => [
      bytes.toString(),
      `$${`reply ${round}`.length}\r\nreply ${round}\r\n`,
    ]);
    for (const [got, want] of lengths) expect(got).toBe(want);
  });

  it('gives many megabytes in parts', () => {
    const buffer = new ReplyBuffer();
    const large = Buffer.alloc(3 * 1024 * 1024, 'z');
    for (let round = 0; round < 4; round++) buffer.bulk(large, 0, large.length);
    const total = buffer.byteLength;
    const parts = buffer.takeParts();
    expect(parts.length).toBeGreaterThan(1);
    expect(Buffer.concat(parts).length).toBe(total);
    const replies = decode(Buffer.concat(parts)) as Buffer[];
    expect(replies.map((reply) => reply.equals(large))).toEqual([true, true, true, true]);
    expect(buffer.byteLength).toBe(0);
    expect(buffer.take()).toBeNull();
  });

  it('tells of errors', () => {
    const errors: string[] = [];
    const buffer = new ReplyBuffer((text) => errors.push(text));
    buffer.error('ERR one');
    buffer.ok();
    expect(errors).toEqual(['ERR one']);
  });
});
