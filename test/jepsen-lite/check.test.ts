/** Verdicts on small histories written by hand, kind of operation by kind of operation. */
import { describe, expect, it } from 'vitest';
import { check, defaultBounds } from '../../jepsen-lite/check.js';
import { parseHistory } from '../../jepsen-lite/history.js';
import { generator } from '../raft/support.js';

type Fields = Readonly<Record<string, unknown>>;

/** One operation after the other, where the fields do not say otherwise. */
function historyOf(...operations: readonly Fields[]) {
  const lines = operations.map((fields, at) => ({
    ...{ id: at, p: 0, k: 'x', call: 10 * at, ret: 10 * at + 5, st: 'ok' },
    ...fields,
  }));
  return parseHistory(lines.map((line) => JSON.stringify(line)).join('\n'));
}

const verdict = (...operations: readonly Fields[]) => check(historyOf(...operations)).verdict;
const read = (r: string | null, more: Fields = {}) => ({ f: 'read', r, ...more });
const write = (a: string, more: Fields = {}) => ({ f: 'write', a, ...more });
const lost = { st: 'unknown' };

describe('one after the other', () => {
  it.each([
    ['read and write', [read(null), write('1'), read('1')]],
    ['cas', [write('1'), { f: 'cas', a: ['1', '2'], r: true }, read('2')]],
    ['cas that finds another value', [{ f: 'cas', a: ['1', '2'], r: false }, read(null)]],
    ['cas of an absent key', [{ f: 'cas', a: [null, '2'], r: true }, read('2')]],
    [
      'del',
      [write('1'), { f: 'del', r: 1 }, { f: 'del', r: 0 }, { f: 'del', r: null }, read(null)],
    ],
    ['incr', [{ f: 'incr', a: 2, r: 2 }, { f: 'incr', a: -5, r: -3 }, read('-3')]],
    ['setnx', [{ f: 'setnx', a: '1', r: true }, { f: 'setnx', a: '2', r: false }, read('1')]],
    ['getset', [{ f: 'getset', a: '1', r: null }, { f: 'getset', a: '2', r: '1' }, read('2')]],
    ['getdel', [write('1'), { f: 'getdel', r: '1' }, { f: 'getdel', r: null }]],
    [
      'append',
      [
        { f: 'append', a: 'a', r: 1 },
        { f: 'append', a: 'b' },
        { f: 'lread', r: ['a', 'b'] },
      ],
    ],
    ['lread of no list', [{ f: 'lread', r: [] }, read(null)]],
    ['sappend', [{ f: 'sappend', a: 'a' }, { f: 'sappend', a: 'b' }, read('ab')]],
    [
      'expire',
      [write('1'), { f: 'expire', a: '2' }, read('1'), { f: 'expire', a: '1' }, read(null)],
    ],
    ['numbers as values', [{ f: 'write', a: 7 }, read('7')]],
  ])('%s', (_, operations: readonly Fields[]) => {
    expect(verdict(...operations)).toBe('linearizable');
  });

  it.each([
    ['a stale read', [write('1'), write('2'), read('1')]],
    ['a value from nowhere', [write('1'), read('2')]],
    ['a lost write', [write('1'), read(null)]],
    ['cas that overlooks the value', [write('1'), { f: 'cas', a: ['1', '2'], r: false }]],
    ['cas that imagines the value', [write('1'), { f: 'cas', a: ['2', '3'], r: true }]],
    ['a key deleted twice', [write('1'), { f: 'del', r: 1 }, { f: 'del', r: 1 }]],
    [
      'a lost increment',
      [
        { f: 'incr', a: 1, r: 1 },
        { f: 'incr', a: 1, r: 1 },
      ],
    ],
    ['an increment of a text', [write('a'), { f: 'incr', a: 1, r: 1 }]],
    ['an increment beyond 64 bits', [write(String(2n ** 63n - 1n)), { f: 'incr', a: 1, r: 0 }]],
    [
      'setnx twice',
      [
        { f: 'setnx', a: '1', r: true },
        { f: 'setnx', a: '2', r: true },
      ],
    ],
    [
      'a lost element',
      [
        { f: 'append', a: 'a' },
        { f: 'append', a: 'b', r: 1 },
      ],
    ],
    [
      'elements out of order',
      [
        { f: 'append', a: 'a' },
        { f: 'append', a: 'b' },
        { f: 'lread', r: ['b', 'a'] },
      ],
    ],
    [
      'an element twice',
      [
        { f: 'append', a: 'a' },
        { f: 'lread', r: ['a', 'a'] },
      ],
    ],
    ['a suffix twice', [{ f: 'sappend', a: 'a' }, read('aa')]],
    ['a read of a list', [{ f: 'append', a: 'a' }, read('a')]],
    ['a value that outlives its expiry', [write('1'), { f: 'expire', a: '1' }, read('1')]],
  ])('%s is wrong', (_, operations: readonly Fields[]) => {
    expect(verdict(...operations)).toBe('not linearizable');
  });
});

describe('at the same time', () => {
  const both = { call: 0, ret: 100 };

  it('either order explains what was seen', () => {
    const writes = [write('1', both), write('2', both)];
    for (const seen of ['1', '2']) {
      const reads = [read(seen, { call: 110, ret: 111 }), read(seen, { call: 112, ret: 113 })];
      expect(verdict(...writes, ...reads)).toBe('linearizable');
    }
    const turn = [read('1', { call: 110, ret: 111 }), read('2', { call: 112, ret: 113 })];
    expect(verdict(...writes, ...turn)).toBe('not linearizable');
  });

  it('equal stamps are concurrent, the next one is not', () => {
    const first = write('1', { call: 0, ret: 5 });
    expect(verdict(first, read(null, { call: 5, ret: 6 }))).toBe('linearizable');
    expect(verdict(first, read(null, { call: 6, ret: 7 }))).toBe('not linearizable');
  });

  it('readers may not disagree about the order', () => {
    const writes = [write('1', both), write('2', both)];
    const at = (moment: number) => ({ call: moment, ret: moment });
    const reads = [read('1', at(10)), read('2', at(20)), read('1', at(30))];
    expect(verdict(...writes, ...reads)).toBe('not linearizable');
  });
});

describe('unknown outcomes', () => {
  it('requirement 69: may have taken effect, or not', () => {
    for (const seen of ['1', '2']) {
      expect(verdict(write('1'), write('2', lost), read(seen))).toBe('linearizable');
    }
  });

  it('requirement 69: may take effect long after, whatever "ret" says', () => {
    const late = [write('2', { ...lost, ret: 12 }), read('1'), write('3'), read('3'), read('2')];
    expect(verdict(write('1'), ...late)).toBe('linearizable');
  });

  it('take effect once, and not before the call', () => {
    expect(verdict(write('2', lost), read('2'), write('1'), read('2'))).toBe('not linearizable');
    expect(verdict(read('2'), write('2', lost))).toBe('not linearizable');
  });

  it('increments and appends count, or do not', () => {
    const increments = [
      { f: 'incr', a: 1, ...lost },
      { f: 'incr', a: 4, ...lost },
    ];
    for (const seen of ['1', '4', '5'])
      expect(verdict(...increments, read(seen))).toBe('linearizable');
    for (const seen of ['2', '6'])
      expect(verdict(...increments, read(seen))).toBe('not linearizable');
    const appends = [
      { f: 'append', a: 'a', ...lost },
      { f: 'append', a: 'b', r: 1 },
    ];
    expect(verdict(...appends, { f: 'lread', r: ['b', 'a'] })).toBe('linearizable');
    expect(verdict(...appends, { f: 'lread', r: ['a', 'b'] })).toBe('not linearizable');
  });

  it('known failures had no effect', () => {
    expect(verdict(write('1'), write('2', { st: 'fail' }), read('2'))).toBe('not linearizable');
  });

  it('hundreds of them cost little', () => {
    const writes = Array.from({ length: 300 }, (_, at) => write(`v${at % 40}`, lost));
    const reads = Array.from({ length: 200 }, (_, at) => [
      write('known'),
      read(`v${at % 40}`),
    ]).flat();
    const report = check(historyOf(...writes, ...reads), { ...defaultBounds, stepsMax: 100_000 });
    expect(report.verdict).toBe('linearizable');
    const tooMany = Array.from({ length: 9 }, () => [write('known'), read('v39')]).flat();
    const wrong = check(historyOf(...writes, ...tooMany), { ...defaultBounds, stepsMax: 100_000 });
    expect(wrong.verdict).toBe('not linearizable');
  });
});

describe('the failing prefix', () => {
  it('ends with the first return that nothing explains', () => {
    const good = [write('1'), read('1'), write('2'), read('2')];
    const { failure } = check(historyOf(...good, read('1'), read('7'), write('3'), read('2')));
    expect(failure).toMatchObject({ isShortest: true, offending: { id: 4, ret: 45 } });
    expect(failure!.prefix.known.map((step) => step.operation.id)).toEqual([0, 1, 2, 3, 4]);
    expect(failure!.prefix.unknown).toEqual([]);
    expect(failure!.explained.map((step) => step.operation.id)).toEqual([0, 1, 2, 3]);
  });

  it('does not blame what only came to light later', () => {
    // Until the last read the first write may still be under way.
    const open = write('1', { call: 0, ret: 100 });
    const reads = [read('1', { call: 10, ret: 11 }), read(null, { call: 20, ret: 21 })];
    const { failure } = check(historyOf(open, ...reads, read('1', { call: 200, ret: 201 })));
    expect(failure?.offending.id).toBe(2);
  });

  it('is that of the key that went wrong first', () => {
    const wrong = (k: string) => [write('1', { k }), read('2', { k })];
    const { failure, keys } = check(
      historyOf(write('1', { k: 'c' }), ...wrong('a'), ...wrong('b')),
    );
    expect(keys).toBe(3);
    expect(failure?.key).toBe('a');
  });
});

describe('bounds', () => {
  /** Many orders, none of which ends with a list, and nothing that gives it away earlier. */
  function hardHistory() {
    const random = generator(5);
    const operations = Array.from({ length: 60 }, (_, at) => {
      const times = { call: at, ret: at + 40 };
      if (at % 3 > 0) return { f: 'sappend', a: `${random(10)}`, ...times };
      return { f: 'cas', a: [`${at}`, 'z'], r: false, ...times };
    });
    return historyOf(...operations, { f: 'append', a: 'y', call: 200, ret: 201 });
  }

  it('of steps, memory and time make the verdict unknown', () => {
    const history = hardHistory();
    const bounded = { ...defaultBounds, stepsMax: 50_000 };
    const steps = check(history, bounded);
    expect(steps).toMatchObject({ verdict: 'unknown', undecidedKeys: ['x'], failure: null });
    expect(steps.steps).toBe(50_000);
    expect(check(history, { ...defaultBounds, bytesMax: 100_000 }).verdict).toBe('unknown');
    expect(check(history, { ...defaultBounds, isOver: () => true }).verdict).toBe('unknown');
  });

  it('do not hide that another key is wrong', () => {
    const { init, operations } = hardHistory();
    const wrong = historyOf(write('1', { k: 'b' }), read('2', { k: 'b' })).operations;
    const bounded = { ...defaultBounds, stepsMax: 50_000 };
    const report = check({ init, operations: [...operations, ...wrong] }, bounded);
    expect(report).toMatchObject({ verdict: 'not linearizable', undecidedKeys: ['x'] });
    expect(report.failure).toMatchObject({ key: 'b', isShortest: false });
  });

  it('the same history costs the same each time', () => {
    const bounded = { ...defaultBounds, stepsMax: 50_000 };
    expect(check(hardHistory(), bounded)).toEqual(check(hardHistory(), bounded));
  });
});
