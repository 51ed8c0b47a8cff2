/** Bit operations and LCS: edges; random ones are compared with redis-server in conformance. */
import { describe, expect, it } from 'vitest';
import { latin1Bytes } from '../../src/statemachine/batch-format.js';
import { TransactionBuilder, watchVersion } from '../../src/statemachine/transaction.js';
import { CommandMachine } from './command-machine.js';
import { argsOf } from './words.js';

const bulk = (text: string) => `$${text.length}\r\n${text}`;
const badOffset = '-ERR bit offset is not an integer or out of range';
const badBit = '-ERR bit is not an integer or out of range';
const syntax = '-ERR syntax error';
const badType =
  '-ERR Invalid bitfield type. ' +
  'Use something like i16 u8. Note that u64 is not supported but i64 is.';

/** Commands as words parted by blanks, and the reply to the last of them. */
const cases: readonly (readonly [string, string])[] = [
  ['SETBIT a 7 1; GET a', bulk('\x01')],
  ['SETBIT a 9 1; GET a', bulk('\x00\x40')],
  ['SET a @; SETBIT a 1 0', ':1'],
  ['SET a @; SETBIT a 1 0; GET a', bulk('\x00')],
  ['SETBIT a 4294967296 1', badOffset],
  ['SETBIT a -1 1', badOffset],
  ['SETBIT a #1 1', badOffset],
  ['SETBIT a 0 2', badBit],
  ['SETBIT a x 2', badOffset],
  ['SET a b EX 10; SETBIT a 0 1; TTL a', ':10'],
  ['GETBIT a 4294967295', ':0'],
  ['GETBIT a 4294967296', badOffset],
  ['SET a `; GETBIT a 2', ':1'],
  ['SET a `; GETBIT a 8', ':0'],
  ['SET a foobar; BITCOUNT a', ':26'],
  ['SET a foobar; BITCOUNT a 1 1', ':6'],
  ['SET a foobar; BITCOUNT a 5 30 BIT', ':17'],
  ['SET a foobar; BITCOUNT a -1 -2 NOUNIT', ':0'],
  ['SET a foobar; BITCOUNT a 1', syntax],
  ['BITCOUNT a 1', ':0'],
  ['SET a foobar; BITCOUNT a 0 -1 BITS', syntax],
  ['SET a foobar; BITCOUNT a -9223372036854775808 9223372036854775807', ':26'],
  ['BITPOS a 0', ':0'],
  ['BITPOS a 1', ':-1'],
  ['BITPOS a 2', '-ERR The bit argument must be 1 or 0.'],
  ['SETBIT a 0 1; BITPOS a 0', ':1'],
  ['BITFIELD a SET u8 0 255; BITPOS a 0', ':8'],
  ['BITFIELD a SET u8 0 255; BITPOS a 0 0', ':8'],
  ['BITFIELD a SET u8 0 255; BITPOS a 0 0 -1', ':-1'],
  ['BITFIELD a SET u16 0 255; BITPOS a 1 7 9 BIT', ':8'],
  ['BITFIELD a SET u16 0 255; BITPOS a 1 -8 -1 BIT', ':8'],
  ['BITFIELD a SET u16 0 255; BITPOS a 0 9 15 BIT', ':-1'],
  ['SET a ab; SET b a; BITOP AND c a b; GET c', bulk('a\0')],
  ['SET a ab; SET b a; BITOP OR c a b; GET c', bulk('ab')],
  ['SET a ab; BITOP XOR c a a; GET c', bulk('\0\0')],
  ['SET a ab; BITOP NOT c a; GET c', bulk('\x9e\x9d')],
  ['SET a ab; BITOP NOT a a; GET a', bulk('\x9e\x9d')],
  ['SET a ab; BITOP NOT c a a', '-ERR BITOP NOT must be called with a single source key.'],
  ['SET a ab; BITOP NAND c a a', syntax],
  ['SET a ab; SET c x EX 10; BITOP OR c a; TTL c', ':-1'],
  ['SET c x; BITOP OR c none; EXISTS c', ':0'],
  ['BITFIELD a', '*0'],
  ['BITFIELD a GET u8 0; EXISTS a', ':0'],
  ['BITFIELD a SET i5 #1 -1 GET u10 0', '*2\r\n:0\r\n:31'],
  ['BITFIELD a INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 100 4', '*2\r\n:1\r\n:3'],
  ['BITFIELD a SET i8 0 127; BITFIELD a INCRBY i8 0 1', '*1\r\n:-128'],
  ['BITFIELD a OVERFLOW FAIL SET u8 0 256; STRLEN a', ':1'],
  ['BITFIELD a OVERFLOW FAIL SET u8 0 256', '*1\r\n$-1'],
  ['BITFIELD a OVERFLOW SAT SET i8 0 -9223372036854775808 GET i8 0', '*2\r\n:0\r\n:127'],
  [
    'BITFIELD a OVERFLOW SAT SET i64 0 9223372036854775807 INCRBY i64 0 1',
    '*2\r\n:0\r\n:9223372036854775807',
  ],
  ['BITFIELD a SET i64 3 -9223372036854775808 INCRBY i64 3 -1', '*2\r\n:0\r\n:9223372036854775807'],
  ['BITFIELD a SET u63 0 9223372036854775807 GET i64 0', '*2\r\n:0\r\n:-2'],
  ['BITFIELD a GET u64 0', badType],
  ['BITFIELD a GET i65 0', badType],
  ['BITFIELD a GET i0 0', badType],
  ['BITFIELD a GET i8 -1', badOffset],
  ['BITFIELD a GET i8 #536870912', badOffset],
  ['BITFIELD a OVERFLOW NONE', '-ERR Invalid OVERFLOW type specified'],
  ['BITFIELD a SET i8 0', syntax],
  ['BITFIELD a INCRBY i8 0 x', '-ERR value is not an integer or out of range'],
  ['BITFIELD_RO a SET i8 0 1', '-ERR BITFIELD_RO only supports the GET subcommand'],
  ['SET a b; BITFIELD_RO a GET u8 0 GET u8 8', '*2\r\n:98\r\n:0'],
  ['SET a ohmytext; SET b mynewtext; LCS a b', bulk('mytext')],
  ['SET a ohmytext; SET b mynewtext; LCS a b LEN', ':6'],
  [
    'SET a ohmytext; SET b mynewtext; LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN',
    `*4\r\n${bulk('matches')}\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n` +
      `${bulk('len')}\r\n:6`,
  ],
  ['LCS a b', bulk('')],
  ['LCS a b LEN IDX', '-ERR If you want both the length and indexes, please just use IDX.'],
  ['LCS a b MINMATCHLEN', syntax],
  [
    'SETBIT a 131072 1; SETBIT b 65528 1; LCS a b LEN',
    '-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len',
  ],
];

describe('bit operations and LCS', () => {
  it.each(cases)('%s', (line, reply) => {
    const machine = new CommandMachine();
    const replies = line.split('; ').map((command) => machine.run(...command.split(' ')));
    expect(replies.at(-1)).toBe(`${reply}\r\n`);
  });

  it.each([
    ['SETBIT a 1 1', true],
    ['SETBIT a 1 0', false],
    ['SETBIT a 8 0', false],
    ['BITFIELD a SET u8 0 97', true],
    ['BITFIELD a SET u8 0 98', false],
    ['BITFIELD a GET u8 0', true],
    ['BITFIELD a OVERFLOW FAIL SET u8 0 256', true],
    ['BITOP OR a a', false],
  ] as const)('a transaction that watches a runs after %s: %s', (line, runs) => {
    const machine = new CommandMachine();
    machine.run('SET', 'a', 'a');
    const builder = new TransactionBuilder();
    const context = machine.machine.readContext(machine.nowMs, () => 0);
    builder.watch(latin1Bytes('a'), watchVersion(context, argsOf('watch', 'a'), 1));
    machine.run(...line.split(' '));
    expect(machine.exec(builder.build())).toBe(runs ? '*0\r\n' : '*-1\r\n');
  });

  it('a snapshot that is open keeps the bits of its time', () => {
    const machine = new CommandMachine();
    machine.run('SET', 'a', 'x'.repeat(100));
    const before = machine.state();
    const view = machine.machine.openSnapshot();
    machine.run('SETBIT', 'a', '0', '1');
    machine.run('BITFIELD', 'a', 'SET', 'u8', '8', '1');
    const chunks: Uint8Array[] = [];
    for (let chunk = view.next(); chunk !== null; chunk = view.next()) {
      chunks.push(new Uint8Array(chunk));
    }
    view.close();
    expect(Buffer.compare(Buffer.concat(chunks), before)).toBe(0);
  });
});
