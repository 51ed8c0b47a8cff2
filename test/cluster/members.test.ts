import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { program, TestCluster, waitFor } from './harness.js';
import { missing, Writers } from './writers.js';

let cluster: TestCluster;
afterEach(async () => {
  await cluster.destroy();
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `tgcache-node member ...`, asked through `via`. */
function member(via: readonly string[], ...words: string[]): Promise<Ended> {
  const connect = via.map((id) => `127.0.0.1:${cluster.port(id)}`).join(',');
  const child = spawn(process.execPath, [program, 'member', ...words, '--connect', connect]);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, out: out.trim(), err: err.trim() }));
  });
}

async function done(via: readonly string[], ...words: string[]): Promise<string> {
  const ended = await member(via, ...words);
  expect(ended, words.join(' ')).toMatchObject({ code: 0, err: '' });
  return ended.out;
}

async function add(id: string): Promise<void> {
  await cluster.place(id, cluster.joining());
  cluster.restart(id);
}

/** All of `ids` vote, and each of them knows. */
function voters(...ids: string[]): Promise<true> {
  return waitFor(`the voters ${ids}`, async () => {
    const infos = await Promise.all(ids.map((id) => cluster.raft(id)));
    return infos.every((info) => info.get('voters') === ids.join(',')) || null;
  });
}

describe('members', () => {
  it('requirements 52, 54: grows to 5 nodes and back under load, and loses no write', async () => {
    cluster = await TestCluster.start();
    const writers = new Writers(cluster, 16);
    const load = (writes: number) => {
      const before = writers.acknowledged.size;
      return waitFor('load', () => writers.acknowledged.size > before + writes || null);
    };
    await load(1000);
    await add('n4');
    await voters('n1', 'n2', 'n3', 'n4');
    await add('n5');
    await voters('n1', 'n2', 'n3', 'n4', 'n5');
    await load(1000);
    // The leader among those that go.
    const leader = await cluster.leader();
    const other = cluster.ids.find((id) => id !== leader && !['n4', 'n5'].includes(id))!;
    const staying = cluster.ids.filter((id) => id !== leader && id !== other);
    for (const id of [leader, other]) {
      const [gap] = await Promise.all([writers.gap(), done(staying, 'remove', id)]);
      console.log(`removal of ${id}: next acknowledged write after ${Math.round(gap)} ms`);
      expect(await cluster.ending(id)).toBe(1);
      expect(cluster.log(id)).toContain('was removed from the cluster');
      await cluster.drop(id);
    }
    await load(1000);
    await writers.stop();
    await voters(...staying);
    expect(await missing(cluster, writers.acknowledged)).toEqual([]);
    await cluster.equalDigest();
    const slots = JSON.stringify(await cluster.command(staying[0]!, 'CLUSTER', 'SLOTS'));
    for (const id of staying) expect(slots).toContain(String(cluster.port(id)));
    expect(slots.split('"127.0.0.1"')).toHaveLength(4);
  }, 120_000);

  it('requirement 54: a removed node stays out until it is wiped or added again', async () => {
    cluster = await TestCluster.start();
    await cluster.command(await cluster.leader(), 'SET', 'k', 'v');
    const [out] = (await cluster.followers()) as [string];
    const others = cluster.ids.filter((id) => id !== out);
    // Removed while it is down: it learns of it only later, from the others.
    await cluster.kill(out);
    await done(others, 'remove', out);
    const term = (await cluster.raft(others[0]!)).get('term');
    cluster.restart(out);
    expect(await cluster.ending(out)).toBe(1);
    expect(cluster.log(out)).toContain('was removed from the cluster');
    expect((await cluster.raft(others[0]!)).get('term')).toBe(term);
    expect((await cluster.raft(await cluster.leader())).get('voters')).toBe(others.join(','));

    await done(others, 'add', `${out}=127.0.0.1:${cluster.node(out).peerPort}`);
    cluster.restart(out);
    await voters('n1', 'n2', 'n3');
    await done(others, 'remove', out);
    expect(await cluster.ending(out)).toBe(1);
    cluster.wipe(out);
    const again = { ...cluster.node(out), membership: cluster.joining() };
    cluster.nodes.splice(cluster.nodes.indexOf(cluster.node(out)), 1, again);
    cluster.restart(out);
    await voters('n1', 'n2', 'n3');
    await cluster.equalDigest();
  }, 120_000);

  it('a node may be added before it starts, and stays a learner when asked', async () => {
    cluster = await TestCluster.start();
    const { peerPort } = await cluster.place('n4');
    const given = `n4=127.0.0.1:${peerPort}`;
    const three = ['n1', 'n2', 'n3'];
    expect(await done(three, 'add', given, '--learner')).toContain('n4 is a learner');
    expect(await done(three, 'list')).toMatch(/n4 +learner +manual +no/);
    cluster.restart('n4');
    const row = await waitFor('the learner', async () => {
      const listed = JSON.parse(await done(three, 'list', '--json'));
      const found = listed.members.find((each: { id: string }) => each.id === 'n4');
      return found.connected && found.lag === 0 ? found : null;
    });
    expect(row).toMatchObject({ role: 'learner', promotion: 'manual' });
    expect(row.clientAddress).toBe(`127.0.0.1:${cluster.port('n4')}`);
    expect((await cluster.raft('n4')).get('state')).toBe('learner');
    expect(await done(three, 'promote', 'n4')).toBe('n4 is a voter');
    await voters('n1', 'n2', 'n3', 'n4');
  }, 60_000);

  it('requirement 55: joins in any order of steps; repeated calls change nothing', async () => {
    cluster = await TestCluster.start();
    const three = ['n1', 'n2', 'n3'];
    await cluster.place('n4', cluster.joining());
    cluster.restart('n4');
    const given = `n4=127.0.0.1:${cluster.node('n4').peerPort}`;
    await done(three, 'add', given);
    await voters('n1', 'n2', 'n3', 'n4');
    expect(await done(['n4'], 'add', given)).toBe('n4 is a voter already');
    expect(await done(['n4'], 'promote', 'n4')).toBe('n4 is a voter');
    expect(await done(['n4'], 'remove', 'n9')).toBe('n9 is no member');
    const { peerPort } = await cluster.place('n5', cluster.joining());
    await done(three, 'add', `n5=127.0.0.1:${peerPort}`);
    cluster.restart('n5');
    await voters('n1', 'n2', 'n3', 'n4', 'n5');
    const index = (await cluster.raft('n5')).get('last_log_index');
    expect(await done(three, 'add', given)).toBe('n4 is a voter already');
    expect((await cluster.raft('n5')).get('last_log_index')).toBe(index);
  }, 60_000);

  it('refuses what would leave no quorum, foreign addresses and bad words', async () => {
    cluster = await TestCluster.start();
    const leader = await cluster.leader();
    const [down, other] = (await cluster.followers()) as [string, string];
    await cluster.kill(down);
    const refused = await waitFor('the leader to notice', async () => {
      const ended = await member([leader], 'remove', other);
      return ended.code === 1 ? ended : null;
    });
    expect(refused.err).toContain('only a minority would be reachable');
    expect(await member([leader], 'add', `${other}=127.0.0.1:1`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('remove it first'),
    });
    expect(await member([leader], 'add', 'n4')).toMatchObject({ code: 2 });
    expect(await member([leader], 'promote', 'n9')).toMatchObject({
      code: 1,
      err: expect.stringContaining('n9 is no member'),
    });
    expect(await member([leader], 'transfer-leader', down)).toMatchObject({
      code: 1,
      err: expect.stringContaining('not reachable'),
    });
    // The lost one can go, and the rest goes on.
    await done([leader], 'remove', down);
    expect(await done([other], 'transfer-leader')).toBe(`${other} leads`);
    expect(await done([leader], 'transfer-leader', leader)).toBe(`${leader} leads`);
    expect(await cluster.command(leader, 'SET', 'k', 'v')).toBe('OK');
  }, 60_000);
});
