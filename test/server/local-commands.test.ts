import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSyntax } from '../../src/server/commands/command-syntax.js';
import { RawClient, startServer, type World } from './harness.js';

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

const sha1 = (id: string) => createHash('sha1').update(id).digest('hex');

describe('CLUSTER', () => {
  it('shows one shard with the leader as master', async () => {
    expect(await redis.cluster('SLOTS')).toEqual([
      [
        0,
        16_383,
        ['127.0.0.1', 7001, sha1('n1'), []],
        ['127.0.0.1', 7002, sha1('n2'), []],
        ['127.0.0.1', 7003, sha1('n3'), []],
      ],
    ]);
    const nodes = String(await redis.cluster('NODES'));
    expect(nodes.split('\n')[0]).toBe(
      `${sha1('n1')} 127.0.0.1:7001@17001 myself,master - 0 0 3 connected 0-16383`,
    );
    expect(nodes.split('\n')[1]).toBe(
      `${sha1('n2')} 127.0.0.1:7002@17002 slave ${sha1('n1')} 0 0 3 connected`,
    );
    expect(await redis.cluster('KEYSLOT', 'foo{bar}')).toBe(5061);
    expect(await redis.cluster('KEYSLOT', '{}foo')).toBe(9500);
    expect(await redis.cluster('MYID')).toBe(sha1('n1'));
  });

  it('has no map of slots without a leader: clients ask another node', async () => {
    world.group.refusal = 'no-leader';
    await expect(redis.cluster('SLOTS')).rejects.toThrow(/^CLUSTERDOWN /);
    expect(await redis.cluster('INFO')).toContain('cluster_state:fail');
  });

  it('lists the keys of a slot', async () => {
    await redis.set('foo', '1');
    await redis.set('bar', '1');
    expect(await redis.cluster('GETKEYSINSLOT', 12_182, 10)).toEqual(['foo']);
  });
});

describe('CONFIG', () => {
  it('gets by pattern and sets what this node owns', async () => {
    expect(await redis.config('SET', 'maxclients', '77', 'timeout', '5')).toBe('OK');
    expect(await redis.config('GET', 'maxcl*', 'timeout')).toEqual([
      'maxclients',
      '77',
      'timeout',
      '5',
    ]);
    expect(world.server.live.maxclients).toBe(77);
    expect(await redis.config('GET', 'save')).toEqual(['save', '']);
    expect(await redis.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
  });

  it('changes nothing when one value is bad', async () => {
    await expect(redis.config('SET', 'timeout', '9', 'maxclients', 'many')).rejects.toThrow(
      "CONFIG SET failed (possibly related to argument 'maxclients')",
    );
    expect(await redis.config('GET', 'timeout')).toEqual(['timeout', '0']);
  });

  it('sends shared settings through the group', async () => {
    expect(await redis.config('SET', 'maxmemory', '1000000')).toBe('OK');
    expect(world.group.shared.get('maxmemory')).toBe('1000000');
    expect(await redis.config('GET', 'maxmemory')).toEqual(['maxmemory', '1000000']);
    world.group.refusal = 'not-leader';
    await expect(redis.config('SET', 'maxmemory', '5')).rejects.toThrow('MOVED 0 127.0.0.1:7001');
    expect(await redis.config('GET', 'maxmemory')).toEqual(['maxmemory', '1000000']);
  });
});

describe('others', () => {
  it('INFO has all sections', async () => {
    const info = await redis.info();
    for (const line of ['loading:0', 'role:master', 'redis_mode:cluster', 'node_id:n1', 'term:3']) {
      expect(info).toContain(`\r\n${line}\r\n`);
    }
    expect(await redis.info('replication')).toMatch(/^# Replication\r\nrole:master/);
    world.group.refusal = 'loading';
    expect(await redis.info('persistence')).toContain('loading:1');
  });

  it('TGCACHE APPLIED and DEBUG DIGEST', async () => {
    await redis.set('a', '1');
    expect(await redis.call('TGCACHE', 'APPLIED')).toEqual([1, 'd'.repeat(40)]);
    expect(await redis.call('DEBUG', 'DIGEST')).toBe('d'.repeat(40));
  });

  it('SENTINEL finds the master', async () => {
    expect(await redis.call('SENTINEL', 'get-master-addr-by-name', 'tgcache')).toEqual([
      '127.0.0.1',
      '7001',
    ]);
    expect(await redis.call('SENTINEL', 'get-master-addr-by-name', 'other')).toBeNull();
    expect(await redis.call('SENTINEL', 'replicas', 'tgcache')).toHaveLength(2);
  });

  it('ROLE, WAIT, TIME, CLIENT LIST', async () => {
    expect(await redis.role()).toEqual([
      'master',
      0,
      [
        ['127.0.0.1', '7002', '0'],
        ['127.0.0.1', '7003', '0'],
      ],
    ]);
    expect(await redis.wait(2, 100)).toBe(2);
    expect(await redis.time()).toHaveLength(2);
    expect(await redis.client('LIST')).toMatch(/^id=1 addr=127\.0\.0\.1:\d+ .* cmd=client\|list /);
  });

  it('SHUTDOWN closes and tells', async () => {
    const client = await RawClient.open(world.port);
    client.send('SHUTDOWN NOSAVE\r\n');
    expect(await client.rest()).toBe('');
    expect(world.shutdowns).toBe(1);
  });

  it('AUTH guards everything else', async () => {
    redis.disconnect();
    world.settings.set('requirepass', 'pw');
    world.server.live.refresh();
    const client = await RawClient.open(world.port);
    const noAuth = '-NOAUTH Authentication required.\r\n';
    expect(await client.ask('GET a\r\nPING\r\n', noAuth.length * 2)).toBe(noAuth + noAuth);
    client.send('AUTH nope\r\n');
    await client.until(() => client.received.endsWith('\r\n'));
    expect(client.received).toMatch(/^-WRONGPASS /);
    client.received = '';
    expect(await client.ask('AUTH pw\r\nGET a\r\n', 10)).toBe('+OK\r\n$-1\r\n');
    client.close();
  });
});

describe('the syntax line', () => {
  it('becomes the arguments of COMMAND DOCS', () => {
    expect(parseSyntax('key value [NX | XX] [EX seconds | KEEPTTL] [member ...]')).toEqual([
      { name: 'key', type: 'key' },
      { name: 'value', type: 'string' },
      {
        name: 'nx',
        type: 'oneof',
        optional: true,
        arguments: [
          { name: 'nx', type: 'pure-token', token: 'NX' },
          { name: 'xx', type: 'pure-token', token: 'XX' },
        ],
      },
      {
        name: 'seconds',
        type: 'oneof',
        optional: true,
        arguments: [
          { name: 'seconds', type: 'integer', token: 'EX' },
          { name: 'keepttl', type: 'pure-token', token: 'KEEPTTL' },
        ],
      },
      { name: 'member', type: 'string', optional: true, multiple: true },
    ]);
    expect(parseSyntax('key value [key value ...]')).toEqual([
      {
        name: 'data',
        type: 'block',
        multiple: true,
        arguments: [
          { name: 'key', type: 'key' },
          { name: 'value', type: 'string' },
        ],
      },
    ]);
    expect(parseSyntax('key [key ...]')).toEqual([{ name: 'key', type: 'key', multiple: true }]);
  });
});
