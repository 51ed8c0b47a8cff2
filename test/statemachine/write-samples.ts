/** Calls of every write command, drawn at random, over a few keys so that they meet. */

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
  return [...draw.of([[], [], ['NX'], ['XX']]), ...draw.of([[], ['GET']]), ...life];
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
  copy: (draw) => [draw.key(), draw.key(), ...draw.of([[], ['REPLACE']])],
  flushdb: (draw) => draw.of([[], ['ASYNC'], ['SYNC']]),
  flushall: (draw) => draw.of([[], ['ASYNC'], ['SYNC']]),
  expire: (draw) => [draw.key(), seconds(draw), ...condition(draw)],
  pexpire: (draw) => [draw.key(), millis(draw), ...condition(draw)],
  expireat: (draw, nowMs) => [draw.key(), String(Math.ceil(nowMs / 1000) + draw.below(20))],
  pexpireat: (draw, nowMs) => [draw.key(), due(draw, nowMs), ...condition(draw)],
  persist: (draw) => [draw.key()],
};
