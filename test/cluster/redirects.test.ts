/** Where nodes send clients that came to another one than the leader. */
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '../../cmd/resp-client.js';
import { TestCluster, waitFor } from './harness.js';

let cluster: TestCluster;
afterEach(() => cluster.destroy());

function told(id: string, ...words: string[]): Promise<string> {
  return cluster.command(id, ...words).then(String, (error: Error) => error.message);
}

/** The nodes that a command goes through, one MOVED after the other, until one carries it out. */
async function path(from: string, ...words: string[]): Promise<string[]> {
  const visited = [from];
  while (visited.length <= cluster.ids.length) {
    const answer = await told(visited.at(-1)!, ...words);
    const moved = /^MOVED \d+ 127\.0\.0\.1:(\d+)$/.exec(answer);
    if (moved === null) {
      expect(answer).toBe('OK');
      return visited;
    }
    visited.push(cluster.ids.find((id) => cluster.port(id) === Number(moved[1]))!);
  }
  throw new Error(`${words} goes round in circles: ${visited}`);
}

describe('redirects', () => {
  it('requirement 35: one hop to the leader, never to itself; none: CLUSTERDOWN', async () => {
    cluster = await TestCluster.start({ nodes: 5 });
    const pathsLeadTo = async (leader: string) => {
      for (const id of cluster.ids) {
        expect(await path(id, 'SET', 'k', id)).toEqual(id === leader ? [id] : [id, leader]);
      }
    };
    const first = await cluster.ready();
    await pathsLeadTo(first);
    await cluster.kill(first);
    const second = await cluster.leader();
    cluster.restart(first);
    await cluster.ready();
    expect(await cluster.leader()).toBe(second);
    await pathsLeadTo(second);
    const down = [second, ...(await cluster.followers()).slice(0, 2)];
    await Promise.all(down.map((id) => cluster.kill(id)));
    // An answer comes at all: a command that waits longer than its bound would reject otherwise.
    for (const id of cluster.ids.filter((one) => !down.includes(one))) {
      await waitFor('CLUSTERDOWN', async () =>
        (await told(id, 'SET', 'k', 'x')).startsWith('CLUSTERDOWN') ? true : null,
      );
      expect(await told(id, 'GET', 'k')).toMatch(/^CLUSTERDOWN/);
    }
  }, 120_000);

  it('requirement 41: a follower sends reads on, unless READONLY asked for old ones', async () => {
    cluster = await TestCluster.start();
    const leader = await cluster.leader();
    await cluster.command(leader, 'SET', 'k', 'v');
    await cluster.equalDigest();
    for (const id of await cluster.followers()) {
      const commands = [['GET', 'k'], ['READONLY'], ['GET', 'k'], ['READWRITE'], ['GET', 'k']];
      const address = cluster.address(id);
      const replies = await ask({ address, password: '', commands, timeoutMs: 5000 });
      const moved = expect.stringMatching(new RegExp(`^MOVED .*:${cluster.port(leader)}$`));
      const shown = replies.map((reply) => (reply instanceof Error ? reply.message : reply));
      expect(shown).toEqual([moved, 'OK', 'v', 'OK', moved]);
    }
  });

  it('requirement 36: a pipeline is answered in order and reads what it wrote', async () => {
    cluster = await TestCluster.start();
    const address = cluster.address(await cluster.leader());
    const rounds = Array.from({ length: 500 }, (_, at) => String(at));
    const commands = rounds.flatMap((at) => [
      ['SET', 'k', at],
      ['GET', 'k'],
      ['ECHO', at],
      ['APPEND', 'k', 'x'],
      ['STRLEN', 'k'],
    ]);
    const replies = await ask({ address, password: '', commands, timeoutMs: 20_000 });
    expect(replies).toEqual(rounds.flatMap((at) => ['OK', at, at, at.length + 1, at.length + 1]));
  });
});
