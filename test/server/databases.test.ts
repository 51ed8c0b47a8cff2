/** SELECT: the database of a connection, in pipelines, transactions and what is told of it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RawClient, startServer, type World } from './harness.js';

let world: World;
let client: RawClient;

beforeEach(async () => {
  world = await startServer();
  client = await RawClient.open(world.port);
});

afterEach(async () => {
  client.close();
  await world.stop();
});

async function expectReplies(lines: readonly string[], replies: readonly string[]): Promise<void> {
  const expected = replies.map((reply) => `${reply}\r\n`).join('');
  expect(await client.ask(`${lines.join('\r\n')}\r\n`, expected.length)).toBe(expected);
}

describe('SELECT', () => {
  it('holds for the commands behind it in a pipeline', async () => {
    await expectReplies(
      ['SET a zero', 'SELECT 1', 'GET a', 'SET a one', 'SELECT 0', 'GET a', 'SELECT 1', 'GET a'],
      ['+OK', '+OK', '$-1', '+OK', '+OK', '$4\r\nzero', '+OK', '$3\r\none'],
    );
  });

  it('is of one connection, and RESET goes back to 0', async () => {
    const other = await RawClient.open(world.port);
    await expectReplies(['SELECT 7', 'SET a 7'], ['+OK', '+OK']);
    expect(await other.ask('EXISTS a\r\n', 4)).toBe(':0\r\n');
    other.close();
    await expectReplies(['EXISTS a', 'RESET', 'EXISTS a'], [':1', '+RESET', ':0']);
  });

  it('within MULTI holds for what is queued behind it, and afterwards', async () => {
    await expectReplies(
      ['MULTI', 'SET a 0', 'SELECT 2', 'SET a 2', 'EXEC', 'GET a', 'SELECT 0', 'GET a'],
      [
        ...['+OK', '+QUEUED', '+QUEUED', '+QUEUED', '*3\r\n+OK\r\n+OK\r\n+OK'],
        ...['$1\r\n2', '+OK', '$1\r\n0'],
      ],
    );
  });

  it('within MULTI with watched keys is refused: it could not be undone', async () => {
    const refusal =
      '-EXECABORT Transaction discarded because of SELECT, which a change of a watched key ' +
      'cannot undo.';
    await expectReplies(
      ['WATCH a', 'MULTI', 'SELECT 2', 'SET a 2', 'EXEC', 'EXISTS a'],
      ['+OK', '+OK', '+QUEUED', '+QUEUED', refusal, ':0'],
    );
  });

  it.each([
    ['0', '*-1'],
    ['1', '*0'],
  ])(
    'WATCH is about the database in which it was sent: a change in %s gives %s',
    async (db, reply) => {
      await expectReplies(
        ['WATCH a', `SELECT ${db}`, 'SET a x', 'SELECT 0', 'MULTI', 'EXEC'],
        ['+OK', '+OK', '+OK', '+OK', '+OK', reply],
      );
    },
  );

  it('is told by CLIENT INFO and INFO keyspace', async () => {
    await expectReplies(['SELECT 3', 'SET a 1'], ['+OK', '+OK']);
    client.send('CLIENT INFO\r\nINFO keyspace\r\n');
    await client.until(() => client.received.includes('db3:keys=1,'));
    expect(client.received).toMatch(/ db=3 /);
  });
});
