/** Databases: keys of the same name apart, moved, swapped and flushed, on every replica alike. */
import { describe, expect, it } from 'vitest';
import { BatchWriter, latin1Bytes } from '../../src/statemachine/batch-format.js';
import { Keyspace } from '../../src/statemachine/keyspace.js';
import { KeyspaceRestorer } from '../../src/statemachine/keyspace-restorer.js';
import { TransactionBuilder, watchVersion } from '../../src/statemachine/transaction.js';
import { CommandMachine } from './command-machine.js';
import { ascii, random } from './keyspace-helpers.js';
import { argsOf, specOf } from './words.js';

const bulk = (text: string) => `$${text.length}\r\n${text}`;
const outOfRange = '-ERR DB index is out of range';
const notAnInteger = '-ERR value is not an integer or out of range';

/** Commands, each behind the number of its database, and the reply to the last. */
const cases: readonly (readonly [string, string])[] = [
  ['0 SET a zero; 1 SET a one; 0 GET a', bulk('zero')],
  ['0 SET a zero; 1 SET a one; 1 GET a', bulk('one')],
  ['0 SET a zero; 15 GET a', '$-1'],
  ['0 SET a 1; 1 SET a 1; 1 SET b 1; 1 DBSIZE', ':2'],
  ['0 SET a 1; 1 SET a 1; 1 SET b 1; 0 DBSIZE', ':1'],
  ['1 SET a 1; 1 DEL a; 1 DBSIZE', ':0'],
  ['0 SET a 1; 3 SET b 1; 3 KEYS *', `*1\r\n${bulk('b')}`],
  ['0 SET a 1; 3 SET b 1; 3 RANDOMKEY', bulk('b')],
  ['0 SET a 1; 3 SET b 1; 3 SCAN 0', `*2\r\n${bulk('0')}\r\n*1\r\n${bulk('b')}`],
  ['0 SET a 1; 3 SET b 1; 3 FLUSHDB; 0 EXISTS a', ':1'],
  ['0 SET a 1; 3 SET b 1; 3 FLUSHDB; 3 DBSIZE', ':0'],
  ['0 SET a 1; 3 SET b 1; 3 FLUSHALL; 0 EXISTS a', ':0'],
  ['0 SET a 1; 0 MOVE a 1', ':1'],
  ['0 SET a 1; 0 MOVE a 1; 0 EXISTS a', ':0'],
  ['0 SET a 1; 0 MOVE a 1; 1 GET a', bulk('1')],
  ['0 SET a 1 EX 10; 0 MOVE a 1; 1 TTL a', ':10'],
  ['0 SET a 1; 1 SET a 2; 0 MOVE a 1', ':0'],
  ['0 MOVE a 1', ':0'],
  ['0 SET a 1; 0 MOVE a 0', '-ERR source and destination objects are the same'],
  ['0 MOVE a 16', outOfRange],
  ['0 MOVE a -1', outOfRange],
  ['0 MOVE a x', notAnInteger],
  ['0 SET a 1; 0 COPY a a DB 1; 1 GET a', bulk('1')],
  ['0 SET a 1; 1 SET a 2; 0 COPY a a DB 1', ':0'],
  ['0 SET a 1; 1 SET a 2; 0 COPY a a DB 1 REPLACE; 1 GET a', bulk('1')],
  ['1 SET a 1; 1 COPY a a DB 1', '-ERR source and destination objects are the same'],
  ['0 COPY a b DB 16', outOfRange],
  ['0 COPY a b DB 16 FOO', outOfRange],
  ['0 COPY a b DB 1 FOO', '-ERR syntax error'],
  ['1 SET a 1; 1 RENAME a b; 1 GET b', bulk('1')],
  ['1 SETBIT a 7 1; 1 GET a', bulk('\x01')],
  ['0 SET a 1; 0 SWAPDB 0 1; 1 GET a', bulk('1')],
  ['0 SET a 1; 0 SWAPDB 0 1; 0 GET a', '$-1'],
  ['0 SET a 1; 0 SWAPDB 0 1; 0 SET a 2; 1 GET a', bulk('1')],
  ['0 SET a 1; 0 SWAPDB 0 1; 0 SWAPDB 1 9; 9 GET a', bulk('1')],
  ['0 SET a 1; 0 SWAPDB 0 1; 0 SWAPDB 0 1; 0 GET a', bulk('1')],
  ['0 SET a 1; 5 SWAPDB 0 15; 15 DBSIZE', ':1'],
  ['0 SET a 1; 0 SWAPDB 0 1; 1 FLUSHDB; 1 EXISTS a', ':0'],
  ['0 SET a 1; 0 SWAPDB 0 0; 0 EXISTS a', ':1'],
  ['0 SWAPDB x 1', '-ERR invalid first DB index'],
  ['0 SWAPDB 1 x', '-ERR invalid second DB index'],
  ['0 SWAPDB 1 16', outOfRange],
];

function run(machine: CommandMachine, line: string): string {
  const [database, ...words] = line.split(' ');
  return machine.runIn(Number(database), ...words);
}

describe('databases', () => {
  it.each(cases)('%s', (line, reply) => {
    const machine = new CommandMachine();
    const replies = line.split('; ').map((command) => run(machine, command));
    expect(replies.at(-1)).toBe(`${reply}\r\n`);
  });

  it('a key that has expired does not keep another from its place', () => {
    const machine = new CommandMachine();
    run(machine, '1 SET a old PX 5');
    run(machine, '0 SET a new');
    const { keyspace } = machine.machine;
    const name = ascii('a');
    machine.nowMs += 10;
    expect(run(machine, '0 MOVE a 1')).toBe(':1\r\n');
    expect(run(machine, '1 GET a')).toBe(`${bulk('new')}\r\n`);
    expect([keyspace.size, keyspace.sizeOf(0), keyspace.sizeOf(1)]).toEqual([1, 0, 1]);
    expect(keyspace.find(name, 0, 1)).toBe(-1);
  });

  it('as many databases as the setting says', () => {
    const machine = new CommandMachine([
      ['maxmemory-policy', 'noeviction'],
      ['databases', '2'],
    ]);
    run(machine, '0 SET a 1');
    expect(run(machine, '0 MOVE a 2')).toBe(`${outOfRange}\r\n`);
    expect(run(machine, '0 MOVE a 1')).toBe(':1\r\n');
  });

  it.each([
    ['1 SET a 2', false],
    ['0 SET a 2', true],
    ['0 SWAPDB 1 2', false],
    ['0 SWAPDB 2 3', true],
    ['1 MOVE a 2', false],
    ['1 FLUSHDB', false],
    ['0 FLUSHDB', true],
  ] as const)('a transaction that watches a in database 1 runs after %s: %s', (line, runs) => {
    const machine = new CommandMachine();
    run(machine, '0 SET a 0');
    run(machine, '1 SET a 1');
    const builder = new TransactionBuilder();
    const context = machine.machine.readContext(machine.nowMs, () => 0, true, 1);
    builder.watch(latin1Bytes('a'), watchVersion(context, argsOf('watch', 'a'), 1), 1);
    run(machine, line);
    builder.queue(specOf('dbsize'), argsOf('dbsize'), 3);
    expect(machine.exec(builder.build())).toBe(runs ? '*1\r\n:0\r\n' : '*-1\r\n');
  });

  it('commands of one transaction each in their own database', () => {
    const machine = new CommandMachine();
    const builder = new TransactionBuilder();
    builder.queue(specOf('set'), argsOf('set', 'a', 'zero'));
    builder.queue(specOf('set'), argsOf('set', 'a', 'two'), 2);
    builder.queue(specOf('swapdb'), argsOf('swapdb', '0', '2'), 2);
    builder.queue(specOf('get'), argsOf('get', 'a'), 2);
    builder.queue(specOf('get'), argsOf('get', 'a'));
    expect(machine.exec(builder.build())).toBe(
      `*5\r\n+OK\r\n+OK\r\n+OK\r\n${bulk('zero')}\r\n${bulk('two')}\r\n`,
    );
  });

  it('entries of database 0 are what they were before there were others', () => {
    const writer = new BatchWriter();
    writer.begin();
    writer.append(10, argsOf('get', 'a'));
    writer.append(10, argsOf('get', 'a'), 1);
    const payload = writer.finish(0, 0).subarray(18);
    expect([...payload]).toEqual([10, 1, 1, 97, 0x8a, 8, 1, 1, 97]);
  });
});

type Model = Map<string, string>[];

/** One random change to both; a name lies in any of the databases. */
function change(keyspace: Keyspace, model: Model, next: (below: number) => number): void {
  const name = `k${next(30)}`;
  const key = ascii(name);
  const [from, to] = [next(16), next(16)];
  const slot = keyspace.find(key, 0, key.length, from);
  const kind = next(100);
  if (kind < 60) {
    const value = ascii(String(next(1000)));
    keyspace.put(key, 0, key.length, value, 0, value.length, 0, from);
    model[from]!.set(name, String.fromCharCode(...value));
  } else if (kind < 75 && slot >= 0) {
    keyspace.remove(slot);
    model[from]!.delete(name);
  } else if (kind < 90 && slot >= 0 && keyspace.find(key, 0, key.length, to) < 0) {
    keyspace.moveTo(slot, to);
    model[to]!.set(name, model[from]!.get(name)!);
    model[from]!.delete(name);
  } else if (kind < 97) {
    keyspace.swapDatabases(from, to);
    [model[from], model[to]] = [model[to]!, model[from]!];
  } else if (kind === 97) {
    keyspace.flushDatabase(from);
    model[from] = new Map();
  }
}

function contents(keyspace: Keyspace, database: number): string[] {
  const found: string[] = [];
  for (let slot = 0; slot < keyspace.slotLimit; slot++) {
    if (!keyspace.isLiveIn(slot, database)) continue;
    const start = keyspace.keyStart(slot);
    const middle = keyspace.valueStart(slot);
    const bytes = keyspace.keyBuffer(slot);
    const key = String.fromCharCode(...bytes.subarray(start, middle));
    const value = bytes.subarray(middle, middle + keyspace.valueLength(slot));
    found.push(`${key}=${String.fromCharCode(...value)}`);
  }
  return found.sort();
}

describe('random changes in sixteen databases', () => {
  it.each([1, 2, 3])('seed %i: as sixteen maps, also behind a snapshot', (seed) => {
    const next = random(seed);
    let keyspace = new Keyspace();
    const model: Model = Array.from({ length: 16 }, () => new Map());
    for (let round = 0; round < 20; round++) {
      for (let each = 0; each < 200; each++) change(keyspace, model, next);
      for (const [database, keys] of model.entries()) {
        const expected = [...keys].map(([key, value]) => `${key}=${value}`).sort();
        expect(contents(keyspace, database)).toEqual(expected);
        expect(keyspace.sizeOf(database)).toBe(keys.size);
      }
      const view = keyspace.openView();
      const restorer = new KeyspaceRestorer();
      for (let chunk = view.next(); chunk !== null; chunk = view.next()) restorer.chunk(chunk);
      view.close();
      keyspace = restorer.finish();
    }
  });
});
