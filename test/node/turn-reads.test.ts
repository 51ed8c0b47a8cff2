import { beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { TurnReads } from '../../src/node/turn-reads.js';
import { nullSink } from '../../src/resp/reply-sink.js';
import type { Origin } from '../../src/server/group.js';
import { argsOf, specOf } from '../statemachine/words.js';

const get = specOf('get');

let events: string[];
let reads: TurnReads;

beforeEach(() => {
  events = [];
  reads = new TurnReads(
    (ops, at, args) => {
      const origin = ops.originAt(at);
      origin.pending--;
      events.push(`${origin.seenIndex} ${args.text(1)}`);
    },
    (keys) => events.push(`ahead ${keys.count}`),
  );
});

/** Known by the number in `seenIndex`. */
function origin(number: number): Origin {
  return {
    reply: nullSink,
    pending: 0,
    lastWrite: 0,
    seenIndex: number,
    protocol: 2,
    tracker: null,
    stale: true,
    database: 0,
    answered: () => {},
  };
}

describe('reads of a turn', () => {
  it('are carried out sixteen at a time and at its end, in their order', () => {
    const [a, b] = [origin(1), origin(2)];
    for (let at = 0; at < 20; at++) {
      expect(reads.push(at < 10 ? a : b, get, argsOf('GET', `k${at}`))).toBe(true);
      if (at < 15) expect(events).toEqual([]);
    }
    expect([a.pending, b.pending]).toEqual([0, 4]);
    reads.run();
    reads.run();
    const expected = Array.from({ length: 20 }, (_, at) => `${at < 10 ? 1 : 2} k${at}`);
    expect(events).toEqual([
      'ahead 16',
      ...expected.slice(0, 16),
      'ahead 4',
      ...expected.slice(16),
    ]);
    expect(b.pending).toBe(0);
  });

  it('run before another one of an origin that came back', () => {
    const [a, b] = [origin(1), origin(2)];
    reads.push(a, get, argsOf('GET', 'x'));
    reads.push(b, get, argsOf('GET', 'y'));
    expect(reads.push(a, get, argsOf('GET', 'z'))).toBe(true);
    expect(events).toEqual(['ahead 2', '1 x', '2 y']);
    reads.run();
    expect(events.at(-1)).toBe('1 z');
  });

  it('are none while something else is pending for their origin', () => {
    const [a, b] = [origin(1), origin(2)];
    a.pending = 1;
    reads.push(b, get, argsOf('GET', 'y'));
    expect(reads.push(a, get, argsOf('GET', 'x'))).toBe(false);
    expect(events).toEqual(['ahead 1', '2 y']);
    expect(a.pending).toBe(1);
  });

  it('are none with a long key, which would be copied', () => {
    const a = origin(1);
    reads.push(a, get, argsOf('GET', 'x'));
    expect(reads.push(a, get, argsOf('GET', 'k'.repeat(limits.turnReadBytesMax)))).toBe(false);
    expect(events).toEqual(['ahead 1', '1 x']);
    expect(a.pending).toBe(0);
  });
});
