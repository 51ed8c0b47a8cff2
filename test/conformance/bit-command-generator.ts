/** Random bit operations and LCS; offsets are small or beyond every string. */
import type { Random } from './command-generator.js';
import type { Command } from './resp-pipe.js';

const badOffsets = [
  '-1',
  '4294967296',
  '9223372036854775807',
  'x',
  '',
  '01',
  '1 ',
  '#1',
  '#',
  '-0',
];
const fieldOffsets = ['#-1', '#9223372036854775807', '#4611686018427387904', '##1', '# 1'];
const badTypes = ['i0', 'u64', 'i65', 'u0', 'x8', '', 'i', 'u', '8', 'I8', 'i08', 'u-1', 'i8 '];
const operands = [
  ...['0', '1', '-1', '127', '128', '-128', '-129', '255', '256', '9223372036854775807'],
  ...['-9223372036854775808', '4611686018427387904', '9223372036854775806', '-9223372036854775807'],
  ...['9223372036854775808', 'x', '', '4294967295', '-2147483649', '65535'],
];

export class BitCommandGenerator {
  constructor(
    private readonly random: Random,
    private readonly key: () => string,
  ) {}

  next(): Command {
    const makers: readonly (() => Command)[] = [
      () => ['SETBIT', this.key(), this.offset(), this.pick(['0', '1', '1', '2', '-1', 'x', ''])],
      () => ['SETBIT', this.key(), this.offset(), this.pick(['0', '1'])],
      () => ['GETBIT', this.key(), this.offset()],
      () => ['BITCOUNT', this.key(), ...this.range()],
      () => ['BITPOS', this.key(), this.pick(['0', '1', '0', '1', '2', 'x']), ...this.range()],
      () => this.bitOp(),
      () => ['BITFIELD', this.key(), ...this.fields(false)],
      () => ['BITFIELD', this.key(), ...this.fields(false)],
      () => ['BITFIELD_RO', this.key(), ...this.fields(this.random(6) > 0)],
      () => ['LCS', this.key(), this.key(), ...this.lcsOptions()],
    ];
    return this.pick(makers)();
  }

  private bitOp(): Command {
    const sources = Array.from({ length: 1 + this.random(3) }, () => this.key());
    const name = this.pick(['AND', 'OR', 'XOR', 'NOT', 'and', 'xOr', 'not', 'NAND']);
    return ['BITOP', name, this.key(), ...(/not/i.test(name) ? sources.slice(0, 1) : sources)];
  }

  private range(): string[] {
    const kind = this.random(10);
    if (kind === 0) return [];
    if (kind === 1) return [this.edge()];
    const range = [this.edge(), this.edge()];
    if (kind < 5) return range;
    if (kind === 5) return [...range, 'BIT', 'x'];
    return [...range, this.pick(['BIT', 'BYTE', 'bit', 'byte', 'BITS', ''])];
  }

  private edge(): string {
    if (this.random(12) > 0) return String(this.random(40) - 20);
    return this.pick(['9223372036854775807', '-9223372036854775808', '-9223372036854775807', 'x']);
  }

  private fields(onlyReads: boolean): string[] {
    return Array.from({ length: this.random(4) }, () => this.field(onlyReads)).flat();
  }

  private field(onlyReads: boolean): string[] {
    const place = [this.type(), this.fieldOffset()];
    if (onlyReads || this.random(4) === 0) return [this.pick(['GET', 'get']), ...place];
    const kind = this.random(12);
    if (kind === 0) return [this.pick(['OVERFLOW', 'FOO']), this.pick(['NONE', 'WRAP', ''])];
    const operand = this.random(3) === 0 ? String(this.random(600) - 300) : this.pick(operands);
    const write = [this.pick(['SET', 'INCRBY', 'incrby']), ...place, operand];
    return kind < 6 ? write : ['OVERFLOW', this.pick(['WRAP', 'SAT', 'FAIL', 'sat']), ...write];
  }

  private type(): string {
    if (this.random(20) === 0) return this.pick(badTypes);
    const sign = this.pick(['i', 'u']);
    const bits = this.random(3) === 0 ? this.pick([1, 8, 16, 32, 62, 63, 64]) : this.random(64) + 1;
    return sign + (sign === 'u' ? Math.min(63, bits) : bits);
  }

  private fieldOffset(): string {
    if (this.random(20) === 0) return this.pick(fieldOffsets);
    return this.random(3) === 0 ? `#${this.random(6)}` : this.offset();
  }

  private offset(): string {
    return this.random(12) === 0 ? this.pick(badOffsets) : String(this.random(200));
  }

  private lcsOptions(): string[] {
    return Array.from({ length: this.random(4) }, () => {
      const kind = this.random(10);
      if (kind === 0) return [this.pick(['FOO', 'MINMATCHLEN', ''])];
      if (kind < 3) return ['MINMATCHLEN', this.pick(['0', '1', '2', '4', '-1', 'x'])];
      return [this.pick(['IDX', 'idx', 'LEN', 'WITHMATCHLEN', 'IDX'])];
    }).flat();
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.random(from.length)]!;
  }
}
