import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.js';
import { type Execute, OperationQueue } from '../../src/node/operation-queue.js';
import { nullSink, type ReplySink } from '../../src/resp/reply-sink.js';
import { RequestParser } from '../../src/resp/request-parser.js';
import type { Origin } from '../../src/server/group.js';
import { BatchWriter } from '../../src/statemachine/batch-format.js';
import type { KeyspaceSpec } from '../../src/statemachine/command-spec.js';
import { argsOf } from '../statemachine/words.js';

/** Only what the queue looks at. */
const write = { kind: 'write', name: 'set', opcode: 1 } as unknown as KeyspaceSpec;
const keys = { first: 1, last: 1, step: 1 };
const read = { kind: 'read', name: 'get', opcode: 2, keys } as unknown as KeyspaceSpec;

const refusal = Buffer.from('refused');

interface Place {
  readonly index: number;
  readonly term: number;
}

/** Records what happens, in order. */
class World {
  readonly events: string[] = [];
  /** Keys that were announced, together. */
  readonly announced: string[][] = [];
  readonly queue: OperationQueue;
  private nextIndex = 10;

  constructor() {
    const execute: Execute = (ops, at, args) => {
      const origin = ops.originAt(at);
      origin.pending--;
      const what = ops.specAt(at) === null ? 'reply' : 'read';
      this.events.push(`${(origin as TestOrigin).name} ${what} ${args.text(args.count - 1)}`);
      origin.answered();
    };
    this.queue = new OperationQueue(new BatchWriter(), execute, (keys) => {
      this.announced.push(Array.from({ length: keys.count }, (_, at) => keys.text(at)));
    });
  }

  propose(): Place {
    const place = { index: this.nextIndex++, term: 3 };
    this.queue.closeBatch(0, 0, () => place, refusal);
    return place;
  }

  commit(place: Place): void {
    const batch = this.queue.takeBatch(place.index, place.term);
    expect(batch).not.toBeNull();
    let at = 0;
    this.queue.walk(batch!, () => this.events.push(`apply ${place.index}.${at++}`));
  }
}

class TestOrigin implements Origin {
  readonly reply: ReplySink = nullSink;
  pending = 0;
  lastWrite = 0;
  readonly database = 0;
  seenIndex = 0;
  readonly tracker = null;
  readonly protocol = 2;
  readonly stale = false;
  answers = 0;
  constructor(readonly name: string) {}
  answered(): void {
    this.answers++;
  }
}

describe('OperationQueue', () => {
  describe('gathers commands', () => {
    /** Proposes one batch after the other for as long as the queue wants to. */
    function fill(world: World, batchesMax: number): Place[] {
      const places: Place[] = [];
      while (places.length < batchesMax) {
        world.queue.pushWrite(new TestOrigin('a'), write, argsOf('set', 'k', 'v'));
        if (!world.queue.wantsToPropose) break;
        places.push(world.propose());
      }
      return places;
    }

    it('while enough batches are on their way to the disks', () => {
      const world = new World();
      expect(world.queue.wantsToPropose).toBe(false);
      const places = fill(world, 100);
      expect(places).toHaveLength(limits.batchesInFlightMax);
      world.queue.committedThrough(places[0]!.index);
      expect(world.queue.wantsToPropose).toBe(true);
    });

    it('until they are as many as those of each batch on its way', () => {
      const world = new World();
      const push = () => world.queue.pushWrite(new TestOrigin('a'), write, argsOf('set', 'k', 'v'));
      const proposeOf = (commands: number) => {
        for (let at = 0; at < commands; at++) push();
        return world.propose();
      };
      const places = [proposeOf(3), proposeOf(1)];
      const wanted: boolean[] = [];
      for (let commands = 1; commands <= 3; commands++) {
        push();
        wanted.push(world.queue.wantsToPropose);
      }
      expect(wanted).toEqual([false, false, true]);
      world.propose();
      push();
      world.queue.committedThrough(places[1]!.index);
      expect(world.queue.wantsToPropose).toBe(false);
      world.queue.committedThrough(places[1]!.index + 1);
      expect(world.queue.wantsToPropose).toBe(true);
    });

    it('while enough batches wait to be applied', () => {
      const world = new World();
      const places: Place[] = [];
      for (let more = fill(world, 1); more.length > 0; more = fill(world, 1)) {
        places.push(...more);
        world.queue.committedThrough(places.at(-1)!.index);
      }
      expect(places).toHaveLength(limits.batchesUnappliedMax);
      world.commit(places[0]!);
      expect(world.queue.wantsToPropose).toBe(true);
    });

    it('and no longer when all that was on its way has failed', () => {
      const world = new World();
      fill(world, 100);
      world.queue.failAll(() => {});
      expect(fill(world, 100)).toHaveLength(limits.batchesInFlightMax);
    });
  });

  it('requirement 36: runs a read between the writes of its pipeline, inside the entry', () => {
    const world = new World();
    const a = new TestOrigin('a');
    world.queue.pushWrite(a, write, argsOf('SET', 'k', '1'));
    world.queue.pushRead(a, read, argsOf('GET', 'k'));
    world.queue.pushWrite(a, write, argsOf('SET', 'k', '2'));
    world.commit(world.propose());
    expect(world.events).toEqual(['apply 10.0', 'a read k', 'apply 10.1']);
    expect(a.pending).toBe(0);
    expect(a.answers).toBe(3);
  });

  it('keeps a reply that waits for no round behind an earlier read of its connection', () => {
    const world = new World();
    const a = new TestOrigin('a');
    world.queue.pushRead(a, read, argsOf('GET', 'k'));
    expect(world.queue.assignToken(1)).toBe(true);
    world.queue.pushReply(a, Buffer.from('+PONG'));
    expect(world.queue.assignToken(2)).toBe(false);
    world.queue.confirm(2);
    expect(world.events).toEqual([]);
    world.queue.confirm(1);
    expect(world.events).toEqual(['a read k', 'a reply +PONG']);
  });

  it('announces keys before their reads run, turn after turn in the same memory', () => {
    const world = new World();
    const a = new TestOrigin('a');
    for (let token = 1; token <= 5; token++) {
      world.announced.length = 0;
      world.events.length = 0;
      world.queue.pushReply(a, Buffer.from('+PONG'));
      const keys = Array.from({ length: 12 * token }, (_, at) => `${token}.${at}`);
      for (const key of keys) world.queue.pushRead(a, read, argsOf('GET', key));
      world.queue.assignToken(token);
      world.queue.confirm(token);
      expect(world.announced.flat()).toEqual(keys);
      expect(Math.max(...world.announced.map((together) => together.length))).toBeLessThan(17);
      expect(world.events).toEqual(['a reply +PONG', ...keys.map((key) => `a read ${key}`)]);
    }
    expect(world.queue.isEmpty).toBe(true);
  });

  it('keeps the order when the earlier read has to ask again, and when it fails', () => {
    for (const end of ['confirmed', 'failed'] as const) {
      const world = new World();
      const a = new TestOrigin('a');
      world.queue.pushRead(a, read, argsOf('GET', 'first'));
      world.queue.assignToken(1);
      world.queue.retryReads(1);
      world.queue.pushRead(a, read, argsOf('GET', 'second'));
      world.queue.assignToken(2);
      const [first, second] = ['a read first', 'a read second'];
      if (end === 'confirmed') world.queue.confirm(2);
      else world.queue.failReads(2, ({ pending }) => world.events.push(`failed, ${pending}`));
      expect(world.events).toEqual(
        end === 'confirmed' ? [first, second] : ['failed, 2', 'failed, 2'],
      );
    }
  });

  it('runs reads before the batch that was proposed after them, confirmed or not', () => {
    const world = new World();
    const a = new TestOrigin('a');
    world.queue.pushRead(a, read, argsOf('GET', 'x'));
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '1'));
    world.queue.assignToken(1);
    world.commit(world.propose());
    expect(world.events).toEqual(['a read x', 'apply 10.0']);
  });

  it('requirement 36: a confirmed read waits for an earlier write of its connection', () => {
    const world = new World();
    const a = new TestOrigin('a');
    const b = new TestOrigin('b');
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '1'));
    const place = world.propose();
    world.queue.pushRead(a, read, argsOf('GET', 'x'));
    world.queue.pushRead(b, read, argsOf('GET', 'y'));
    world.queue.assignToken(7);
    world.queue.confirm(7);
    expect(world.events).toEqual(['b read y']);
    world.commit(place);
    expect(world.events).toEqual(['b read y', 'apply 10.0', 'a read x']);
    expect(world.queue.waiting).toBe(0);
  });

  it('requirement 37: what needs a round is decided when a read arrives', () => {
    const world = new World();
    const [a, b] = [new TestOrigin('a'), new TestOrigin('b')];
    world.queue.pushRead(a, read, argsOf('GET', 'x'), true);
    expect(world.queue.assignToken(1)).toBe(false);
    world.queue.pushRead(a, read, argsOf('GET', 'x'), true);
    world.queue.pushRead(b, read, argsOf('GET', 'y'));
    expect(world.queue.assignToken(2)).toBe(true);
    world.queue.retryReads(2);
    expect(world.queue.assignToken(3)).toBe(true);
  });

  it('keeps reads behind a batch that was closed in the middle of a turn', () => {
    const world = new World();
    const a = new TestOrigin('a');
    world.queue.pushRead(a, read, argsOf('GET', '1'));
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '1'));
    const first = world.propose();
    world.queue.pushRead(a, read, argsOf('GET', '2'));
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '2'));
    const second = world.propose();
    world.queue.assignToken(1);
    world.commit(first);
    world.commit(second);
    expect(world.events).toEqual(['a read 1', 'apply 10.0', 'a read 2', 'apply 11.0']);
  });

  it('requirement 29: an entry of another term at the index is not the batch', () => {
    const world = new World();
    const a = new TestOrigin('a');
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '1'));
    const place = world.propose();
    expect(world.queue.takeBatch(place.index, place.term + 1)).toBeNull();
  });

  it('requirement 36: gives deferred replies in their place', () => {
    const world = new World();
    const a = new TestOrigin('a');
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '1'));
    world.queue.pushReply(a, Buffer.from('+PONG'));
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '2'));
    world.commit(world.propose());
    expect(world.events).toEqual(['apply 10.0', 'a reply +PONG', 'apply 10.1']);
  });

  it('requirement 28: tells unknown outcomes from those that were never logged', () => {
    const world = new World();
    const a = new TestOrigin('a');
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '1'));
    world.propose();
    world.queue.pushRead(a, read, argsOf('GET', 'x'));
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '2'));
    world.queue.failAll((origin, kind) => {
      origin.pending--;
      world.events.push(`${(origin as TestOrigin).name} ${kind}`);
    });
    expect(world.events).toEqual(['a unknown', 'a read', 'a unlogged']);
    expect(a.pending).toBe(0);
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '3'));
    world.commit(world.propose());
    expect(world.events.at(-1)).toBe('apply 11.0');
  });

  it('what a refused batch answers waits for no refused batch before it', () => {
    const world = new World();
    const a = new TestOrigin('a');
    for (const value of ['1', '2']) {
      world.queue.pushWrite(a, write, argsOf('SET', 'k', value));
      world.queue.closeBatch(0, 0, () => null, refusal);
      world.queue.assignToken(Number(value));
      world.queue.confirm(Number(value));
    }
    world.queue.pushWrite(a, write, argsOf('SET', 'k', '3'));
    world.commit(world.propose());
    expect(world.events).toEqual(['a reply refused', 'a reply refused', 'apply 10.0']);
    expect(world.queue.isEmpty).toBe(true);
  });

  it('a batch that is refused answers its writes in their places, and its reads later', () => {
    const world = new World();
    const a = new TestOrigin('a');
    const b = new TestOrigin('b');
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '0'));
    const before = world.propose();
    world.queue.pushRead(b, read, argsOf('GET', 'first'));
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '1'));
    world.queue.pushRead(a, read, argsOf('GET', 'x'));
    world.queue.pushReply(a, Buffer.from('+PONG'));
    world.queue.pushWrite(b, write, argsOf('SET', 'y', '1'));
    world.queue.closeBatch(0, 0, () => null, refusal);
    expect(world.events).toEqual([]);
    expect([a.pending, b.pending]).toEqual([4, 2]);
    world.queue.assignToken(1);
    world.queue.confirm(1);
    expect(world.events).toEqual(['b read first']);
    world.queue.pushWrite(a, write, argsOf('SET', 'x', '2'));
    const after = world.propose();
    world.commit(before);
    world.commit(after);
    expect(world.events.slice(1)).toEqual([
      'apply 10.0',
      'a reply refused',
      'a read x',
      'a reply +PONG',
      'b reply refused',
      'apply 11.0',
    ]);
    expect([a.pending, b.pending]).toEqual([0, 0]);
    expect([world.queue.waiting, world.queue.waitingBytes]).toEqual([0, 0]);
  });

  it('counts what waits in and out alike, however it came over the wire', () => {
    const world = new World();
    const parser = new RequestParser();
    parser.feed(Buffer.from('*2\r\n$3\r\nGET\r\n$1\r\nx\r\n'));
    expect(parser.next()).toBe(true);
    world.queue.pushRead(new TestOrigin('a'), read, parser.args);
    expect([world.queue.waiting, world.queue.waitingBytes]).toEqual([1, 4]);
    world.queue.assignToken(1);
    world.queue.confirm(1);
    expect([world.queue.waiting, world.queue.waitingBytes]).toEqual([0, 0]);
  });
});
