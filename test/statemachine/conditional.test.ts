/** Conditional writes of newer servers, as their documentation describes them. */
import { describe, expect, it } from 'vitest';
import { keyTexts } from '../../src/server/key-arguments.js';
import { xxh3Hex } from '../../src/statemachine/xxh3.js';
import { CommandMachine } from './command-machine.js';
import { argsOf, specOf } from './words.js';

const bulk = (text: string) => `$${text.length}\r\n${text}`;
const pair = (value: unknown, by: unknown) => `*2\r\n:${value}\r\n:${by}`;
const floats = (value: string, by: string) => `*2\r\n${bulk(value)}\r\n${bulk(by)}`;
const syntax = '-ERR syntax error';
const max = '9223372036854775807';
const min = '-9223372036854775808';
const helloWorld = 'b6acb9d84a38ff74';

/** Commands as words parted by blanks ("_" is a blank in a word), and the reply to the last. */
const cases: readonly (readonly [string, string])[] = [
  ['SET a 1; SET a 2 IFEQ 1', '+OK'],
  ['SET a 1; SET a 2 IFEQ 3', '$-1'],
  ['SET a 1; SET a 2 IFEQ 3; GET a', bulk('1')],
  ['SET a 2 IFEQ 1; EXISTS a', ':0'],
  ['SET a 2 IFNE 1', '+OK'],
  ['SET a 1; SET a 2 ifne 1', '$-1'],
  ['SET a 1; SET a 2 IFEQ 1 GET', bulk('1')],
  ['SET a 1; SET a 2 IFNE 1 GET', bulk('1')],
  ['SET a 2 IFNE 1 GET; GET a', bulk('2')],
  ['SET a 1 EX 10; SET a 2 IFEQ 1 KEEPTTL; TTL a', ':10'],
  ['SET a 1; SET a 2 IFEQ 1 EX 9; TTL a', ':9'],
  ['SET a 1 EX 10; SET a 2 IFEQ 3 EX 99; TTL a', ':10'],
  ['SET a 2 IFEQ', syntax],
  ['SET a 2 IFEQ 1 NX', syntax],
  ['SET a 2 XX IFNE 1', syntax],
  ['SET a 2 IFEQ 1 IFNE 1', syntax],
  ['SET a Hello_world; DIGEST a', bulk(helloWorld)],
  [`SET a Hello_world; SET a x IFDEQ ${helloWorld}`, '+OK'],
  [`SET a Hello_world; SET a x IFDEQ ${helloWorld.toUpperCase()}`, '+OK'],
  [`SET a Hello_world; SET a x IFDNE ${helloWorld}`, '$-1'],
  [`SET a Hello; SET a x IFDNE ${helloWorld}`, '+OK'],
  ['SET a x IFDEQ 1; EXISTS a', ':0'],
  ['SET a x IFDNE 1', '+OK'],
  ['SET a x; SET a y IFDEQ 123', '-ERR must be exactly 16 hexadecimal characters'],
  ['DIGEST a', '$-1'],
  ['SET a 1; DELIFEQ a 1', ':1'],
  ['SET a 1; DELIFEQ a 2', ':0'],
  ['DELIFEQ a 1', ':0'],
  ['SET a 1; DELIFEQ a 1; EXISTS a', ':0'],
  ['SET a 1; DELEX a', ':1'],
  ['DELEX a', ':0'],
  ['SET a 1; DELEX a IFEQ 1; EXISTS a', ':0'],
  ['SET a 1; DELEX a IFEQ 2', ':0'],
  ['SET a 1; DELEX a IFNE 2', ':1'],
  ['DELEX a IFNE 2', ':0'],
  [`SET a Hello_world; DELEX a IFDEQ ${helloWorld}`, ':1'],
  [`SET a Hello_world; DELEX a IFDNE ${helloWorld}`, ':0'],
  ['SET a 1; DELEX a IFDNE 12', '-ERR must be exactly 16 hexadecimal characters'],
  ['DELEX a IFEQ', "-ERR wrong number of arguments for 'delex' command"],
  ['DELEX a EQ 1', '-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE'],
  ['MSETEX 2 a 1 b 2 EX 10', ':1'],
  ['MSETEX 2 a 1 b 2 EX 10; TTL b', ':10'],
  ['SET b 1; MSETEX 2 a 1 b 2 NX', ':0'],
  ['SET b 1; MSETEX 2 a 1 b 2 NX; EXISTS a', ':0'],
  ['SET b 1; MSETEX 2 a 1 b 2 XX', ':0'],
  ['SET a 1 EX 10; MSETEX 2 a 1 b 2 KEEPTTL; TTL a', ':10'],
  ['SET a 1 EX 10; MSETEX 2 a 1 b 2; TTL a', ':-1'],
  ['SET a 1; MSETEX 1 a 1 PXAT 1; EXISTS a', ':0'],
  ['MSETEX a 1 b', '-ERR invalid numkeys value'],
  ['MSETEX 2147483648 a 1', '-ERR invalid numkeys value'],
  ['MSETEX 2147483647 a 1', '-ERR wrong number of key-value pairs'],
  ['MSETEX 2 a 1 b', '-ERR wrong number of key-value pairs'],
  ['MSETEX 1 a 1 GET', syntax],
  ['MSETEX 1 a 1 NX XX', syntax],
  ['MSETEX 1 a 1 EX 1 KEEPTTL', syntax],
  ['MSETEX 1 a 1 EX 0', "-ERR invalid expire time in 'msetex' command"],
  ['INCREX a', pair(1, 1)],
  ['SET a 10; INCREX a BYINT -3', pair(7, -3)],
  ['SET a 50; INCREX a BYINT 100 UBOUND 80', pair(50, 0)],
  ['SET a 50; INCREX a BYINT 100 UBOUND 80 SATURATE', pair(80, 30)],
  ['SET a 50; INCREX a BYINT 5 UBOUND 30 SATURATE', pair(30, -20)],
  ['SET a 50; INCREX a BYINT -25 UBOUND 30', pair(25, -25)],
  ['INCREX a BYINT 5 LBOUND 10; EXISTS a', ':0'],
  ['INCREX a UBOUND 0 SATURATE; EXISTS a', ':1'],
  [`SET a ${max}; INCREX a`, pair(max, 0)],
  ['SET a 9223372036854775800; INCREX a BYINT 9223372036854775800 SATURATE', pair(max, 7)],
  [`SET a 1; INCREX a SATURATE UBOUND ${min}`, '-ERR applied increment would overflow'],
  ['SET a 1 EX 10; INCREX a; TTL a', ':10'],
  ['SET a 1 EX 10; INCREX a PERSIST; TTL a', ':-1'],
  ['SET a 1 EX 10; INCREX a EX 20 ENX; TTL a', ':10'],
  ['SET a 1; INCREX a EX 20 ENX; TTL a', ':20'],
  ['SET a 1; INCREX a BYINT 100 UBOUND 15 EX 100; TTL a', ':-1'],
  ['SET a 1; INCREX a EXAT 1; EXISTS a', ':0'],
  ['SET a 1 EX 10; INCREX a EXAT 1 ENX', pair(2, 1)],
  ['INCREX a ENX', '-ERR ENX flag requires an expiration'],
  ['INCREX a PERSIST ENX', syntax],
  ['INCREX a EX 1 PX 1', syntax],
  ['INCREX a EX 1 EX 1', syntax],
  ['INCREX a BYINT 1 BYFLOAT 1', syntax],
  ['INCREX a LBOUND', syntax],
  ['INCREX a BYINT 1.5', '-ERR Increment is not an integer or out of range'],
  ['INCREX a LBOUND x', '-ERR LBOUND is not an integer or out of range'],
  ['INCREX a LBOUND 2 UBOUND 1', "-ERR LBOUND can't be greater than UBOUND"],
  ['INCREX a EX 0', "-ERR invalid expire time in 'increx' command"],
  ['SET a x; INCREX a', '-ERR value is not an integer or out of range'],
  ['SET a 1.5; INCREX a BYFLOAT 0.25', floats('1.75', '0.25')],
  ['SET a 10; INCREX a BYFLOAT 100 UBOUND 42.5 SATURATE', floats('42.5', '32.5')],
  ['SET a 10; INCREX a BYFLOAT 10 UBOUND 15.5', floats('10', '0')],
  ['INCREX a BYFLOAT -0.5 UBOUND -1.5; EXISTS a', ':0'],
  ['INCREX a BYFLOAT x', '-ERR Increment is not a valid float'],
  ['INCREX a BYFLOAT inf', '-ERR BYFLOAT increment cannot be Infinity'],
  ['SET a inf; INCREX a BYFLOAT 1', '-ERR value cannot be Infinity'],
  ['SET a x; INCREX a BYFLOAT 1', '-ERR value is not a valid float'],
];

describe('conditional writes', () => {
  it.each(cases)('%s', (line, reply) => {
    const machine = new CommandMachine();
    const replies = line
      .split('; ')
      .map((command) => machine.run(...command.split(' ').map((word) => word.replace('_', ' '))));
    expect(replies.at(-1)).toBe(`${reply}\r\n`);
  });

  it('MSETEX says which of its arguments are keys', () => {
    const args = argsOf('MSETEX', '2', 'a', '1', 'b', '2', 'EX', '10');
    expect(keyTexts(specOf('msetex'), args)).toEqual(['a', 'b']);
  });
});

/** Length to digest, of the bytes below; made with xxHash's own implementation. */
const digests: readonly (readonly [number, string])[] = [
  [0, '2d06800538d394c2'],
  [1, 'b95d064157e4a8b4'],
  [3, '4b2bf643aad9977c'],
  [4, '1a322462ca4049e4'],
  [8, '7b6cbf2b8364e41d'],
  [9, '89efc25121f13282'],
  [16, '65140316743838f8'],
  [17, 'd15eb938f2b03cd0'],
  [128, 'b9c0abe395dfa8a1'],
  [129, '5ecbf4005614dab4'],
  [240, '084e5622e8f1d582'],
  [241, 'e458863ec159b424'],
  [1024, 'c5eb3b0e7580130f'],
  [1025, '40846007943e297d'],
  [4999, '03fe726379fc41eb'],
];

describe('XXH3', () => {
  it.each(digests)('%i bytes: %s', (length, digest) => {
    let state = 12345;
    const bytes = Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    });
    expect(xxh3Hex(bytes)).toBe(digest);
  });
});
