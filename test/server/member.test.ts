import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startServer, type World } from './harness.js';

let world: World;
let redis: Redis;

beforeEach(async () => {
  world = await startServer();
  redis = new Redis({ port: world.port, host: '127.0.0.1' });
});

afterEach(async () => {
  redis.disconnect();
  await world.stop();
});

const tgcache = (...words: string[]) => redis.call('TGCACHE', ...words);

describe('TGCACHE MEMBER', () => {
  it('hands each change over and answers with what became of it', async () => {
    expect(await tgcache('MEMBER', 'ADD', 'n4', '127.0.0.1:17004')).toBe('OK');
    expect(await tgcache('member', 'add', 'n5', '127.0.0.1:17005', 'learner')).toBe('OK');
    world.membership.outcome = { kind: 'done', note: 'n4 is a voter' };
    expect(await tgcache('MEMBER', 'PROMOTE', 'n4')).toBe('OK n4 is a voter');
    world.membership.outcome = { kind: 'error', text: 'TRYAGAIN another change' };
    await expect(tgcache('MEMBER', 'REMOVE', 'n4')).rejects.toThrow('TRYAGAIN another change');
    expect(world.membership.asked).toEqual([
      'add n4 127.0.0.1:17004 false',
      'add n5 127.0.0.1:17005 true',
      'promote n4',
      'remove n4',
    ]);
  });

  it('gives one reply whatever the name that it repeats', async () => {
    world.membership.outcome = { kind: 'done', note: 'n9\r\n+OK is no member' };
    const replies = await Promise.all([tgcache('MEMBER', 'REMOVE', 'n9\r\n+OK'), redis.ping()]);
    expect(replies).toEqual(['OK n9  +OK is no member', 'PONG']);
  });

  it('lists the members, elsewhere than at the leader only after READONLY', async () => {
    const fields = (await tgcache('MEMBER', 'LIST')) as string[][];
    expect(fields.map((row) => row.slice(0, 6))).toEqual([
      ['id', 'n1', 'role', 'leader', 'promotion', ''],
      ['id', 'n4', 'role', 'learner', 'promotion', 'manual'],
    ]);
    world.membership.refusal = 'not-leader';
    world.group.isLeader = false;
    world.group.leaderPort = 7002;
    await expect(tgcache('MEMBER', 'LIST')).rejects.toThrow('MOVED 0 127.0.0.1:7002');
    await expect(tgcache('MEMBER', 'REMOVE', 'n4')).rejects.toThrow('MOVED 0 127.0.0.1:7002');
    await redis.readonly();
    expect(await tgcache('MEMBER', 'LIST')).toHaveLength(2);
  });

  it.each([
    ['MEMBER', 'LIST', 'x'],
    ['MEMBER', 'ADD', 'n4'],
    ['MEMBER', 'ADD', 'n4', '127.0.0.1:1', 'VOTER'],
    ['MEMBER', 'PROMOTE'],
    ['MEMBER', 'NONSENSE', 'n4'],
    ['TRANSFER-LEADER', 'n1', 'n2'],
  ])('refuses %s %s %s', async (...words) => {
    await expect(tgcache(...words)).rejects.toThrow('ERR syntax error');
    expect(world.membership.asked).toEqual([]);
  });
});

describe('TGCACHE TRANSFER-LEADER', () => {
  it('names the heir, or leaves the choice', async () => {
    await tgcache('TRANSFER-LEADER');
    await tgcache('transfer-leader', 'n2');
    expect(world.membership.asked).toEqual(['transfer null', 'transfer n2']);
  });

  it('says what it wants inside a transaction: it is refused', async () => {
    await redis.multi({ pipeline: false });
    await expect(tgcache('TRANSFER-LEADER')).rejects.toThrow('not allowed inside a transaction');
    expect(world.membership.asked).toEqual([]);
  });
});
