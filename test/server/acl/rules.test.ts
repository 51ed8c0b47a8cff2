import { describe, expect, it } from 'vitest';
import { AclCommands } from '../../../src/server/acl/acl-commands.js';
import { AclLog } from '../../../src/server/acl/acl-log.js';
import { mergeSelectors, User } from '../../../src/server/acl/user.js';
import {
  settingOf,
  storedRules,
  storedUser,
  userNameOf,
} from '../../../src/server/acl/user-settings.js';
import { container, local } from '../../../src/server/local-spec.js';
import { keyspaceSpecs } from '../../../src/statemachine/keyspace-commands.js';
import { argsOf } from '../../statemachine/words.js';

const plain = (name: string, arity: number) => local(name, arity, { summary: '' }, () => {});
const commands = new AclCommands([
  ...keyspaceSpecs,
  plain('select', 2),
  container('config', { summary: '', acl: ['admin', 'slow', 'dangerous'] }, [
    plain('get', -3),
    plain('set', -4),
  ]),
  local(
    'psubscribe',
    -2,
    { summary: '', acl: ['pubsub', 'slow'], channels: { first: 1, last: -1, pattern: true } },
    () => {},
  ),
  local(
    'publish',
    3,
    { summary: '', acl: ['pubsub', 'fast'], channels: { first: 1, last: 1, pattern: false } },
    () => {},
  ),
]);

/** Rules are told apart by spaces, selectors by their parentheses. */
function userOf(rules: string): User {
  const user = new User('u', commands);
  const merged = mergeSelectors(rules.split(' '));
  if ('open' in merged) throw new Error(merged.open);
  for (const rule of merged) {
    const fault = user.change(rule);
    if (fault !== null) throw new Error(`${rule}: ${fault}`);
  }
  return user;
}

function denied(user: User, command: string): string | null {
  const [first, second] = command.split(' ');
  const spec = commands.find(`${first}|${second}`) ?? commands.find(first!);
  return user.check(spec!, argsOf(...command.split(' ')))?.reason ?? null;
}

describe('rules on commands are given back in their order, each once', () => {
  it.each([
    ['', '-@all'],
    ['+@all', '+@all'],
    ['+@all -@keyspace -@slow +get', '+@all -@keyspace -@slow +get'],
    // Given again, a rule moves to the end; its opposite takes its place.
    ['+@all -@keyspace -@slow +get -@keyspace', '+@all -@slow +get -@keyspace'],
    ['+@all -@slow +get -@keyspace +@keyspace', '+@all -@slow +get +@keyspace'],
    ['+@READ +@read +@ReAd', '-@all +@read'],
    ['+GET +get +gEt', '-@all +get'],
    ['+@read +@slow +@string +@slow +@read', '-@all +@string +@slow +@read'],
    ['+get -set +set -get', '-@all +set -get'],
    // A command takes the place of its sub-commands.
    ['+config|get +config +mget -mget', '-@all +config -mget'],
    ['+select|0 +select|0 +config|get +config', '-@all +select|0 +config'],
    ['+config +config|get -config|set +config', '-@all +config'],
    // What changes nothing now may change something in a later version.
    ['-@dangerous', '-@all -@dangerous'],
    ['+get +@all', '+@all'],
    ['+get allcommands -set nocommands', '-@all'],
  ])('%s', (rules, described) => {
    const user = new User('u', commands);
    for (const rule of rules.split(' ')) expect(user.change(rule)).toBeNull();
    expect(user.root.commands.describe()).toBe(described);
  });
});

describe('what the rules allow', () => {
  it.each([
    ['+get ~*', 'get a', null],
    ['+get ~*', 'set a 1', 'command'],
    ['+@all -set ~*', 'set a 1', 'command'],
    ['+@read ~*', 'get a', null],
    ['+@read -get ~*', 'get a', 'command'],
    ['+@read ~*', 'set a 1', 'command'],
    ['+config|get', 'config get x', null],
    ['+config|get', 'config set x y', 'command'],
    ['+config -config|set', 'config set x y', 'command'],
    ['+config -config|set', 'config get x', null],
    ['+@admin', 'config set x y', null],
    ['+select|0', 'select 0', null],
    ['+select|0', 'select 1', 'command'],
    ['+select|0 -select', 'select 0', 'command'],
    ['+@all', 'get a', 'key'],
    ['+@all ~a*', 'get abc', null],
    ['+@all ~a*', 'mget abc b', 'key'],
    ['+@all %R~a %W~b', 'get a', null],
    ['+@all %R~a %W~b', 'set a 1', 'key'],
    ['+@all %R~a %W~b', 'set b 1', null],
    ['+@all %R~a %W~b', 'set b 1 GET', 'key'],
    ['+@all %R~a %W~b', 'getset b 1', 'key'],
    ['+@all %R~a %W~b', 'incr b', 'key'],
    ['+@all %R~a %W~b', 'append b 1', null],
    ['+@all %R~a %W~b', 'copy a b', null],
    ['+@all %R~a %W~b', 'copy b a', 'key'],
    ['+@all %R~a %W~b', 'rename a b', 'key'],
    ['+@all %R~a %W~b', 'exists a b', null],
    ['+@all %R~a %W~b', 'exists c', 'key'],
    ['+@all %R~a %W~a', 'getset a 1', null],
    ['+@all allkeys', 'rename x y', null],
    ['+@all &ch*', 'publish ch1 x', null],
    ['+@all &ch*', 'publish x x', 'channel'],
    ['+@all &ch*', 'psubscribe ch*', null],
    // A pattern may only be listened to as it stands in the rules.
    ['+@all &ch*', 'psubscribe ch1', 'channel'],
    ['+@all &*', 'psubscribe ch1', null],
    // A selector counts as a whole; two do not add up.
    ['+get ~a (+set ~b)', 'set b 1', null],
    ['+get ~a (+set ~b)', 'set a 1', 'key'],
    ['+get ~a (+set ~b)', 'get b', 'key'],
    ['(+@all ~a* &c) (%R~* +get)', 'get zz', null],
    ['(+@all ~a* &c) clearselectors', 'get a', 'command'],
    ['+@all ~* &* reset', 'get a', 'command'],
  ])('%s: %s', (rules, command, reason) => {
    expect(denied(userOf(rules), command)).toBe(reason);
    const stored = storedUser('u', storedRules(userOf(rules)), commands);
    expect(denied(stored, command), 'once stored and read again').toBe(reason);
  });
});

describe('faults', () => {
  const hash = '0123456789abcdef'.repeat(4);
  it.each([
    ['+nope', 'unknown-command'],
    ['-nope', 'unknown-command'],
    ['+@nope', 'unknown-command'],
    ['+config|nope', 'unknown-command'],
    ['-select|0', 'unknown-command'],
    ['+config|', 'syntax'],
    ['+config|get|x', 'argument-of-subcommand'],
    ['+select|a b', 'syntax'],
    ['%X~a', 'syntax'],
    ['%RR~a', 'syntax'],
    ['%~a', 'syntax'],
    ['~a b', 'syntax'],
    ['&a\nb', 'syntax'],
    ['nope', 'syntax'],
    // Words of objects are no rules.
    ['constructor', 'syntax'],
    ['__proto__', 'syntax'],
    ['(on)', 'syntax'],
    ['(+nope)', 'unknown-command'],
    ['#abc', 'bad-hash'],
    [`#${hash.toUpperCase()}`, 'bad-hash'],
    ['!abc', 'bad-hash'],
    [`!${hash}`, 'no-such-password'],
    ['<pw', 'no-such-password'],
  ])('%j', (rule, fault) => {
    const user = new User('u', commands);
    const before = user.rules;
    expect(user.change(rule)).toBe(fault);
    expect(user.rules).toEqual(before);
  });

  it('a pattern behind all of them', () => {
    expect(userOf('~*').change('~a')).toBe('after-all-keys');
    expect(userOf('&*').change('&a')).toBe('after-all-channels');
  });
});

describe('passwords', () => {
  it('are kept as hashes, several of them, and can be taken away', () => {
    const user = userOf('on >one >two >one');
    expect(user.passwords).toHaveLength(2);
    expect(user.passwords.every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
    expect(['one', 'two', 'three', ''].map((password) => user.accepts(password))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(user.change('<one')).toBeNull();
    expect(user.accepts('one')).toBe(false);
  });

  it('nopass takes any, a password ends it, off takes none', () => {
    expect(userOf('on nopass').accepts('x')).toBe(true);
    expect(userOf('on nopass >pw').accepts('x')).toBe(false);
    expect(userOf('on').accepts('')).toBe(false);
    expect(userOf('nopass').accepts('x')).toBe(false);
  });
});

describe('users in the log', () => {
  it.each([
    ['on nopass ~* &* +@all'],
    ['off skip-sanitize-payload >pw ~a %R~b %W~c &d -@all +@read -get +config|get +select|0'],
    ['on (~a +get) (%R~b &c -@all +@all -set)'],
    ['on ~(a ~b) &(c'],
  ])('%s', (rules) => {
    const user = userOf(rules);
    const again = storedUser('u', storedRules(user), commands);
    expect(again.rules).toEqual(user.rules);
    expect(storedRules(user)).not.toMatch(/\n/);
  });

  it('keep a selector whole whose pattern ends as a selector does', () => {
    const user = new User('u', commands);
    expect(user.change('(~a) +get)')).toBeNull();
    const again = storedUser('u', storedRules(user), commands);
    expect(denied(again, 'get a)')).toBeNull();
    expect(denied(again, 'get a')).toBe('key');
    expect(again.rules).toEqual(user.rules);
  });

  it('leave out commands that only another version knows', () => {
    const again = storedUser('u', 'on\t+get\t+later\t+@later', commands);
    expect(again.root.commands.describe()).toBe('-@all +get');
    expect(() => storedUser('u', 'on\tnonsense', commands)).toThrow(/nonsense/);
  });

  it.each(['alice', 'a=b', '100%', '%3d', 'a%25=', '', '\xff'])('name %j', (name) => {
    expect(userNameOf(settingOf(name))).toBe(name);
    expect(settingOf(name)).not.toMatch(/[=\n]/);
  });
});

describe('the log of denials', () => {
  const event = {
    reason: 'command',
    context: 'toplevel',
    object: 'get',
    userName: 'u',
    client: 'id=1',
  } as const;

  it('counts like events within a minute as one, the newest first', () => {
    const log = new AclLog(() => 128);
    log.note(event, 1000);
    log.note({ ...event, object: 'set' }, 2000);
    log.note({ ...event, client: 'id=2' }, 61_000);
    const [first, second] = log.newest(10);
    expect(first).toMatchObject({ id: 0, count: 2, client: 'id=2', createdMs: 1000 });
    expect(second).toMatchObject({ id: 1, count: 1, object: 'set' });
    log.note(event, 121_001);
    expect(log.newest(1)[0]).toMatchObject({ id: 2, count: 1 });
  });

  it('is bounded', () => {
    let most = 3;
    const log = new AclLog(() => most);
    for (let at = 0; at < 9; at++) log.note({ ...event, object: `c${at}` }, at);
    expect(log.newest(10).map(({ object }) => object)).toEqual(['c8', 'c7', 'c6']);
    most = 1;
    expect(log.newest(10)).toHaveLength(1);
    expect(log.denied.command).toBe(9);
  });
});
