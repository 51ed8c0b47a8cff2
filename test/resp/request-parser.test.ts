import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestParser } from '../../src/resp/request-parser.js';

/** Commands as latin1 words, until the parser wants more bytes. */
function drain(parser: RequestParser): string[][] {
  const found: string[][] = [];
  while (parser.next()) {
    found.push(Array.from({ length: parser.args.count }, (_, at) => parser.args.text(at)));
  }
  return found;
}

function parse(chunks: readonly Buffer[], parser = new RequestParser()) {
  const commands: string[][] = [];
  for (const chunk of chunks) {
    // As the one buffer into which all clients are read.
    const shared = Buffer.from(chunk);
    parser.feed(shared);
    commands.push(...drain(parser));
    parser.keep();
    shared.fill('*');
  }
  return { commands, parser };
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function encode(command: readonly string[]): string {
  const bulks = command.map((word) => `$${word.length}\r\n${word}\r\n`);
  return `*${command.length}\r\n${bulks.join('')}`;
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort(
    (a, b) => a - b,
  );
  const chunks: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    // A copy of its own: the parser may rely on nothing beside the chunk.
    chunks.push(Buffer.from(bytes.subarray(from, place)));
    from = place;
  }
  return chunks;
}

const word = fc.oneof(
  fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
    maxLength: 40,
  }),
  fc.integer({ min: 0, max: 3000 }).map((length) => 'v'.repeat(length)),
);
const command = fc.array(word, { minLength: 1, maxLength: 8 });

function errorOf(
  input: string,
  prepare: (parser: RequestParser) => void = () => {},
): string | null {
  const parser = new RequestParser();
  prepare(parser);
  return parse([latin1(input)], parser).parser.error;
}

describe('commands', () => {
  it('are the same however the input is cut', () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 6 }),
        fc.array(fc.nat(20_000), { maxLength: 12 }),
        (commands, cuts) => {
          const bytes = latin1(commands.map(encode).join(''));
          expect(parse(cut(bytes, cuts)).commands).toEqual(commands);
        },
      ),
      { seed: 7, numRuns: 300 },
    );
  });

  it('are the same when each byte comes alone, inline ones between', () => {
    const inline = 'PING  "x y"\r\n';
    const text = `${encode(['SET', 'a', '1\r\n2'])}${inline}${encode(['GET', ''])}\r\n\nECHO z\n`;
    const expected = [
      ['SET', 'a', '1\r\n2'],
      ['PING', 'x y'],
      ['GET', ''],
      ['ECHO', 'z'],
    ];
    expect(parse([...latin1(text)].map((byte) => Buffer.from([byte]))).commands).toEqual(expected);
    expect(parse([latin1(text)]).commands).toEqual(expected);
  });

  it('in one chunk are positions in that chunk', () => {
    const chunk = latin1(encode(['SET', 'key', 'value']));
    const parser = new RequestParser();
    parser.feed(chunk);
    expect(parser.next()).toBe(true);
    expect(parser.args.bytes).toBe(chunk);
  });

  it('that are not carried out yet stay what they are when the chunk changes', () => {
    for (const text of [encode(['GET', 'first']), 'GET first\r\n']) {
      const chunk = latin1(`${encode(['PING'])}${text}${encode(['GET', 'second'])}`);
      const parser = new RequestParser();
      parser.feed(chunk);
      expect([parser.next(), parser.next()]).toEqual([true, true]);
      parser.keep();
      chunk.fill('*');
      const { args } = parser;
      expect([args.count, args.text(0), args.text(1)]).toEqual([2, 'GET', 'first']);
      expect(drain(parser)).toEqual([['GET', 'second']]);
    }
  });

  it('without arguments are ignored, as in Redis', () => {
    expect(parse([latin1(`*0\r\n*-1\r\n\r\n   \r\n${encode(['PING'])}`)]).commands).toEqual([
      ['PING'],
    ]);
  });

  it('of many megabytes keep their bytes', () => {
    const value = 'x'.repeat(10 * 1024 * 1024);
    const bytes = latin1(encode(['SET', 'k', value]) + encode(['PING']));
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 65_536) chunks.push(bytes.subarray(at, at + 65_536));
    const { commands } = parse(chunks);
    expect(commands.length).toBe(2);
    expect(commands[0]![2] === value).toBe(true);
  });

  it('of a hundred thousand small arguments take time in proportion', () => {
    const words = Array.from({ length: 100_000 }, (_, at) => `key${at}`);
    const bytes = latin1(encode(['MSET', ...words]));
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 4096) chunks.push(bytes.subarray(at, at + 4096));
    const { commands } = parse(chunks);
    expect(commands[0]!.length).toBe(100_001);
    expect(commands[0]![100_000]).toBe('key99999');
  });
});

describe('inline commands', () => {
  const cases: [string, string[]][] = [
    ['set a b', ['set', 'a', 'b']],
    ['  set\t"a b"  \'c d\' ', ['set', 'a b', 'c d']],
    ['set "\\x41\\n\\r\\t\\b\\a\\"\\\\\\q"', ['set', 'A\n\r\t\b\x07"\\q']],
    ["set 'it\\'s \\n'", ['set', "it's \\n"]],
    ['set ""', ['set', '']],
    ['set fo"o b"', ['set', 'foo b']],
  ];
  it.each(cases)('%s', (line, words) => {
    expect(parse([latin1(`${line}\r\n`)]).commands).toEqual([words]);
  });

  it.each(['set "a', "set 'a", 'set "a"b', "set 'a'b"])('refuse unbalanced quotes: %s', (line) => {
    expect(errorOf(`${line}\r\n`)).toBe('unbalanced quotes in request');
  });

  it('refuse what has no line end', () => {
    expect(errorOf('x'.repeat(65_537))).toBe('too big inline request');
    expect(errorOf(`${'x'.repeat(70_000)}\r\n`)).toBe('too big inline request');
  });

  it.each(['POST / HTTP/1.1\r\n', 'Host: example\r\n', 'post /\n'])(
    'of HTTP end it: %s',
    (line) => {
      const { parser, commands } = parse([latin1(`${line}${encode(['SET', 'a', 'b'])}`)]);
      expect(commands).toEqual([]);
      expect(parser.crossProtocol).toBe(true);
    },
  );
});

describe('malformed input', () => {
  const broken: [string, string][] = [
    ['*4294967296\r\n', 'invalid multibulk length'],
    ['*30000000\r\n', 'invalid multibulk length'],
    ['*1x\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*-\r\n', 'invalid multibulk length'],
    ['*01\r\n', 'invalid multibulk length'],
    ['*+1\r\n', 'invalid multibulk length'],
    ['*1 \r\n', 'invalid multibulk length'],
    ['*99999999999999999999\r\n', 'invalid multibulk length'],
    ['*1\r\n*1\r\n', "expected '$', got '*'"],
    ['*1\r\n:5\r\n', "expected '$', got ':'"],
    ['*1\r\n\r\n', "expected '$', got '\r'"],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$x\r\n', 'invalid bulk length'],
    ['*1\r\n$\r\n', 'invalid bulk length'],
    ['*1\r\n$01\r\n', 'invalid bulk length'],
    ['*1\r\n$00\r\n', 'invalid bulk length'],
    ['*1\r\n$-0\r\n', 'invalid bulk length'],
    ['*1\r\n$1000000000\r\n', 'invalid bulk length'],
    ['*1\r\n$99999999999999999999\r\n', 'invalid bulk length'],
    ['*1\r\n$4\r\nPINGxx', 'expected CRLF after a bulk string'],
    ['*1\r\n$4\r\nPING\n\n', 'expected CRLF after a bulk string'],
    [`*${'1'.repeat(65_600)}`, 'too big mbulk count string'],
    [`*1\r\n$${'1'.repeat(65_600)}`, 'too big bulk count string'],
    ['*1\rx', 'expected LF after CR'],
  ];
  it.each(broken)('%j', (input, error) => {
    expect(errorOf(input)).toBe(error);
  });

  it('is the same when it comes byte by byte', () => {
    for (const [input, error] of broken) {
      const bytes = [...latin1(input)].map((byte) => Buffer.from([byte]));
      expect(parse(bytes).parser.error, input.slice(0, 40)).toBe(error);
    }
  });

  it('has tighter bounds before AUTH', () => {
    const stranger = (parser: RequestParser) => {
      parser.authenticated = false;
    };
    expect(errorOf('*11\r\n', stranger)).toBe('unauthenticated multibulk length');
    expect(errorOf('*10\r\n', stranger)).toBeNull();
    expect(errorOf('*2\r\n$16385\r\n', stranger)).toBe('unauthenticated bulk length');
    expect(errorOf('*2\r\n$16384\r\n', stranger)).toBeNull();
  });

  it('keeps proto-max-bulk-len and client-query-buffer-limit', () => {
    const small = (parser: RequestParser) => {
      parser.bulkBytesMax = 100;
      parser.queryBytesMax = 300;
    };
    expect(errorOf('*2\r\n$101\r\n', small)).toBe('invalid bulk length');
    const parser = new RequestParser();
    small(parser);
    const many = Array.from({ length: 10 }, () => 'v'.repeat(90));
    parse([latin1(encode(many))], parser);
    expect(parser.tooLarge).toBe(true);
    expect(parser.next()).toBe(false);
  });

  it('of any kind neither throws nor loops nor takes memory', () => {
    const damage = fc.record({ at: fc.nat(2000), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(
        fc.array(command, { minLength: 1, maxLength: 4 }),
        fc.array(damage, { maxLength: 6 }),
        fc.array(fc.nat(4000), { maxLength: 5 }),
        (commands, damages, cuts) => {
          const bytes = latin1(commands.map(encode).join(''));
          for (const { at, byte } of damages) bytes[at % bytes.length] = byte;
          const { parser, commands: found } = parse(cut(bytes, cuts));
          expect(found.length).toBeLessThanOrEqual(bytes.length);
          expect(parser.buffered).toBeLessThanOrEqual(bytes.length);
        },
      ),
      { seed: 11, numRuns: 500 },
    );
  });

  it('takes no memory for what was only announced', () => {
    const before = process.memoryUsage().arrayBuffers;
    const parsers = Array.from({ length: 50 }, () => {
      const parser = new RequestParser();
      // 500 MB announced, 1 KB sent, in two chunks so that it is gathered.
      return parse([latin1('*2\r\n$3\r\nSET\r\n$500000000\r\n'), Buffer.alloc(1024)], parser)
        .parser;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 64 * 1024);
    expect(parsers.every((parser) => parser.error === null)).toBe(true);
  });
});
