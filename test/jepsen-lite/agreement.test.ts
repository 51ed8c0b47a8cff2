/**
 * The checker against the definition, on many small histories: the verdict and the operation at
 * which it first went wrong. `TGCACHE_HISTORIES` sets how many (100,000 in the long run).
 */
import { expect, it } from 'vitest';
import { check } from '../../jepsen-lite/check.js';
import { generator } from '../raft/support.js';
import { firstWrongReturn } from './brute-force.js';
import { randomHistory } from './random-history.js';

const histories = Number(process.env.TGCACHE_HISTORIES ?? 100_000);
const operationsMax = 7;

it(`agrees with trying every order on ${histories} histories`, () => {
  const found = { linearizable: 0, 'not linearizable': 0, unknown: 0 };
  for (let seed = 1; seed <= histories; seed++) {
    const history = randomHistory(generator(seed), operationsMax);
    const { verdict, failure } = check(history);
    found[verdict]++;
    const wrong = firstWrongReturn(history.init, history.operations);
    const own = failure === null ? null : failure.offending.ret;
    if (own === wrong && verdict === (wrong === null ? 'linearizable' : 'not linearizable'))
      continue;
    expect.fail(`seed ${seed}: ${verdict} at ${own}, by brute force ${wrong}`);
  }
  // Neither side may win by always giving the same answer.
  expect(found.linearizable).toBeGreaterThan(histories / 5);
  expect(found['not linearizable']).toBeGreaterThan(histories / 5);
  expect(found.unknown).toBe(0);
}, 300_000);
