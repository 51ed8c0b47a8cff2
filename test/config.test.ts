import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Given, nodeConfig, Settings } from '../src/config.js';
import { parseSet, readConfigFile, readEnvironment } from '../src/config-sources.js';
import { TgError } from '../src/errors.js';
import { formatHostPort, isLoopback, readHostPort } from '../src/host-port.js';
import { settingsTable } from '../src/settings-table.js';

const dir = mkdtempSync(path.join(tmpdir(), 'tgcache-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

function file(text: string): string {
  const name = path.join(dir, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(name, text);
  return name;
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TgError);
    expect((error as TgError).code).toBe('BAD_CONFIG');
    expect((error as TgError).message).not.toContain('\n');
    return (error as TgError).message;
  }
  throw new Error('was not refused');
}

const flag = (name: string, value: string): Given => ({ name, value, from: `--${name}` });
const basics = [flag('id', 'n1'), flag('data-dir', 'data')];
const withSet = (...texts: string[]) => new Settings(texts.map(parseSet));

describe('the table of settings', () => {
  it('has defaults that are valid and that CONFIG GET prints as they are', () => {
    const settings = new Settings();
    for (const setting of settingsTable) {
      expect(setting.schema.parse(setting.default), setting.name).toBe(setting.default);
      expect(settings.redisValue(setting.name), setting.name).toBe(setting.default);
      expect(setting.doc.length, setting.name).toBeGreaterThan(3);
    }
    expect(settings.list()).toEqual(settingsTable.map(({ name }) => name));
  });

  it('has each name once, and shares exactly the settings that shape the state', () => {
    const names = settingsTable.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(settingsTable.filter((s) => s.clusterWide).map(({ name }) => name)).toEqual([
      'maxmemory',
      'maxkeys',
      'maxmemory-policy',
      'databases',
      'default-ttl',
      'max-ttl',
    ]);
  });

  it('knows each setting of the contract with its default', () => {
    const settings = new Settings();
    expect(settings.get('election-timeout-ms')).toBe('1000');
    expect(settings.get('heartbeat-interval-ms')).toBe('100');
    expect(settings.get('snapshot-threshold-bytes')).toBe(String(64 * 1024 * 1024));
    expect(settings.get('max-staleness-ms')).toBe('5000');
    expect(settings.get('durability')).toBe('fsync');
    expect(settings.get('read-consistency')).toBe('linearizable');
    expect(settings.get('follower-writes')).toBe('redirect');
    expect(settings.get('maxmemory-policy')).toBe('allkeys-tlru');
    expect(settings.get('proto-max-bulk-len')).toBe(String(512 * 1024 * 1024));
  });
});

describe('values', () => {
  it.each([
    ['0', '0'],
    ['100', '100'],
    ['100b', '100'],
    ['1k', '1000'],
    ['1kb', '1024'],
    ['2m', '2000000'],
    ['100mb', '104857600'],
    ['1gb', '1073741824'],
    ['1GB', '1073741824'],
  ])("reads maxmemory %s as Redis' units mean it: %s bytes", (text, bytes) => {
    expect(withSet(`maxmemory=${text}`).get('maxmemory')).toBe(bytes);
  });

  it.each([
    'maxmemory=-1',
    'maxmemory=1.5gb',
    'maxmemory=1tb',
    'maxmemory=',
    'maxmemory=9999999999999999999',
    'maxclients=0',
    'maxclients=many',
    'timeout=1e3',
    'maxmemory-policy=allkeys-lru',
    'durability=never',
    'client-output-buffer-limit=normal 1 2',
    'client-output-buffer-limit=other 1 2 3',
    'notify-keyspace-events=KEy',
    'aclfile=users.acl',
    'tls-port=6380',
    'tls-cert-file=a.pem',
  ])('refuses %s with one line that names flag and setting', (text) => {
    const name = text.slice(0, text.indexOf('='));
    expect(refusal(() => withSet(text))).toMatch(
      new RegExp(`^--set ${name}: ${name} (must|is|Wrong|Invalid)`),
    );
  });

  it('accepts the settings that are not supported yet while they are empty', () => {
    expect(withSet('tls-port=0', 'aclfile=').get('tls-port')).toBe('0');
  });

  it.each([
    ['', ''],
    ['KEA', 'AKE'],
    ['EKg$lshzxetd', 'AKE'],
    ['nAmE', 'AnEm'],
    ['xE$g', 'g$xE'],
  ])('notify-keyspace-events %s is printed as %s', (given, printed) => {
    const settings = withSet(`notify-keyspace-events=${given}`);
    expect(settings.get('notify-keyspace-events')).toBe(printed);
  });

  it('lets a partial client-output-buffer-limit change one class only', () => {
    const settings = withSet('client-output-buffer-limit=slave 1mb 1kb 5');
    expect(settings.get('client-output-buffer-limit')).toBe(
      'normal 0 0 0 slave 1048576 1024 5 pubsub 33554432 8388608 60',
    );
    expect(settings.set('client-output-buffer-limit', 'pubsub 0 0 0')).toBeNull();
    expect(settings.get('client-output-buffer-limit')).toBe(
      'normal 0 0 0 slave 1048576 1024 5 pubsub 0 0 0',
    );
  });

  it('checks election timeout against heartbeat interval', () => {
    const text = refusal(() => withSet('election-timeout-ms=200', 'heartbeat-interval-ms=100'));
    expect(text).toMatch(
      /^--set election-timeout-ms: .* must be more than twice heartbeat-interval/,
    );
    withSet('election-timeout-ms=201', 'heartbeat-interval-ms=100');
  });

  it('keeps a password out of messages and of the description', () => {
    expect(refusal(() => withSet(`requirepass=${'s'.repeat(513)}`))).not.toContain('sss');
    expect(withSet('requirepass=secret').describe().requirepass).toBe('(hidden)');
    expect(refusal(() => parseSet('requirepas=secret'))).not.toContain('secret');
  });
});

describe('live changes', () => {
  it('takes valid values, prints them in bytes, and calls the watchers of that name', () => {
    const settings = new Settings();
    const seen: string[] = [];
    settings.onChange('maxclients', (value) => seen.push(value));
    settings.onChange('timeout', () => seen.push('other'));
    const watched = settings.watch('maxclients');
    expect(watched()).toBe('10000');
    expect(settings.set('maxclients', '20')).toBeNull();
    expect(settings.set('maxclients', '20')).toBeNull();
    expect(settings.set('proto-max-bulk-len', '2mb')).toBeNull();
    expect(seen).toEqual(['20']);
    expect(watched()).toBe('20');
    expect(settings.redisValue('proto-max-bulk-len')).toBe('2097152');
    expect(settings.number('maxclients')).toBe(20);
  });

  it('refuses bad values, fixed and unknown settings, and leaves all as it was', () => {
    const settings = new Settings();
    expect(settings.set('maxclients', '0')).toContain('must be a whole number');
    expect(settings.set('durability', 'os')).toBe("can't set immutable config");
    expect(settings.set('nonsense', '1')).toBe('no such setting');
    expect(settings.get('maxclients')).toBe('10000');
    expect(settings.redisValue('nonsense')).toBeNull();
    expect(() => settings.get('nonsense')).toThrow(/no setting/);
  });
});

describe('sources', () => {
  it('lets flags win over the environment, and that over the file', () => {
    const name = file('maxclients: 1\ntimeout: 2\nmaxkeys: 3\n');
    const settings = new Settings([
      parseSet('maxclients=100'),
      ...readEnvironment({ TGCACHE_MAXCLIENTS: '10', TGCACHE_TIMEOUT: '20', HOME: '/' }),
      ...readConfigFile(name),
    ]);
    expect(['maxclients', 'timeout', 'maxkeys'].map((key) => settings.number(key))).toEqual([
      100, 20, 3,
    ]);
  });

  it('refuses a bad value even where a stronger source overrules it', () => {
    const name = file('# limits\nmaxclients: many\n');
    const given = [parseSet('maxclients=5'), ...readConfigFile(name)];
    expect(refusal(() => new Settings(given))).toBe(
      `${name}:2: maxclients must be a whole number from 1 to 1000000, not 'many'`,
    );
  });

  it('names file and line of an unknown name, a structure and a syntax error', () => {
    const unknown = file('timeout: 1\n\nmaxmemori: 1\n');
    expect(refusal(() => readConfigFile(unknown))).toBe(
      `${unknown}:3: unknown setting 'maxmemori'`,
    );
    const nested = file('timeout:\n  a: 1\n');
    expect(refusal(() => readConfigFile(nested))).toBe(
      `${nested}:1: timeout must be a single value`,
    );
    const twice = file('timeout: 1\ntimeout: 2\n');
    expect(refusal(() => readConfigFile(twice))).toMatch(/:2: Map keys must be unique/);
    const list = file('- timeout\n');
    expect(refusal(() => readConfigFile(list))).toBe(`${list}: must hold names and values`);
    expect(refusal(() => readConfigFile(path.join(dir, 'none.yaml')))).toContain('ENOENT');
  });

  it('takes values of the file as they are written', () => {
    const name = file('requirepass: 0123\nzone: yes\nhttp-listen: off\naclfile:\n');
    expect(readConfigFile(name).map(({ value }) => value)).toEqual(['0123', 'yes', 'off', '']);
    expect(readConfigFile(file(''))).toEqual([]);
  });

  it('refuses unknown environment variables of ours', () => {
    expect(refusal(() => readEnvironment({ TGCACHE_MAX_MEMORY: '1' }))).toBe(
      "environment variable TGCACHE_MAX_MEMORY: unknown setting 'max-memory'",
    );
  });
});

describe('a node', () => {
  it('derives its ports and addresses', () => {
    const config = nodeConfig([...basics, flag('client-listen', '127.0.0.1:7002')]);
    expect(Object.isFrozen(config)).toBe(true);
    expect(config.dataDir).toBe(path.resolve('data'));
    expect(config.peerListen).toEqual({ host: '127.0.0.1', port: 17002 });
    expect(config.httpListen).toEqual({ host: '127.0.0.1', port: 8002 });
    expect(config.clientAdvertise).toEqual(config.clientListen);
    expect([config.zone, config.location, config.initialCluster, config.join]).toEqual([
      null,
      null,
      [],
      [],
    ]);
  });

  it('takes everything the contract offers', () => {
    const config = nodeConfig([
      ...basics,
      flag('client-listen', '[::1]:7001'),
      flag('peer-listen', '127.0.0.1:9001'),
      flag('http-listen', 'off'),
      flag('client-advertise', 'cache.example:7001'),
      flag('initial-cluster', 'n1=127.0.0.1:9001,n2=127.0.0.1:9002'),
      flag('zone', 'eu-1a'),
      flag('location', '52.5, 13.4'),
      parseSet('maxmemory=1mb'),
    ]);
    expect(config.clientListen).toEqual({ host: '::1', port: 7001 });
    expect([config.httpListen, config.httpAdvertise]).toEqual([null, null]);
    expect(config.clientAdvertise.host).toBe('cache.example');
    expect(config.initialCluster[1]).toEqual({ id: 'n2', peerAddress: '127.0.0.1:9002' });
    expect([config.zone, config.location]).toEqual(['eu-1a', '52.5,13.4']);
    expect(config.settings.number('maxmemory')).toBe(1024 * 1024);
  });

  it.each([
    ['id', 'has space'],
    ['id', 'x'.repeat(65)],
    ['client-listen', '7001'],
    ['client-listen', '127.0.0.1:0'],
    ['client-listen', '127.0.0.1:65536'],
    ['client-listen', '127.0.0.1:60000'],
    ['initial-cluster', 'n2=127.0.0.1:1'],
    ['initial-cluster', 'n1=127.0.0.1:1,n1=127.0.0.1:2'],
    ['initial-cluster', 'n1=127.0.0.1:1,n2=127.0.0.1:1'],
    ['initial-cluster', '127.0.0.1:1'],
    ['join', 'somewhere'],
    ['zone', 'a b'],
    ['location', '91,0'],
    ['location', ','],
  ])('refuses --%s %s', (name, value) => {
    expect(refusal(() => nodeConfig([flag(name, value), ...basics]))).toContain(name);
  });

  it('refuses a missing id or directory, and joining what it is to form', () => {
    expect(refusal(() => nodeConfig([flag('id', 'n1')]))).toBe('--data-dir: is missing');
    expect(refusal(() => nodeConfig([flag('data-dir', 'd')]))).toBe('--id: is missing');
    const both = [flag('join', 'h:1'), flag('initial-cluster', 'n1=h:1')];
    expect(refusal(() => nodeConfig([...basics, ...both]))).toContain('exclude each other');
  });
});

describe('addresses', () => {
  it('reads what it writes', () => {
    for (const text of ['127.0.0.1:1', 'host.example:65535', '[::1]:7001']) {
      expect(formatHostPort(readHostPort(text)!)).toBe(text);
    }
    expect(['::1:7001', 'host', ':1', 'a b:1'].map(readHostPort)).toEqual([null, null, null, null]);
  });

  it('knows loopback', () => {
    expect(['127.0.0.1', '127.8.0.1', '::1', 'localhost'].every(isLoopback)).toBe(true);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.example.com'].some(isLoopback)).toBe(false);
  });
});
