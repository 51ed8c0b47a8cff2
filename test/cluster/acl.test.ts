/** Users on every node: replicated, and enforced wherever a client comes, also in elections. */
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster, waitFor } from './harness.js';
import { type Answer, PlainClient } from './plain-client.js';

let cluster: TestCluster;
const clients: PlainClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await cluster.destroy();
});

function clientAt(id: string): PlainClient {
  const client = new PlainClient([cluster.port(id)], cluster.port(id));
  clients.push(client);
  return client;
}

async function logIn(id: string, name: string): Promise<PlainClient> {
  const client = clientAt(id);
  expect(await client.command('AUTH', name, 'pw'), id).toBe('OK');
  return client;
}

/** On the leader, and applied on all nodes. */
async function setUser(...rules: string[]): Promise<void> {
  const leader = await cluster.leader();
  expect(await cluster.command(leader, 'ACL', 'SETUSER', ...rules)).toBe('OK');
  await cluster.equalDigest();
}

/** Every command and sub-command with as many arguments as it must have. */
async function everyCommand(): Promise<string[][]> {
  const names = (await cluster.command('n1', 'COMMAND', 'LIST')) as string[];
  const infos = (await cluster.command('n1', 'COMMAND', 'INFO', ...names)) as unknown[][];
  const containers = new Set(names.filter((name) => name.includes('|')).map(firstWord));
  const free = ['auth', 'hello', 'quit', 'reset'];
  return names.flatMap((name, at) => {
    const words = name.split('|');
    if (free.includes(name) || (containers.has(name) && words.length === 1)) return [];
    while (words.length < Math.abs(Number(infos[at]![1]))) words.push('1');
    return [words];
  });
}

const firstWord = (name: string) => name.split('|')[0]!;
const textOf = (answer: Answer) => (answer instanceof Error ? answer.message : String(answer));

/** What the user heard that is no refusal. */
async function refusedAll(client: PlainClient, commands: readonly string[][]): Promise<string[]> {
  const letThrough: string[] = [];
  for (const words of commands) {
    const text = textOf(await client.command(...words));
    if (!text.startsWith('NOPERM ')) letThrough.push(`${words.join(' ')}: ${text}`);
  }
  return letThrough;
}

describe('users', () => {
  it('are the same on all nodes, after a restart and from a snapshot too', async () => {
    cluster = await TestCluster.start({ set: ['snapshot-threshold-bytes=64kb'] });
    await setUser('bob', 'on', '>pw', '~a*', '%R~b', '&c', '+@read', '(~z', '+set)');
    await setUser('eve', 'on', '>pw', '+@all');
    expect(await cluster.command(await cluster.leader(), 'ACL', 'DELUSER', 'eve')).toBe(1);
    await cluster.equalDigest();
    const list = () => Promise.all(cluster.ids.map((id) => cluster.command(id, 'ACL', 'LIST')));
    const [first, ...others] = await list();
    expect(String(first)).toContain('user bob on sanitize-payload #');
    expect(others).toEqual([first, first]);
    const [behind] = await cluster.followers();
    await cluster.kill(behind!);
    const leader = clientAt(await cluster.leader());
    for (let at = 0; at < 64; at++) await leader.command('SET', `k${at}`, 'x'.repeat(4096));
    cluster.wipe(behind!);
    for (const id of cluster.ids) await cluster.kill(id);
    for (const id of cluster.ids) cluster.restart(id);
    await cluster.ready();
    await cluster.equalDigest();
    expect(await list()).toEqual([first, first, first]);
    for (const id of cluster.ids) await logIn(id, 'bob');
  });

  it.each(['forward', 'redirect'])(
    'without rights can do nothing on any node, nor in transactions: %s',
    async (mode) => {
      cluster = await TestCluster.start({ set: [`follower-writes=${mode}`] });
      await setUser('nobody', 'on', '>pw');
      await setUser('queuer', 'on', '>pw', '+multi', '+exec', '+discard');
      const commands = await everyCommand();
      expect(commands.length).toBeGreaterThan(150);
      for (const id of cluster.ids) {
        const before = await cluster.command(id, 'DEBUG', 'DIGEST');
        expect(await refusedAll(await logIn(id, 'nobody'), commands), id).toEqual([]);
        const queuer = await logIn(id, 'queuer');
        for (const words of commands) {
          if (['multi', 'exec', 'discard'].includes(words[0]!)) continue;
          expect(await queuer.command('MULTI')).toBe('OK');
          expect(textOf(await queuer.command(...words)), words.join(' ')).toMatch(/^NOPERM /);
          expect(textOf(await queuer.command('EXEC'))).toMatch(/^EXECABORT /);
        }
        expect(await cluster.command(id, 'DEBUG', 'DIGEST')).toBe(before);
      }
    },
  );

  it('without rights can do nothing while leaders come and go', async () => {
    cluster = await TestCluster.start({ set: ['follower-writes=forward'] });
    await setUser('nobody', 'on', '>pw');
    await setUser('reader', 'on', '>pw', '~own*', '+@read', '+@connection', '+client|tracking');
    await cluster.command(await cluster.leader(), 'SET', 'secret', 'x');
    const letThrough: string[] = [];
    let [tries, running] = [0, true];
    const attack = async (name: string, id: string, words: readonly string[]) => {
      let client = await logIn(id, name);
      while (running) {
        const text = textOf(await client.command(...words).catch((error: Error) => error));
        tries++;
        if (text.startsWith('NOPERM ')) continue;
        const lost = /^(LOADING|no answer|not connected|the connection|connect )/.test(text);
        if (!lost) letThrough.push(`${id} ${name} ${words.join(' ')}: ${text}`);
        client.close();
        // Before the node has read its log it knows no users, and a client is the default one.
        client = await waitFor('a log-in', async () => {
          const next = clientAt(id);
          return (await next.command('AUTH', name, 'pw')) === 'OK' ? next : null;
        });
      }
    };
    const attempts = cluster.ids.flatMap((id) => [
      attack('nobody', id, ['SET', 'k', 'v']),
      attack('nobody', id, ['GET', 'secret']),
      attack('reader', id, ['GET', 'secret']),
      attack('reader', id, ['SET', 'own1', 'v']),
    ]);
    for (let round = 0; round < 3; round++) {
      const leader = await cluster.leader();
      const before = tries;
      await cluster.kill(leader);
      await cluster.leader();
      cluster.restart(leader);
      await cluster.ready();
      await waitFor('tries', () => tries > before + 200 || null);
      await cluster.command(await cluster.leader(), 'TGCACHE', 'TRANSFER-LEADER');
    }
    running = false;
    await Promise.all(attempts);
    expect(letThrough).toEqual([]);
    const leader = await cluster.leader();
    expect(await cluster.command(leader, 'EXISTS', 'k', 'own1')).toBe(0);
  });

  it('lose their rights everywhere with the answer, whoever leads then', async () => {
    cluster = await TestCluster.start({ set: ['follower-writes=forward'] });
    await cluster.command(await cluster.leader(), 'SET', 'secret', 'x');
    for (let round = 0; round < 8; round++) {
      await setUser('bob', 'on', '>pw', '~*', '+set', '+get');
      const bobs = await Promise.all(cluster.ids.map((id) => logIn(id, 'bob')));
      const leader = await cluster.leader();
      expect(await cluster.command(leader, 'ACL', 'SETUSER', 'bob', '-@all')).toBe('OK');
      if (round % 4 < 2) await cluster.command(leader, 'TGCACHE', 'TRANSFER-LEADER');
      const words = round % 2 === 0 ? ['SET', 'k', 'v'] : ['GET', 'secret'];
      const answers = await Promise.all(bobs.map((bob) => bob.command(...words)));
      for (const answer of answers) expect(textOf(answer)).toMatch(/^(NOPERM|TRYAGAIN) /);
      expect(await cluster.command(await cluster.leader(), 'GET', 'k')).toBeNull();
    }
  });
});
