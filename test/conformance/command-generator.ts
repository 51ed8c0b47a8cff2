/**
 * Random commands for the differential test: few keys, so that commands meet, and values, numbers
 * and options that lie on the edges of what Redis takes. Times are chosen so that two servers a
 * second apart must answer alike: relative ones lie 1,000 s apart, none expires within a test.
 */
import { dumpString } from '../../src/statemachine/rdb-string.js';
import { BitCommandGenerator } from './bit-command-generator.js';
import type { Command } from './resp-pipe.js';

export type Random = (below: number) => number;

export const keyNames = ['a', 'b', 'c', 'ab', '', 'k\r\n', '\x00\xff', 'a*', 'Key'] as const;

const integers = [
  ...['0', '1', '-1', '2', '10', '-10', '99', '9223372036854775807', '-9223372036854775808'],
  ...['9223372036854775808', '-9223372036854775809', '9223372036854775806', '4611686018427387904'],
  ...['9007199254740991', '9007199254740992', '9007199254740993', '-9007199254740993'],
  ...['999999999999999', '1000000000000000', '007', '+1', ' 1', '1 ', '-0', '', '-', '0x10', '1e3'],
  ...['1.0', '1\x00', '18446744073709551616', '123456789012345678901'],
];
const floats = [
  ...['0.1', '-0.1', '1.5', '3', '1e3', '5.0e3', '1e-7', '1e17', '1e-17', '3.14159265358979323846'],
  ...[
    '1000.1',
    '123456.789',
    '0x1p4',
    '0x1.8',
    '-0x.8p-3',
    '0x',
    '0xg',
    'inf',
    '-inf',
    '+Infinity',
  ],
  ...['nan', '1e5000', '-1e5000', '1e-5000', '1e4932', '1e4000', '1e-4940', '.5', '5.', '.', 'e5'],
  ...['1e', '1e+', ' 1', '1 ', '1\x00', '+2.5', '--1', '1,5', '-0', '-0.0', '00.10', '1e00003'],
  ...['2e-18', '18446744073709551615', '18446744073709551616.5', '9007199254740993.25', 'infinit'],
];
const values = ['', 'x', 'hello', 'Hello World', '\x00\x01\xfe\xff', '\r\n', 'y'.repeat(70)];
const patterns = ['*', 'a*', '*b', '?', '??', '[ab]', '[^a]*', '[a-c]', '\\a', '[', '[a', '**'];
const patternParts = ['*', '?', 'a', 'b', '[', ']', '^', '-', '\\', 'K', 'e', '[a-b]', '[^', 'c'];
const unknownWords = ['FOO', '', 'N', 'nxx', 'E\x00X', 'PERSIST', 'KEEPTTL', 'a\r\nb\r\n'];
/** Of redis-server 7.0 with rdbcompression: a hundred times "a", thirty times "abc". */
const compressedDumps = [
  '00c3094064016161e057000161610a00e8a3b507b06df271',
  '00c30b405a0361626361e04b020162630a00238036f9e2d0c780',
].map((hex) => Buffer.from(hex, 'hex').toString('latin1'));
const secondsBase = 4_000_000_000;

/** Exception: Redis' DBSIZE counts keys whose time is over until somebody looks at them. */
function looked(command: Command): Command[] {
  return /^dbsize$/i.test(command[0]!) ? [['EXISTS', ...keyNames], command] : [command];
}

export class CommandGenerator {
  private readonly bits: BitCommandGenerator;

  constructor(private readonly random: Random) {
    this.bits = new BitCommandGenerator(random, () => this.key());
  }

  /** One command, or a transaction with what goes before it. */
  next(): Command[] {
    if (this.random(14) === 0) return this.transaction();
    if (this.random(60) === 0) return [[this.pick(['MULTI', 'EXEC', 'DISCARD', 'UNWATCH'])]];
    return looked(this.mangled(this.one()));
  }

  /**
   * `steady`: none that deletes a key. Exception: where a watched key did not exist, was made and
   * is gone again, Redis gives up the transaction and tgcache, which keeps nothing of keys that
   * are gone, carries it out; the key is what it was when it was watched.
   */
  one(steady = false): Command {
    const makers = steady ? this.steady : [...this.steady, ...this.removing];
    return this.pick(makers)();
  }

  private readonly steady: readonly (() => Command)[] = [
    () => this.set(),
    () => ['SET', this.key(), this.value()],
    () => [this.pick(['GET', 'STRLEN', 'TYPE', 'TTL', 'PTTL', 'DUMP']), this.key()],
    () => [this.pick(['EXPIRETIME', 'PEXPIRETIME', 'PERSIST', 'GET']), this.key()],
    () => [this.pick(['INCR', 'DECR']), this.key()],
    () => [this.pick(['INCRBY', 'DECRBY']), this.key(), this.integer()],
    () => ['INCRBYFLOAT', this.key(), this.float()],
    () => ['SET', this.key(), this.random(2) === 0 ? this.float() : this.integer()],
    () => [this.pick(['GETSET', 'SETNX', 'APPEND']), this.key(), this.value()],
    () => [this.pick(['SETEX', 'PSETEX']), this.key(), this.relative(), this.value()],
    () => [this.pick(['MGET', 'EXISTS', 'TOUCH']), ...this.keys()],
    () => [this.pick(['MSET', 'MSETNX']), ...this.keys().flatMap((key) => [key, this.value()])],
    () => [this.pick(['GETRANGE', 'SUBSTR']), this.key(), this.offset(), this.offset()],
    () => ['SETRANGE', this.key(), this.offset(), this.value()],
    () => ['KEYS', this.pattern()],
    () => this.scan(),
    () => [this.pick(['RANDOMKEY', 'DBSIZE'])],
    () => ['COPY', this.key(), this.key(), ...this.copyOptions()],
    () => ['SELECT', this.database()],
  ];

  private readonly removing: readonly (() => Command)[] = [
    () => this.bits.next(),
    () => this.bits.next(),
    () => this.bits.next(),
    () => [this.pick(['DEL', 'UNLINK']), ...this.keys()],
    () => ['GETDEL', this.key()],
    () => this.restore(),
    () => ['MOVE', this.key(), this.database()],
    () => ['MOVE', this.key(), this.pick(['0', '1', '2'])],
    () => (this.random(3) > 0 ? ['GET', this.key()] : ['SWAPDB', ...this.twoDatabases()]),
    () => this.getEx(),
    () => this.getEx(),
    () => this.expire(),
    () => this.expire(),
    () => this.expire(),
    () => [this.pick(['RENAME', 'RENAMENX']), this.key(), this.key()],
    () => (this.random(8) === 0 ? this.flush() : ['EXISTS', this.key()]),
  ];

  private transaction(): Command[] {
    const commands: Command[] = [];
    const watches = this.random(2) === 0;
    if (watches) {
      commands.push(['WATCH', ...this.keys()]);
      if (this.random(8) === 0) commands.push(['UNWATCH']);
      const between = this.random(3);
      if (between === 1) commands.push(['GETDEL', this.key()]);
      for (let each = 0; each < between; each++) commands.push(...looked(this.steadyOne()));
    }
    commands.push(['MULTI']);
    for (let left = this.random(5); left > 0; left--) {
      // Exception: SELECT in a transaction with watched keys is refused.
      const command = this.mangled(this.one());
      const selects = watches && /^select$/i.test(command[0]!);
      commands.push(...looked(selects ? ['GET', this.key()] : command));
    }
    commands.push([this.random(8) === 0 ? 'DISCARD' : 'EXEC']);
    return commands;
  }

  private steadyOne(): Command {
    const command = this.one(true);
    return command[0] === 'SET' ? ['SET', this.key(), this.value()] : command;
  }

  private set(): Command {
    const words = ['SET', this.key(), this.value()];
    for (let left = this.random(4); left > 0; left--) words.push(...this.setOption());
    return words;
  }

  private setOption(): string[] {
    const kind = this.random(16);
    if (kind < 10) return [this.pick(['NX', 'XX', 'GET', 'KEEPTTL', 'get', 'Nx'])];
    return kind === 10 ? [this.pick(unknownWords)] : this.timeOption();
  }

  private timeOption(): string[] {
    const unit = this.pick(['EX', 'PX', 'EXAT', 'PXAT', 'ex', 'pXaT']);
    return this.random(12) === 0 ? [unit] : [unit, this.timeFor(unit)];
  }

  private timeFor(unit: string): string {
    return /at$/i.test(unit) ? this.absolute(/^px/i.test(unit)) : this.relative();
  }

  private getEx(): Command {
    const words = ['GETEX', this.key()];
    const kind = this.random(8);
    if (kind === 1) return [...words, this.pick(['PERSIST', 'KEEPTTL', 'NX', 'GET', 'persist'])];
    if (kind > 1) words.push(...this.timeOption());
    if (kind > 6) words.push(...this.setOption());
    return words;
  }

  private expire(): Command {
    const name = this.pick(['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT']);
    const time = name.endsWith('AT') ? this.absolute(name.startsWith('P')) : this.relative();
    // Deadlines beyond the year 37648 are held to it, so their order is lost.
    if (time.length > 14 && /^[1-9]\d*$/.test(time)) return [name, this.key(), time];
    const options = Array.from({ length: this.random(4) === 0 ? 2 : this.random(2) }, () =>
      this.random(20) === 0 ? this.pick(unknownWords) : this.pick(['NX', 'XX', 'GT', 'LT', 'gt']),
    );
    return [name, this.key(), time, ...options];
  }

  private relative(): string {
    if (this.random(6) === 0) return this.edge();
    return String(1000 * 1000 * (1 + this.random(1_000_000)));
  }

  private absolute(inMs: boolean): string {
    const kind = this.random(8);
    if (kind === 0) return this.edge();
    if (kind === 1) return this.pick(['1', '1000', '1600000000']);
    return String((secondsBase + this.random(4)) * (inMs ? 1000 : 1));
  }

  /** No small positive number: as a relative time it would expire while the test runs. */
  private edge(): string {
    return this.pick([
      ...integers.filter((text) => !/^[1-9]\d?$/.test(text)),
      ...['9223372036854775', '9223372036854776', '-9223372036854775', '-9223372036854776'],
    ]);
  }

  private scan(): Command {
    const kind = this.random(12);
    if (kind === 0)
      return ['SCAN', this.pick(['x', '1x', '-', ' 1', '99999999999999999999', '1.5'])];
    const words = ['SCAN', kind === 1 ? this.pick(['', '+0', '00', '0\x00']) : '0'];
    const end = this.random(3);
    for (let at = 0; at < end; at++) words.push(...this.scanOption());
    // All keys at once: the cursors of two servers mean nothing to each other.
    return this.random(20) === 0 ? words : [...words, 'COUNT', '5000'];
  }

  private scanOption(): string[] {
    const kind = this.random(10);
    if (kind < 5) return [this.pick(['MATCH', 'match']), this.pattern()];
    if (kind < 8) return ['TYPE', this.pick(['string', 'STRING', 'list', 'hash', 'foo', ''])];
    return kind === 8 ? ['COUNT', this.pick(['0', '-1', 'x', '3000'])] : [this.pick(unknownWords)];
  }

  private database(): string {
    if (this.random(3) > 0) return this.pick(['0', '0', '1', '2', '15']);
    return this.pick(['-1', '16', 'x', '', '99999999999', '0 ', '01', '9223372036854775808']);
  }

  private twoDatabases(): string[] {
    if (this.random(4) === 0) return [this.database(), this.database()];
    return [this.pick(['0', '1', '2']), this.pick(['0', '1', '2', '15'])];
  }

  private copyOptions(): string[] {
    const kind = this.random(8);
    if (kind < 3) return [];
    if (kind < 6) return [this.pick(['REPLACE', 'replace'])];
    if (kind === 6) return ['DB', this.database()];
    return ['REPLACE', this.pick(['DB', 'FOO', 'REPLACE'])];
  }

  private restore(): Command {
    const payload = this.payload();
    const absolute = this.random(3) === 0;
    const time = absolute ? this.absolute(true) : this.relative();
    const words = ['RESTORE', this.key(), this.pick(['0', '0', time, time, '-1', 'x']), payload];
    if (this.random(2) === 0) words.push('REPLACE');
    if (absolute) words.push(this.pick(['ABSTTL', 'absttl']));
    if (this.random(4) === 0) {
      words.push(this.pick(['IDLETIME', 'FREQ']), this.pick(['0', '9', '-1', '256', 'x']));
    }
    return this.random(20) === 0 ? [...words, this.pick(['FREQ', 'IDLETIME', 'FOO', ''])] : words;
  }

  /** What DUMP gave for some value, sometimes damaged. */
  private payload(): string {
    if (this.random(4) === 0) return this.pick(compressedDumps);
    const dump = dumpString(Buffer.from(this.value(), 'latin1'));
    const text = Buffer.from(dump).toString('latin1');
    if (this.random(8) > 0) return text;
    const at = this.random(text.length);
    return text.slice(0, at) + this.pick(['', 'x', 'xx']) + text.slice(at + 1);
  }

  private flush(): Command {
    const name = this.pick(['FLUSHALL', 'FLUSHDB']);
    return [name, ...this.pick([[], ['ASYNC'], ['sync'], ['FOO'], ['ASYNC', 'SYNC']])];
  }

  /**
   * Another case, a word too many or too few, a name that does not exist. No name with a zero byte
   * in it: Redis hashes all of it but compares up to there, so that about one process in a few
   * hundred knows it.
   */
  private mangled(command: Command): Command {
    const kind = this.random(80);
    const [name, ...rest] = command as [string, ...string[]];
    if (kind < 20) return [name.toLowerCase(), ...rest];
    if (kind === 20) return [...command, this.pick(['', 'x', '1', 'GET'])];
    if (kind === 21 && rest.length > 0) return command.slice(0, -1);
    if (kind === 22) return [`${name}${this.pick(['x', '\r\n', ' '])}`, ...rest];
    if (kind === 23) return [this.pick(['', 'nope', 'n'.repeat(200)]), ...rest, ...rest];
    return command;
  }

  private key(): string {
    return keyNames[this.random(this.random(3) === 0 ? keyNames.length : 3)]!;
  }

  private keys(): string[] {
    return Array.from({ length: 1 + this.random(3) }, () => this.key());
  }

  private value(): string {
    const kind = this.random(4);
    if (kind === 0) return this.integer();
    return kind === 1 ? this.pick(floats) : this.pick(values);
  }

  private float(): string {
    const kind = this.random(4);
    if (kind > 1) return this.pick(floats);
    const digits = Array.from({ length: 1 + this.random(24) }, () => this.random(10)).join('');
    const point = this.random(digits.length + 1);
    const text = `${this.pick(['', '-'])}${digits.slice(0, point)}.${digits.slice(point)}`;
    return kind === 0 ? text : `${text}e${this.random(40) - 20}`;
  }

  private integer(): string {
    if (this.random(2) === 0) return String(this.random(200) - 100);
    return this.pick(integers);
  }

  /** Within a few thousand bytes or beyond every string: 512 MiB in between would take minutes. */
  private offset(): string {
    const kind = this.random(8);
    if (kind === 0) return this.pick(integers.filter((text) => text.length < 4 || text.length > 9));
    return kind === 1 ? this.pick(['536870912', '3000']) : String(this.random(24) - 12);
  }

  private pattern(): string {
    if (this.random(2) === 0) return this.pick(patterns);
    return Array.from({ length: this.random(6) }, () => this.pick(patternParts)).join('');
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.random(from.length)]!;
  }
}
