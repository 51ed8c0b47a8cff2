/** The judge of the simulator's histories, on histories with a known verdict. */
import { describe, expect, it } from 'vitest';
import { checkKey, type Verdict } from './linearizability.js';
import type { Kind, Operation, Value } from './operations.js';

type Row = readonly [
  process: number,
  kind: Kind,
  call: number,
  end: number | null,
  ...rest: Value[],
];

/** After the times: the result, the value written, and what cas expects. */
function operation([process, kind, call, end, result, value, expected]: Row): Operation {
  return {
    ...{ process, key: 'k', kind, call, return: end },
    ...{ result: result ?? null, value: value ?? '', expected: expected ?? '' },
  };
}

const good: readonly (readonly [string, readonly Row[]])[] = [
  [
    'a read beside a write sees either',
    [
      [1, 'write', 0, 9, '1', 'a'],
      [2, 'read', 1, 2, null],
    ],
  ],
  [
    'nobody needs to have seen an unknown write',
    [
      [1, 'write', 0, null, null, 'a'],
      [2, 'read', 5, 6],
    ],
  ],
  [
    'an unknown write may come late',
    [
      [1, 'write', 0, null, null, 'a'],
      [2, 'read', 5, 6],
      [2, 'read', 7, 8, 'a'],
    ],
  ],
  [
    'a deadline may pass',
    [
      [1, 'write', 0, 1, '1', 'a'],
      [-1, 'expire', 5, null, null, 'a'],
      [2, 'read', 6, 7],
    ],
  ],
  [
    'increments add up',
    [
      [1, 'incr', 0, 5, '3', '1'],
      [2, 'incr', 1, 4, '2', '2'],
      [1, 'read', 6, 7, '3'],
    ],
  ],
  [
    'a cas that failed',
    [
      [1, 'write', 0, 1, '1', 'a'],
      [2, 'cas', 2, 3, '0', 'b', 'x'],
      [1, 'read', 4, 5, 'a'],
    ],
  ],
];

const bad: readonly (readonly [string, readonly Row[]])[] = [
  [
    'a stale read',
    [
      [1, 'write', 0, 1, '1', 'a'],
      [2, 'read', 2, 3, null],
    ],
  ],
  [
    'a lost write',
    [
      [1, 'write', 0, 1, '1', 'a'],
      [1, 'write', 2, 3, '1', 'b'],
      [2, 'read', 4, 5, 'a'],
    ],
  ],
  [
    'reads that go back',
    [
      [1, 'write', 0, null, null, 'a'],
      [2, 'read', 2, 3, 'a'],
      [3, 'read', 4, 5],
    ],
  ],
  [
    'a deadline that passes early',
    [
      [1, 'write', 0, 1, '1', 'a'],
      [-1, 'expire', 5, null, null, 'a'],
      [2, 'read', 2, 3],
    ],
  ],
  [
    'an increment done twice',
    [
      [1, 'incr', 0, 1, '1', '1'],
      [1, 'read', 2, 3, '2'],
    ],
  ],
  [
    'two that were first',
    [
      [1, 'setnx', 0, 5, '1', 'a'],
      [2, 'setnx', 0, 5, '1', 'b'],
    ],
  ],
  [
    'a pipeline out of order',
    [
      [1, 'write', 0, 9, '1', 'a'],
      [1, 'read', 0, 9, null],
    ],
  ],
];

function verdictOf(rows: readonly Row[]): Verdict {
  return checkKey(rows.map(operation));
}

describe('linearizability of one key', () => {
  it.each(good)('yes: %s', (_, rows) => {
    expect(verdictOf(rows)).toBe('linearizable');
  });

  it.each(bad)('no: %s', (_, rows) => {
    expect(verdictOf(rows)).toBe('not linearizable');
  });
});
