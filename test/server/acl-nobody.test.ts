/** What a user without rights may do: nothing, command by command. Who may come at all. */
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AnySpec } from '../../src/server/command-table.js';
import { fullName } from '../../src/statemachine/command-spec.js';
import { type Command, RespPipe } from '../conformance/resp-pipe.js';
import { AclWorld, plain } from './acl-world.js';
import { RawClient, startServer, type World } from './harness.js';

let acl: AclWorld;
let world: World;
const logIn = (name: string, ...rules: string[]) => acl.logIn(name, ...rules);

beforeEach(async () => {
  acl = await AclWorld.start();
  ({ world } = acl);
});

afterEach(() => acl.stop());

/** The least that fits the arity, with keys and numbers where they are asked for. */
function call(name: string, { arity }: AnySpec): Command {
  const words = name.split('|');
  while (words.length < Math.abs(arity)) words.push('1');
  return words;
}

describe('a user without rights', () => {
  const free = ['auth', 'hello', 'quit', 'reset'];

  function everyCommand(): { name: string; command: Command }[] {
    const { commands } = world.server.acl;
    return [...commands.all]
      .map((spec) => ({
        name: fullName(spec),
        command: call(fullName(spec), spec),
      }))
      .filter(({ name }) => !free.includes(name))
      .filter(({ command }) => !isBareContainer(command));
  }

  /** Without a sub-command that exists it is refused for that. */
  function isBareContainer(command: Command): boolean {
    const { commands } = world.server.acl;
    const spec = commands.find(command[0]!)!;
    const subs = spec.kind === 'local' ? spec.subcommands : undefined;
    return subs !== undefined && command.length > 1 && !subs.has(command[1]!);
  }

  it('may run no command of the table', async () => {
    const nobody = await logIn('nobody');
    const all = everyCommand();
    expect(all.length).toBeGreaterThan(100);
    const replies = await nobody.ask(all.map(({ command }) => command));
    for (const [at, { name }] of all.entries()) {
      expect(plain(replies[at]!)).toBe(
        `-NOPERM User nobody has no permissions to run the '${name}' command`,
      );
    }
    expect([world.group.writes, world.shutdowns]).toEqual([0, 0]);
  });

  it('nor inside MULTI, where EXEC then does nothing', async () => {
    const nobody = await logIn('nobody', '+multi +exec');
    const all = everyCommand().filter(({ name }) => name !== 'multi' && name !== 'exec');
    for (const { name, command } of all) {
      const replies = await nobody.ask([['MULTI'], command, ['EXEC']]);
      expect(replies.map(plain)).toEqual([
        '+OK',
        `-NOPERM User nobody has no permissions to run the '${name}' command`,
        '-EXECABORT Transaction discarded because of previous errors.',
      ]);
    }
    expect([world.group.writes, world.shutdowns]).toEqual([0, 0]);
  });

  it('may touch no key and no channel although it may run everything', async () => {
    const nobody = await logIn('nobody', '+@all -@dangerous');
    const { commands } = world.server.acl;
    const touching = [...commands.all].filter(
      (spec) =>
        !spec.acl.includes('dangerous') &&
        (spec.keys.first > 0 || (spec.kind === 'local' && spec.channels !== undefined)),
    );
    expect(touching.length).toBeGreaterThan(40);
    const replies = await nobody.ask(touching.map((spec) => call(fullName(spec), spec)));
    for (const [at, { name }] of touching.entries()) {
      expect(plain(replies[at]!), name).toMatch(
        /^-NOPERM No permissions to access a (key|channel)$/,
      );
    }
    expect(world.group.writes).toBe(0);
  });
});

describe('protected mode', () => {
  const [outside] = Object.values(networkInterfaces())
    .flat()
    .filter((each) => each?.family === 'IPv4' && !each.internal)
    .map((each) => each!.address);
  if (outside === undefined) console.warn('protected mode: skipped, there is only loopback');

  it.runIf(outside !== undefined)('lets nobody in from outside without a password', async () => {
    const open = await startServer({}, '0.0.0.0');
    const local = await RespPipe.open(open.port, 2);
    try {
      const denied = await RawClient.open(open.port, outside);
      expect(await denied.rest()).toMatch(/^-DENIED Redis is running in protected mode/);
      await local.ask([['CONFIG', 'SET', 'protected-mode', 'no']]);
      const first = await RawClient.open(open.port, outside);
      expect(await first.ask('PING\r\n', 7)).toBe('+PONG\r\n');
      first.close();
      await local.ask([
        ['CONFIG', 'SET', 'protected-mode', 'yes'],
        ['ACL', 'SETUSER', 'default', '>pw'],
      ]);
      const second = await RawClient.open(open.port, outside);
      expect(await second.ask('AUTH pw\r\n', 5)).toBe('+OK\r\n');
      second.close();
    } finally {
      local.close();
      await open.stop();
    }
  });
});
