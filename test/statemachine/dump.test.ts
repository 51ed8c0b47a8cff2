/** DUMP and RESTORE: payloads of redis-server 7.0, options, and damage. */
import { describe, expect, it } from 'vitest';
import { crc64 } from '../../src/statemachine/crc64.js';
import { dumpString } from '../../src/statemachine/rdb-string.js';
import { CommandMachine } from './command-machine.js';
import { random } from './keyspace-helpers.js';

/** Value, and its DUMP by redis-server 7.0.15 with rdbcompression. */
const ofRedis: readonly (readonly [string, string])[] = [
  ['', '00000a005d9b5c400f7fa2da'],
  ['-129', '00c17fff0a001760822854808480'],
  ['123456789012', '000c3132333435363738393031320a00911001b1d116e7ac'],
  ['2147483648', '000a323134373438333634380a00e7b129a34c1d76ee'],
  ['a'.repeat(100), '00c3094064016161e057000161610a00e8a3b507b06df271'],
  ['abc'.repeat(30), '00c30b405a0361626361e04b020162630a00238036f9e2d0c780'],
  [
    'The quick brown fox jumps over the lazy dog. The quick brown fox sleeps.',
    '00c33c40481f54686520717569636b2062726f776e20666f78206a756d7073206f7665722074201e0a6c617a79' +
      '20646f672e2054200de0072c06736c656570732e0a00dc1385aa72330590',
  ],
];

const latin1 = (hex: string) => Buffer.from(hex, 'hex').toString('latin1');
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

function dumped(machine: CommandMachine, key: string): string {
  return machine
    .run('DUMP', key)
    .replace(/^\$\d+\r\n/, '')
    .slice(0, -2);
}

/** A payload of any content with a checksum that is right. */
function sealed(...content: readonly number[]): string {
  const bytes = Uint8Array.of(...content, 10, 0);
  return Buffer.concat([bytes, crc64(bytes, 0, bytes.length)]).toString('latin1');
}

describe('DUMP and RESTORE', () => {
  it('the checksum is that of the specification', () => {
    const digits = new TextEncoder().encode('123456789');
    expect(Buffer.from(crc64(digits, 0, 9)).toString('hex')).toBe('cad9b8c414d9c6e9');
  });

  it.each(ofRedis)('restores what Redis gave for %j', (value, hex) => {
    const machine = new CommandMachine();
    expect(machine.run('RESTORE', 'a', '0', latin1(hex))).toBe('+OK\r\n');
    expect(machine.run('GET', 'a')).toBe(bulk(value));
    machine.run('RENAME', 'a', 'b');
    expect(machine.run('RESTORE', 'a', '0', dumped(machine, 'b'))).toBe('+OK\r\n');
    expect(machine.run('GET', 'a')).toBe(bulk(value));
    if (!hex.startsWith('00c3')) expect(dumped(machine, 'a')).toBe(latin1(hex));
  });

  it.each([63, 64, 16_383, 16_384, 70_000])('a string of %i bytes comes back', (length) => {
    const machine = new CommandMachine();
    machine.run('SET', 'a', 'x'.repeat(length));
    machine.run('RESTORE', 'b', '0', dumped(machine, 'a'));
    expect(machine.run('STRLEN', 'b')).toBe(`:${length}\r\n`);
    expect(machine.run('DUMP', 'none')).toBe('$-1\r\n');
  });

  const payload = Buffer.from(dumpString(Buffer.from('v'))).toString('latin1');
  it.each([
    [['a', '5000', payload], '+OK', ':5000'],
    [['a', '0', payload], '+OK', ':-1'],
    [['a', '1700000009000', payload, 'ABSTTL'], '+OK', ':9000'],
    [['a', '1', payload, 'ABSTTL'], '+OK', ':-2'],
    [['held', '0', payload], '-BUSYKEY Target key name already exists.', ':7000'],
    [['held', 'x', payload], '-BUSYKEY Target key name already exists.', ':7000'],
    [['held', '0', payload, 'replace'], '+OK', ':-1'],
    [['held', '1', payload, 'ABSTTL', 'REPLACE'], '+OK', ':-2'],
    [['a', '9223372036854775807', payload], '+OK', ':-2'],
    [['a', '0', payload, 'IDLETIME', '5'], '+OK', ':-1'],
    [['a', '0', payload, 'FREQ', '255'], '+OK', ':-1'],
    [['a', '0', payload, 'FREQ', '256'], '-ERR Invalid FREQ value, must be >= 0 and <= 255', ':-2'],
    [['a', '0', payload, 'IDLETIME', '-1'], '-ERR Invalid IDLETIME value, must be >= 0', ':-2'],
    [['a', '0', payload, 'FREQ', '1', 'IDLETIME', '1'], '-ERR syntax error', ':-2'],
    [['a', '0', payload, 'FREQ'], '-ERR syntax error', ':-2'],
    [['a', '-1', payload], '-ERR Invalid TTL value, must be >= 0', ':-2'],
    [['a', 'x', payload], '-ERR value is not an integer or out of range', ':-2'],
    [['a', '0', ''], '-ERR DUMP payload version or checksum are wrong', ':-2'],
    [['a', '0', `${payload}x`], '-ERR DUMP payload version or checksum are wrong', ':-2'],
    [['a', '0', sealed(1, 1, 97)], '-ERR Bad data format', ':-2'],
    [['a', '0', sealed(0, 5, 97)], '-ERR Bad data format', ':-2'],
    [['a', '0', sealed(0, 0xc4, 97)], '-ERR Bad data format', ':-2'],
    [['a', '0', sealed(0, 0xc3, 2, 0x80, 255, 255, 255, 255, 1, 1)], '-ERR Bad data format', ':-2'],
    [['a', '0', sealed(0, 0xc3, 3, 9, 0xe0, 0, 9)], '-ERR Bad data format', ':-2'],
    [['a', '0', sealed(0, 1, 97, 98)], '+OK', ':-1'],
  ])('RESTORE %j: %s', (words, reply, ttl) => {
    const machine = new CommandMachine();
    machine.run('SET', 'held', 'x', 'PX', '7000');
    expect(machine.run('RESTORE', ...words)).toBe(`${reply}\r\n`);
    expect(machine.run('PTTL', words[0]!)).toBe(`${ttl}\r\n`);
  });

  it('whatever lies in a payload: a value or an error', () => {
    const next = random(5);
    const machine = new CommandMachine();
    for (let each = 0; each < 3000; each++) {
      const start = next(2) === 0 ? [0, 0xc3] : [0, next(256)];
      const rest = Array.from({ length: next(12) }, () => next(256));
      const reply = machine.run('RESTORE', 'a', '0', sealed(...start, ...rest), 'REPLACE');
      expect(reply).toMatch(/^(\+OK|-ERR Bad data format)\r\n$/);
    }
  });
});
