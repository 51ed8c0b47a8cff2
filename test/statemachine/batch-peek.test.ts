import { describe, expect, it } from 'vitest';
import { Args } from '../../src/resp/args.js';
import { BatchWriter, PayloadReader } from '../../src/statemachine/batch-format.js';
import { argsOf, specOf } from './words.js';

function readerOf(...commands: string[][]): PayloadReader {
  const writer = new BatchWriter();
  writer.begin();
  for (const words of commands) writer.append(specOf(words[0]!).opcode, argsOf(...words));
  const reader = new PayloadReader();
  reader.open(writer.finish(1000, 1));
  return reader;
}

describe('PayloadReader.peek', () => {
  it('gives first arguments and does not move on', () => {
    const reader = readerOf(['SET', 'a', 'x'], ['DEL', 'bb', 'c'], ['INCR', 'ccc']);
    const [firsts, args] = [new Args(), new Args()];
    const peeked = (commands: number) => {
      reader.peek(commands, firsts);
      return Array.from({ length: firsts.count }, (_, at) => firsts.text(at));
    };
    expect(peeked(3)).toEqual(['a', 'bb', 'ccc']);
    reader.next(args);
    expect(args.text(1)).toBe('a');
    expect(peeked(1)).toEqual(['bb']);
    reader.next(args);
    expect(args.text(2)).toBe('c');
  });

  it('leaves out long ones and commands without any', () => {
    const reader = readerOf(['DEL', 'k'.repeat(1000)], ['FLUSHALL'], ['DEL', 'k']);
    const firsts = new Args();
    reader.peek(3, firsts);
    expect([firsts.count, firsts.text(0)]).toEqual([1, 'k']);
  });

  it('refuses a payload that ends too early', () => {
    const writer = new BatchWriter();
    writer.begin();
    writer.append(specOf('SET').opcode, argsOf('SET', 'a', 'x'));
    const reader = new PayloadReader();
    reader.open(writer.finish(1000, 1));
    expect(() => reader.peek(2, new Args())).toThrow('damaged');
  });
});
