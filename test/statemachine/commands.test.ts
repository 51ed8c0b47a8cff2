/** Commands against the state machine: edges of what Redis takes, and that replicas agree. */
import { describe, expect, it } from 'vitest';
import { encodePulse, latin1Bytes } from '../../src/statemachine/batch-format.js';
import { keyspaceSpecs } from '../../src/statemachine/keyspace-commands.js';
import { TransactionBuilder, watchVersion } from '../../src/statemachine/transaction.js';
import { CommandGenerator } from '../conformance/command-generator.js';
import { CommandMachine } from './command-machine.js';
import { random } from './keyspace-helpers.js';
import { argsOf, specOf } from './words.js';

const notAnInteger = '-ERR value is not an integer or out of range';
const notAFloat = '-ERR value is not a valid float';
const syntax = '-ERR syntax error';
const bulk = (text: string) => `$${text.length}\r\n${text}`;

/** Commands as words parted by blanks, and the reply to the last of them. */
const cases: readonly (readonly [string, string])[] = [
  ['SET a 1; SET a 2 NX', '$-1'],
  ['SET a 2 XX', '$-1'],
  ['SET a 1; SET a 2 NX GET', bulk('1')],
  ['SET a 1 NX XX', syntax],
  ['SET a 1 EX 10 PX 10', syntax],
  ['SET a 1 EX 10 KEEPTTL', syntax],
  ['SET a 1 EX 10 EX 20; TTL a', ':20'],
  ['SET a 1 EX', syntax],
  ['SET a 1 EX 0', "-ERR invalid expire time in 'set' command"],
  ['SET a 1 EX 9223372036854775807', "-ERR invalid expire time in 'set' command"],
  ['SET a 1 PXAT 1; EXISTS a', ':0'],
  ['SET a 1 EX 10; SET a 2 KEEPTTL; TTL a', ':10'],
  ['SET a 1 EX 10; SET a 2; TTL a', ':-1'],
  ['SETEX a -1 v', "-ERR invalid expire time in 'setex' command"],
  ['GETEX a EX 0', '$-1'],
  ['GETEX a EX x', '$-1'],
  ['GETEX a EX 1 PX 1', syntax],
  ['GETEX a KEEPTTL', syntax],
  ['SET a 1; GETEX a EX 0', "-ERR invalid expire time in 'getex' command"],
  ['SET a 1; GETEX a EX 5 EX 7; TTL a', ':7'],
  ['SET a 1; GETEX a PXAT 1; EXISTS a', ':0'],
  ['SET a 1 EX 10; GETEX a PERSIST PERSIST; TTL a', ':-1'],
  ['SET a hello; GETRANGE a -3 -2', bulk('ll')],
  ['SET a hello; GETRANGE a -2 -3', bulk('')],
  ['SET a hello; GETRANGE a 9223372036854775807 -1', bulk('')],
  ['SET a hello; SUBSTR a 0 -9223372036854775808', bulk('h')],
  ['SETRANGE a 3 x; GET a', bulk('\0\0\0x')],
  ['SETRANGE a -1 x', '-ERR offset is out of range'],
  ['SETRANGE a 536870912 x', '-ERR string exceeds maximum allowed size (proto-max-bulk-len)'],
  ['SET a 9223372036854775807; INCR a', '-ERR increment or decrement would overflow'],
  ['SET a -9223372036854775808; DECR a', '-ERR increment or decrement would overflow'],
  ['SET a 9223372036854775806; INCR a', ':9223372036854775807'],
  ['SET a 9007199254740993; DECR a', ':9007199254740992'],
  ['DECRBY a -9223372036854775808', '-ERR decrement would overflow'],
  ...['+1', '01', '-0', '1.0', '9223372036854775808', 'x'].map(
    (text) => [`SET a ${text}; INCR a`, notAnInteger] as const,
  ),
  ['SET a 1; EXPIRE a 10 NX XX', incompatible('NX and XX, GT or LT')],
  ['SET a 1; EXPIRE a 10 GT LT', incompatible('GT and LT')],
  ['SET a 1; EXPIRE a 10 FOO', '-ERR Unsupported option FOO'],
  ['SET a 1; EXPIRE a 10 GT', ':0'],
  ['SET a 1; EXPIRE a 10 LT', ':1'],
  ['SET a 1; EXPIRE a 10 XX', ':0'],
  ['SET a 1; EXPIRE a -1; EXISTS a', ':0'],
  ['SET a 1; EXPIREAT a 0; EXISTS a', ':0'],
  ['SET a 1; PEXPIRE a -9223372036854775808', ':1'],
  ['EXPIRE a 9223372036854776', "-ERR invalid expire time in 'expire' command"],
  ['TTL a', ':-2'],
  ['SET a 1; PERSIST a', ':0'],
  ['SET a 1 PX 1500; TTL a', ':2'],
  ['RENAME a b', '-ERR no such key'],
  ['SET a 1 EX 9; RENAME a b; TTL b', ':9'],
  ['SET a 1; RENAMENX a a', ':0'],
  ['SET a 1; COPY a a', '-ERR source and destination objects are the same'],
  ['SET a 1; SET b 2; COPY a b', ':0'],
  ['COPY a b DB 16', '-ERR DB index is out of range'],
  [
    'COPY a b DB 9999999999',
    '-ERR value is out of range, value must between -2147483648 and 2147483647',
  ],
  ['MSET a', "-ERR wrong number of arguments for 'mset' command"],
  ['SET b 1; MSETNX a 1 b 2; EXISTS a', ':0'],
  ['FLUSHALL NOW', syntax],
  ['SCAN -', '-ERR invalid cursor'],
  ['SCAN 18446744073709551616', '-ERR invalid cursor'],
  ['SCAN 0 COUNT 0', syntax],
  ['SCAN 0 COUNT x', notAnInteger],
  ['SET a 1; SCAN +0', `*2\r\n${bulk('0')}\r\n*1\r\n${bulk('a')}`],
  ['SET a 1; SCAN -1', `*2\r\n${bulk('0')}\r\n*0`],
];

function incompatible(options: string): string {
  return `-ERR ${options} options at the same time are not compatible`;
}

describe('commands', () => {
  it.each(cases)('%s', (line, reply) => {
    const machine = new CommandMachine();
    const replies = line.split('; ').map((command) => machine.run(...command.split(' ')));
    expect(replies.at(-1)).toBe(`${reply}\r\n`);
  });

  it('a key is gone when the log passes its time, and not before', () => {
    const machine = new CommandMachine();
    machine.run('SET', 'a', '1', 'PX', '100');
    machine.nowMs += 99;
    expect(machine.run('PTTL', 'a')).toBe(':1\r\n');
    machine.nowMs += 2;
    expect(machine.run('GET', 'a')).toBe('$-1\r\n');
  });

  it('an empty key matches a lone star and an empty pattern only', () => {
    const machine = new CommandMachine();
    machine.run('SET', '', 'v');
    expect(machine.run('KEYS', '*')).toBe('*1\r\n$0\r\n\r\n');
    expect(machine.run('KEYS', '')).toBe('*1\r\n$0\r\n\r\n');
    expect(machine.run('KEYS', '**')).toBe('*0\r\n');
    expect(machine.run('SCAN', '0', 'MATCH', '*')).toBe('*2\r\n$1\r\n0\r\n*1\r\n$0\r\n\r\n');
  });
});

/** Stored value, increment, and what Redis on x86 answers. */
const floats: readonly (readonly [string, string, string])[] = [
  ['10.50', '0.1', bulk('10.6')],
  ['5.0e3', '2.0e2', bulk('5200')],
  ['0x1p4', '0x.8', bulk('16.5')],
  ['0', '-0', bulk('0')],
  ['0', '-1e-20', bulk('0')],
  ['18446744073709551615', '1', bulk('18446744073709551616')],
  ['18446744073709551616', '1', bulk('18446744073709551616')],
  ['0', '1000.1', bulk('1000.09999999999999998')],
  ['0', 'inf', '-ERR increment would produce NaN or Infinity'],
  ['1.18973149535723176502e4932', '1.1e4932', '-ERR increment would produce NaN or Infinity'],
  ['1', 'nan', notAFloat],
  ['1', '1e5000', notAFloat],
  ['1', '1e-5000', notAFloat],
  ['1', '0x', notAFloat],
  ['1', ' 1', notAFloat],
  ['1', '', notAFloat],
  ['1', '0'.repeat(5120), notAFloat],
  ['x', '1', notAFloat],
];

describe('INCRBYFLOAT', () => {
  it.each(floats)('%s + %s', (stored, by, reply) => {
    const machine = new CommandMachine();
    machine.run('SET', 'a', stored);
    expect(machine.run('INCRBYFLOAT', 'a', by)).toBe(`${reply}\r\n`);
  });
});

/** A transaction as a session builds it. */
function transaction(machine: CommandMachine, watched: readonly string[]): TransactionBuilder {
  const builder = new TransactionBuilder();
  const context = machine.machine.readContext(machine.nowMs, () => 0);
  for (const key of watched) {
    builder.watch(latin1Bytes(key), watchVersion(context, argsOf('watch', key), 1));
  }
  return builder;
}

const changes: readonly (readonly [string, boolean])[] = [
  ['SET a 2', false],
  ['DEL a', false],
  ['EXPIRE a 100', false],
  ['APPEND a x', false],
  ['RENAME b a', false],
  ['FLUSHALL', false],
  ['SET b 2', true],
  ['SETNX a 2', true],
  ['SETRANGE a 0 ', true],
  ['EXPIRE a 100 XX', true],
  ['RENAME a a', true],
  ['PERSIST a', true],
  ['GETEX a', true],
];

describe('EXEC at apply', () => {
  it('runs the commands in one entry, errors in their places', () => {
    const machine = new CommandMachine();
    const builder = transaction(machine, []);
    for (const words of [
      ['set', 'a', 'x'],
      ['incr', 'a'],
      ['getex', 'a', 'EX'],
      ['get', 'a'],
    ]) {
      builder.queue(specOf(words[0]!), argsOf(...words));
    }
    builder.queueLiteral(latin1Bytes('+PONG\r\n'));
    expect(machine.exec(builder.build())).toBe(
      `*5\r\n+OK\r\n${notAnInteger}\r\n${syntax}\r\n$1\r\nx\r\n+PONG\r\n`,
    );
    expect(machine.entries).toHaveLength(1);
  });

  it.each(changes)('requirement 34: after WATCH a and %s: carried out %s', (line, runs) => {
    const machine = new CommandMachine();
    machine.run('MSET', 'a', '1', 'b', '1');
    const builder = transaction(machine, ['a']);
    machine.run(...line.split(' '));
    expect(machine.exec(builder.build())).toBe(runs ? '*0\r\n' : '*-1\r\n');
  });

  it('a watched key that expires, or that comes to be, ends the transaction', () => {
    const machine = new CommandMachine();
    machine.run('SET', 'a', '1', 'PX', '10');
    const expiring = transaction(machine, ['a']).build();
    const absent = transaction(machine, ['new']).build();
    machine.nowMs += 11;
    machine.run('SET', 'new', '1');
    expect(machine.exec(expiring)).toBe('*-1\r\n');
    expect(machine.exec(absent)).toBe('*-1\r\n');
  });
});

describe('determinism', () => {
  it.each([1, 2, 3])(
    'requirements 32, 33: seed %i: the same entries give the same state and replies',
    (seed) => {
      const one = new CommandMachine();
      const replies: string[] = [];
      const next = random(seed);
      const generator = new CommandGenerator(next);
      const names = new Set(keyspaceSpecs.map(({ name }) => name));
      for (let each = 0; each < 2000; each++) {
        const words = generator.one();
        if (!names.has(words[0]!.toLowerCase())) continue;
        one.nowMs += next(1000);
        replies.push(one.run(...words));
      }
      const two = new CommandMachine();
      expect(one.entries.map((payload) => two.replay(payload))).toEqual(replies);
      expect(Buffer.compare(one.state(), two.state())).toBe(0);
    },
  );

  it('requirement 33: what fails at apply fails everywhere alike, and the next goes on', () => {
    const one = new CommandMachine();
    const replies = [
      one.run('SET', 'a', 'text'),
      one.run('INCR', 'a'),
      one.run('INCRBYFLOAT', 'a', '1'),
      one.run('SETRANGE', 'a', '-1', 'x'),
      one.run('SET', 'a', 'v', 'EX', '0'),
      one.run('APPEND', 'a', '!'),
    ];
    expect(replies).toEqual([
      '+OK\r\n',
      `${notAnInteger}\r\n`,
      `${notAFloat}\r\n`,
      '-ERR offset is out of range\r\n',
      "-ERR invalid expire time in 'set' command\r\n",
      ':5\r\n',
    ]);
    const two = new CommandMachine();
    expect(one.entries.map((payload) => two.replay(payload))).toEqual(replies);
    expect(Buffer.compare(one.state(), two.state())).toBe(0);
  });

  it('requirement 33: an entry or a command of an unknown kind is thrown, not skipped', () => {
    const machine = new CommandMachine();
    machine.run('SET', 'a', '1');
    const [known] = machine.entries as [Uint8Array];
    const before = machine.machine.appliedIndex;
    const pulse = encodePulse(machine.nowMs, 1);
    const kindAt = pulse.findIndex((byte, at) => byte !== known[at]);
    pulse[kindAt] = 99;
    expect(() => machine.replay(pulse)).toThrow(/an entry of kind 99/);
    expect(machine.machine.appliedIndex).toBe(before);
  });
});
