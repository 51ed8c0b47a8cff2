/**
 * ACL beside a redis-server: what the tables say of each command, and how the same rules are
 * described, refused and enforced. Known differences of versions are named here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type World } from '../server/harness.js';
import { random } from '../statemachine/keyspace-helpers.js';
import { RedisProcess, redisVersion } from './redis-process.js';
import { type Command, type Reply, RespPipe } from './resp-pipe.js';

const version = redisVersion();
if (version === null) console.warn('acl-differential: skipped, there is no redis-server');

function text(reply: Reply): string {
  if (reply.elements !== null) return reply.elements.map(text).join(' ');
  return reply.raw
    .replace(/^\$\d+\r\n/, '')
    .replace(/^[+:]/, '')
    .replace(/\r\n$/, '');
}

interface Described {
  readonly acl: string;
  readonly keys: readonly string[];
}

/** By full name; keys as "flags: first last step". */
function commandInfo(reply: Reply, found = new Map<string, Described>()): Map<string, Described> {
  for (const { elements } of reply.elements!) {
    const [name, , , , , , acl, , keys, subs] = elements!;
    found.set(text(name!), {
      acl: acl!.elements!.map(text).sort().join(' '),
      keys: keys!
        .elements!.map((spec) =>
          text(spec)
            .toLowerCase()
            .replace(/^notes .* flags/, 'flags'),
        )
        .filter((s) => !/not_key/.test(s)),
    });
    commandInfo(subs!, found);
  }
  return found;
}

const hash = 'a'.repeat(64);
const rules: readonly string[] = [
  ...['on', 'off', 'nopass', 'resetpass', '>pw', '<pw', `#${hash}`, `!${hash}`, '#short', '!x'],
  ...['+get', '-get', '+GET', '+set', '-set', '+@all', '-@all', 'allcommands', 'nocommands'],
  ...['+@read', '-@read', '+@string', '-@String', '+@write', '-@dangerous', '+@connection'],
  ...['+config', '-config', '+config|get', '-config|get', '+config|set', '+client|id'],
  ...['+select|0', '+select|1', '-select', '+select', '-@nope', '+nope', '-nope', '+config|nope'],
  ...['+config|get|x', '+config|', '-select|0', '+', '-', '+@', '@read', 'nope', ''],
  ...['~a*', '%R~a*', '%W~a*', '%RW~c?', '%wr~c', '%~x', '%RR~x', '%R', '~', 'allkeys', '~*'],
  ...['resetkeys', '~[ab]', '&ch*', '&c?', '& x', '~a b', 'allchannels', 'resetchannels', '&*'],
  ...['(~x +get)', '(%R~b +@all)', '(&ch1 +publish)', '()', '(+nope)', '(on)', ')', '(~* +@all)'],
  ...['clearselectors', 'reset', 'skip-sanitize-payload', 'sanitize-payload', 'constructor'],
];

const attempts: readonly Command[] = [
  ...[
    ['get', 'a'],
    ['get', 'x'],
    ['set', 'a', '1'],
    ['set', 'c1', '1', 'GET'],
    ['mget', 'a', 'b'],
  ],
  ...[
    ['rename', 'a', 'c1'],
    ['rename', 'c1', 'a'],
    ['copy', 'a', 'b'],
    ['exists', 'a', 'zz'],
  ],
  ...[
    ['strlen', 'a'],
    ['getdel', 'c1'],
    ['append', 'a', 'x'],
    ['mset', 'a', '1', 'b', '2'],
  ],
  ...[
    ['publish', 'ch1', 'x'],
    ['publish', 'cx', 'x'],
    ['subscribe', 'ch1', 'no'],
  ],
  ...[
    ['psubscribe', 'ch*'],
    ['psubscribe', 'ch1'],
    ['ssubscribe', 'cx'],
    ['config', 'get', 'x'],
  ],
  ...[['config', 'set', 'x', 'y'], ['select', '0'], ['select', '1'], ['client', 'id'], ['ping']],
  ...[['auth', 'x'], ['get'], ['config', 'nope'], ['nope']],
];

/**
 * 7.0 words denials in another way, does not name the default of sanitize-payload, and makes up
 * its own list of rules on commands; 7.2 gives them back as they were given (acl.test.ts).
 */
function plain(reply: Reply): string {
  return text(reply)
    .replace(/\b(skip-)?sanitize-payload ?/g, '')
    .replace(/^This user has/, 'User u has')
    .replace(/(?<=^|[ (])[+-]@?[^\s)]+ ?/g, '')
    .replace(/ (?=\))/g, '')
    .trim();
}

/** DEBUG is a container here. */
const otherwise: readonly string[] = ['debug'];

describe.runIf(version !== null)('beside redis-server', () => {
  let redis: RedisProcess;
  let world: World;
  let theirs: RespPipe;
  let ours: RespPipe;

  beforeAll(async () => {
    redis = await RedisProcess.start();
    world = await startServer();
    theirs = await RespPipe.open(redis.port, 2);
    ours = await RespPipe.open(world.port, 2);
  });
  afterAll(async () => {
    theirs?.close();
    ours?.close();
    await world?.stop();
    await redis?.stop();
  });

  it('all commands have the same categories, keys and uses of keys', async () => {
    const [them] = await theirs.ask([['COMMAND']]);
    const [us] = await ours.ask([['COMMAND']]);
    const expected = commandInfo(them!);
    const found = commandInfo(us!);
    const wrong = [...found].filter(([name, { acl, keys }]) => {
      const other = expected.get(name);
      if (other === undefined || otherwise.includes(name)) return false;
      return other.acl !== acl || other.keys.join() !== keys.join();
    });
    expect(wrong.map(([name, own]) => ({ name, own, redis: expected.get(name) }))).toEqual([]);
  });

  it('random rules make the same users with the same rights', async () => {
    const next = random(7);
    const pick = <T>(list: readonly T[]) => list[next(list.length)]!;
    for (let step = 0; step < 400; step++) {
      const words = Array.from({ length: 1 + next(3) }, () => pick(rules));
      const commands: Command[] = [
        ['ACL', 'SETUSER', 'u', ...(step % 20 === 0 ? ['reset'] : []), ...words],
        ['ACL', 'LIST'],
        ['ACL', 'GETUSER', 'u'],
        ...attempts.map((attempt) => ['ACL', 'DRYRUN', 'u', ...attempt]),
      ];
      const [them, us] = await Promise.all([theirs.ask(commands), ours.ask(commands)]);
      for (const [at, command] of commands.entries()) {
        expect(plain(us[at]!), `step ${step}: ${words}: ${command}`).toBe(plain(them[at]!));
      }
    }
  });

  it.each([
    ['ACL SETUSER "a b"'],
    ['ACL SETUSER u (a b'],
    ['ACL SETUSER u ~x (a b'],
    ['ACL SETUSER'],
    ['ACL DELUSER default'],
    ['ACL DELUSER u nobody u'],
    ['ACL DELUSER'],
    ['ACL GETUSER nobody'],
    ['ACL DRYRUN nobody GET a'],
    ['ACL CAT nope'],
    ['ACL CAT'],
    ['ACL CAT a b'],
    ['ACL GENPASS 0'],
    ['ACL GENPASS 4097'],
    ['ACL GENPASS x'],
    ['ACL GENPASS 1 2'],
    ['ACL LOG x'],
    ['ACL LOG 1 2'],
    ['ACL LOG RESET'],
    ['ACL LOG'],
    ['ACL LOAD'],
    ['ACL SAVE'],
    ['ACL WHOAMI'],
    ['ACL USERS'],
    ['ACL NOPE'],
    ['ACL'],
    ['AUTH x'],
    ['AUTH u x'],
    ['AUTH a b c'],
    ['HELLO 2 AUTH a b'],
  ])('%s', async (line) => {
    const words = line.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ''));
    const [[them], [us]] = await Promise.all([theirs.ask([words]), ours.ask([words])]);
    expect(text(us!)).toBe(text(them!));
  });
});
