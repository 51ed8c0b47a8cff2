/** CONFIG at one node. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RespPipe } from '../conformance/resp-pipe.js';
import { AclWorld, ask } from './acl-world.js';

let world: AclWorld;
let client: RespPipe;

beforeEach(async () => {
  world = await AclWorld.start();
  client = world.admin;
});

afterEach(() => world.stop());

describe('CONFIG', () => {
  it('SET inside a transaction changes what is of this node, nothing that all share', async () => {
    const queue = ['MULTI', 'SET k v', 'CONFIG SET timeout 7', 'CONFIG SET maxkeys 5'];
    const replies = await ask(client, ...queue, 'CONFIG SET maxmemory bla', 'EXEC');
    const shared = '-ERR CONFIG SET failed .*all nodes share it.*';
    const bad = '-ERR CONFIG SET failed .*maxmemory.*';
    expect(replies.at(-1)).toMatch(new RegExp(`^\\[\\+OK \\+OK ${shared} ${bad}\\]$`));
    expect(await ask(client, 'CONFIG GET timeout', 'CONFIG GET maxkeys')).toEqual([
      '[timeout 7]',
      '[maxkeys 0]',
    ]);
  });

  it('SET changes nothing of this node when what all nodes share is refused', async () => {
    world.world.group.refusal = 'not-leader';
    const [moved] = await ask(client, 'CONFIG SET timeout 7 maxkeys 5 maxmemory 1mb');
    expect(moved).toMatch(/^-MOVED /);
    expect(await ask(client, 'CONFIG GET timeout', 'CONFIG GET maxkeys')).toEqual([
      '[timeout 0]',
      '[maxkeys 0]',
    ]);
  });

  it('SET refuses what is a fact here', async () => {
    const [reply] = await ask(client, 'CONFIG SET daemonize yes');
    expect(reply).toMatch(/can't set immutable config$/);
  });

  it('RESETSTAT counts itself', async () => {
    const [, , info] = await ask(client, 'SET k v', 'CONFIG RESETSTAT', 'INFO commandstats');
    expect(info).toContain('cmdstat_config|resetstat:calls=1,');
    expect(info).not.toContain('cmdstat_set');
    const [, , , , after] = await ask(
      client,
      'GET k',
      'CONFIG RESETSTAT',
      'GET k',
      'GET l',
      'INFO',
    );
    expect(after).toMatch(/keyspace_hits:1\r\nkeyspace_misses:1\r\n/);
  });

  it('GET does not tell by what peers prove themselves', async () => {
    world.world.settings.set('cluster-secret', 'x'.repeat(20));
    expect(await ask(client, 'CONFIG GET cluster-secret')).toEqual(['[cluster-secret ]']);
  });

  it('output limits are refused in the words of Redis', async () => {
    const texts = ['a b', 'other 1 2 3', 'normal x 1 1', 'normal 1 x 1', 'normal 1 1 x'];
    const set = ['CONFIG', 'SET', 'client-output-buffer-limit'];
    const faults = await client.ask(texts.map((text) => [...set, text]));
    const found = faults.map(({ raw }) => / argument (\w+ \w+ \w+)/.exec(raw)?.[1]);
    expect(found).toEqual([
      'Wrong number of',
      'Invalid client class',
      'Error in hard',
      'Error in soft',
      'Error in soft_seconds',
    ]);
  });
});

describe('CLIENT INFO', () => {
  it('counts the command that asks', async () => {
    const [info] = await ask(client, 'CLIENT INFO');
    expect(info).toContain(' qbuf=26 ');
  });
});

describe('COMMAND INFO', () => {
  it('knows no part of a sub-command', async () => {
    expect(await ask(client, 'COMMAND INFO config|get|key')).toEqual(['[]']);
  });
});
