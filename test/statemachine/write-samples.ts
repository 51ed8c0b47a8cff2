/** Calls of every write command, drawn at random, over a few keys so that they meet. */

import { latin1Bytes } from '../../src/statemachine/batch-format.js';
import { dumpString } from '../../src/statemachine/rdb-string.js';

/** Numbers from a seed. */
export class Draw {
  constructor(private state: number) {}

  below(bound: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * bound);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  key(): string {
    return `k${this.below(60)}`;
  }

  /** Of its own, so that counters meet numbers. */
  counter(): string {
    return `n${this.below(8)}`;
  }

  value(): string {
    return this.of(['x', 'v'.repeat(this.below(40)), 'w'.repeat(this.below(3000))]);
  }
}

type Sample = (draw: Draw, nowMs: number) => readonly string[];

const seconds = (draw: Draw) => String(1 + draw.below(20));
const millis = (draw: Draw) => String(1 + draw.below(5000));
const condition = (draw: Draw) => draw.of([[], ['NX'], ['XX'], ['GT'], ['LT']]);
const due = (draw: Draw, nowMs: number) => String(nowMs + draw.below(5000));

function setOptions(draw: Draw, nowMs: number): readonly string[] {
  const life = draw.of([
    [],
    ['KEEPTTL'],
    ['EX', seconds(draw)],
    ['PX', millis(draw)],
    ['PXAT', due(draw, nowMs)],
  ]);
  const conditions = [[], [], ['NX'], ['XX'], ['IFEQ', 'x'], ['IFNE', 'x']];
  return [...draw.of(conditions), ...draw.of([[], ['GET']]), ...life];
}

/** Of its own, so that bits stay few. */
const bits = (draw: Draw) => `b${draw.below(6)}`;
const offset = (draw: Draw) => String(draw.below(500));
const database = (draw: Draw) => String(draw.below(4));

function fields(draw: Draw): readonly string[] {
  const overflow = draw.of([[], ['OVERFLOW', 'SAT'], ['OVERFLOW', 'FAIL']]);
  const field = [draw.of(['u7', 'i13', 'i64']), offset(draw)];
  const change = [draw.of(['SET', 'INCRBY']), ...field, String(draw.below(90))];
  return draw.of([[...overflow, ...change, 'GET', 'u3', '0'], change]);
}

/** A payload that holds a string, or none. */
function payload(draw: Draw): string {
  const dump = String.fromCharCode(...dumpString(latin1Bytes(draw.value())));
  return draw.below(10) === 0 ? dump.slice(1) : dump;
}

/** Arguments by name of the command. */
export const writeSamples: Readonly<Record<string, Sample>> = {
  set: (draw, nowMs) => [draw.key(), draw.value(), ...setOptions(draw, nowMs)],
  getset: (draw) => [draw.key(), draw.value()],
  setnx: (draw) => [draw.key(), draw.value()],
  setex: (draw) => [draw.key(), seconds(draw), draw.value()],
  psetex: (draw) => [draw.key(), millis(draw), draw.value()],
  mset: (draw) => [draw.key(), draw.value(), draw.key(), draw.value()],
  msetnx: (draw) => [draw.key(), draw.value(), draw.key(), draw.value()],
  append: (draw) => [draw.key(), draw.value()],
  setrange: (draw) => [draw.key(), String(draw.below(100)), draw.value()],
  getdel: (draw) => [draw.key()],
  getex: (draw) => [draw.key(), ...draw.of([[], ['PERSIST'], ['PX', millis(draw)]])],
  incr: (draw) => [draw.counter()],
  decr: (draw) => [draw.counter()],
  incrby: (draw) => [draw.counter(), String(draw.below(1000))],
  decrby: (draw) => [draw.counter(), String(draw.below(1000))],
  incrbyfloat: (draw) => [`f${draw.below(4)}`, `${draw.below(100)}.${draw.below(1000)}e-2`],
  del: (draw) => [draw.key(), draw.key()],
  unlink: (draw) => [draw.key()],
  rename: (draw) => [draw.key(), draw.key()],
  renamenx: (draw) => [draw.key(), draw.key()],
  copy: (draw) => [draw.key(), draw.key(), ...draw.of([[], ['REPLACE'], ['DB', database(draw)]])],
  flushdb: (draw) => draw.of([[], ['ASYNC'], ['SYNC']]),
  flushall: (draw) => draw.of([[], ['ASYNC'], ['SYNC']]),
  expire: (draw) => [draw.key(), seconds(draw), ...condition(draw)],
  pexpire: (draw) => [draw.key(), millis(draw), ...condition(draw)],
  expireat: (draw, nowMs) => [draw.key(), String(Math.ceil(nowMs / 1000) + draw.below(20))],
  pexpireat: (draw, nowMs) => [draw.key(), due(draw, nowMs), ...condition(draw)],
  persist: (draw) => [draw.key()],
  setbit: (draw) => [bits(draw), offset(draw), draw.of(['0', '1'])],
  bitop: (draw) => [draw.of(['AND', 'OR', 'XOR']), bits(draw), bits(draw), draw.key()],
  bitfield: (draw) => [bits(draw), ...fields(draw)],
  delifeq: (draw) => [draw.key(), 'x'],
  delex: (draw) => [draw.key(), ...draw.of([[], ['IFEQ', 'x'], ['IFNE', 'x']])],
  msetex: (draw) => ['2', draw.key(), draw.value(), draw.key(), 'x', 'PX', millis(draw)],
  increx: (draw) => [draw.counter(), ...draw.of([[], ['UBOUND', '5', 'SATURATE', 'EX', '9']])],
  restore: (draw) => [draw.key(), millis(draw), payload(draw), 'REPLACE'],
  move: (draw) => [draw.key(), database(draw)],
  swapdb: (draw) => [database(draw), database(draw)],
};
