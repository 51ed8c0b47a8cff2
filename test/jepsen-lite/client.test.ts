/** What the recorder takes a reply for (requirement 68). */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../../jepsen-lite/client.js';
import type { NodeCluster } from '../../jepsen-lite/node-cluster.js';
import { Recorder } from '../../jepsen-lite/recorder.js';
import { Prng } from '../../src/statemachine/prng.js';

let server: net.Server;
let history: Recorder;
let client: Client;
const strange: string[] = [];
/** Each request as it came. */
const requests: string[] = [];
/** Stamp of the last one. */
let arrivedAt = 0;
/** What is answered, one after the other; null: the connection breaks; '': nothing. */
let answers: (string | null)[] = [];

beforeEach(async () => {
  strange.length = 0;
  requests.length = 0;
  server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      requests.push(chunk.toString());
      arrivedAt = Recorder.now();
      const answer = answers.shift() ?? null;
      if (answer === null) socket.destroy();
      else socket.write(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const places = [{ id: 'n1', clientPort: port }];
  const address = () => ({ host: '127.0.0.1', port });
  const cluster = { ids: ['n1'], places, address } as unknown as NodeCluster;
  history = new Recorder();
  const random = new Prng();
  random.seed(1);
  const own = { home: 'n1', stays: false, readonly: false, patienceMs: 100 };
  client = new Client({ cluster, history, random, strange, ...own });
});
afterEach(() => {
  client.close();
  server.close();
});

async function set(answer: string | null) {
  answers = [answer];
  await client.command('k', 'write', 'v', ['SET', 'k', 'v']);
  expect(requests).toHaveLength(1);
  return history.operations[0];
}

describe('an operation', () => {
  it('requirement 68: is ok with its reply, stamped before the send and after it', async () => {
    const recorded = await set('+OK\r\n');
    expect(recorded).toMatchObject({ p: 0, k: 'k', f: 'write', a: 'v', st: 'ok', r: 'OK' });
    expect(recorded!.call).toBeLessThan(arrivedAt);
    expect(recorded!.ret).toBeGreaterThan(arrivedAt);
  });

  it.each([
    'MOVED 12 127.0.0.1:1',
    'CLUSTERDOWN no leader',
    'TRYAGAIN later',
    'LOADING soon',
    'OOM full',
  ])('refused with %s did certainly nothing', async (text) => {
    expect(await set(`-${text}\r\n`)).toMatchObject({ st: 'fail' });
  });

  it.each([
    ['UNCERTAIN', '-UNCERTAIN leadership was lost\r\n'],
    ['a broken connection', null],
    ['no answer in time', ''],
    ['half an answer', '$5\r\nab'],
  ])(
    'requirement 68: is unknown after %s, is not sent again, and its process ends',
    async (_, answer) => {
      expect(await set(answer)).toMatchObject({ p: 0, st: 'unknown' });
      answers = ['+OK\r\n'];
      await client.command('k', 'write', 'w', ['SET', 'k', 'w']);
      expect(history.operations[1]).toMatchObject({ p: 1, st: 'ok' });
      expect(requests).toHaveLength(2);
      expect(strange).toEqual([]);
    },
  );

  it('an error that no client should see is told', async () => {
    expect(await set('-ERR what is this\r\n')).toMatchObject({ st: 'unknown' });
    expect(strange).toEqual(['ERR what is this']);
  });
});

describe('a transaction', () => {
  const run = async (answer: string) => {
    answers = [answer];
    await client.connect();
    return (await client.exchange([['MULTI'], ['INCR', 'k'], ['EXEC']])).kind;
  };

  it('is as its last reply says', async () => {
    expect(await run('+OK\r\n+QUEUED\r\n*1\r\n:1\r\n')).toBe('done');
    expect(await run('+OK\r\n-TRYAGAIN x\r\n-EXECABORT discarded\r\n')).toBe('refused');
    expect(await run('+OK\r\n+QUEUED\r\n-UNCERTAIN x\r\n')).toBe('unknown');
  });

  it('that did not begin may have been carried out in part', async () => {
    expect(await run('-TRYAGAIN x\r\n:1\r\n-ERR EXEC without MULTI\r\n')).toBe('unknown');
  });
});
