/** Users, what they may do, and what becomes of their connections, at one node. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RespPipe } from '../conformance/resp-pipe.js';
import { AclWorld, ask, plain } from './acl-world.js';
import { RawClient, until, type World } from './harness.js';

let acl: AclWorld;
let world: World;
let admin: RespPipe;
const open = () => acl.open();
const logIn = (name: string, ...rules: string[]) => acl.logIn(name, ...rules);

beforeEach(async () => {
  acl = await AclWorld.start();
  ({ world, admin } = acl);
});

afterEach(() => acl.stop());

async function hasEnded(pipe: RespPipe): Promise<boolean> {
  return pipe.ask([['PING']]).then(
    () => false,
    () => true,
  );
}

describe('users', () => {
  it('are made, described and removed', async () => {
    expect(
      await ask(
        admin,
        'ACL WHOAMI',
        'ACL LIST',
        'ACL SETUSER bob on nopass ~a* %R~b &c +@read (~z +set)',
        'ACL LIST',
        'ACL GETUSER bob',
        'ACL USERS',
        'ACL DELUSER bob nobody',
        'ACL USERS',
        'ACL GETUSER bob',
      ),
    ).toEqual([
      'default',
      '[user default on nopass sanitize-payload ~* &* +@all]',
      '+OK',
      '[user bob on nopass sanitize-payload ~a* %R~b resetchannels &c -@all +@read ' +
        '(~z resetchannels -@all +set) user default on nopass sanitize-payload ~* &* +@all]',
      '[flags [on nopass sanitize-payload] passwords [] commands -@all +@read keys ~a* %R~b ' +
        'channels &c selectors [[commands -@all +set keys ~z channels ]]]',
      '[bob default]',
      ':1',
      '[default]',
      '',
    ]);
  });

  it('have selectors with patterns of any bytes', async () => {
    // The last byte of an a with a grave accent is a no-break space, if taken alone.
    const pattern = '~voil\u00c3\u00a0';
    expect(await ask(admin, `ACL SETUSER bob (${pattern} +get)`)).toEqual(['+OK']);
    const [described] = await ask(admin, 'ACL LIST');
    expect(described).toContain(`(${pattern} resetchannels`);
  });

  it('are not changed at all by rules of which one is wrong', async () => {
    const [first, second] = await ask(admin, 'ACL SETUSER bob on +get nope', 'ACL GETUSER bob');
    expect(first).toBe("-ERR Error in ACL SETUSER modifier 'nope': Syntax error");
    expect(second).toBe('');
  });

  it('changed at once by many clients lose no change', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => open()));
    await Promise.all(clients.map((client, at) => ask(client, `ACL SETUSER bob ~k${at}`)));
    const [reply] = await ask(admin, 'ACL GETUSER bob');
    for (const at of clients.keys()) expect(reply).toMatch(new RegExp(`~k${at}( |$)`));
  });

  it('are changed at the leader only', async () => {
    world.group.isLeader = false;
    world.group.refusal = 'not-leader';
    world.group.leaderPort = 7002;
    const moved = '-MOVED 0 127.0.0.1:7002';
    expect(await ask(admin, 'ACL SETUSER bob on', 'ACL DELUSER bob')).toEqual([moved, moved]);
  });

  it('come and go as the log says', async () => {
    const bob = await logIn('bob', '+ping');
    world.group.share([['user:bob', 'on\tnopass\t+echo']]);
    expect(await ask(bob, 'ECHO x', 'PING')).toEqual([
      'x',
      "-NOPERM User bob has no permissions to run the 'ping' command",
    ]);
    world.group.share([['user:bob', '']]);
    expect(await hasEnded(bob)).toBe(true);
  });
});

describe('authentication', () => {
  const wrong = '-WRONGPASS invalid username-password pair or user is disabled.';

  it('of users, with AUTH and with HELLO', async () => {
    await ask(admin, 'ACL SETUSER bob on >pw +@all', 'ACL SETUSER eve >pw +@all');
    const client = await open();
    expect(
      await ask(client, 'AUTH bob no', 'AUTH eve pw', 'AUTH nobody pw', 'HELLO 2 AUTH bob no'),
    ).toEqual([wrong, wrong, wrong, wrong]);
    expect(await ask(client, 'ACL WHOAMI', 'AUTH bob pw', 'ACL WHOAMI')).toEqual([
      'default',
      '+OK',
      'bob',
    ]);
    const [, who, reset, again] = await ask(
      await open(),
      'HELLO 2 AUTH bob pw SETNAME me',
      'ACL WHOAMI',
      'RESET',
      'ACL WHOAMI',
    );
    expect([who, reset, again]).toEqual(['bob', '+RESET', 'default']);
    const [list] = await ask(client, 'CLIENT INFO');
    expect(list).toMatch(/ user=bob /);
  });

  it('is needed once the default user has a password, or is off', async () => {
    await ask(admin, 'ACL SETUSER default >pw');
    const client = await open();
    expect(await ask(client, 'PING', 'AUTH no', 'AUTH pw', 'PING')).toEqual([
      '-NOAUTH Authentication required.',
      wrong,
      '+OK',
      '+PONG',
    ]);
    // Who was in stays in, as in Redis.
    expect(await ask(admin, 'ACL SETUSER default off', 'PING')).toEqual(['+OK', '+PONG']);
    expect(await ask(await open(), 'AUTH pw', 'PING')).toEqual([
      wrong,
      '-NOAUTH Authentication required.',
    ]);
  });

  it('with requirepass of any letters, from a file and from a client', async () => {
    // What a file gives is text, what clients send are its bytes.
    world.settings.set('requirepass', 'gr\u00fcn');
    world.server.live.refresh();
    const bytes = 'gr\u00c3\u00bcn';
    const client = await open();
    expect(await ask(client, `AUTH ${bytes}`, 'CONFIG GET requirepass')).toEqual([
      '+OK',
      `[requirepass ${bytes}]`,
    ]);
    expect(await ask(client, `CONFIG SET requirepass ${bytes}${bytes}`)).toEqual(['+OK']);
    expect(world.settings.get('requirepass')).toBe('gr\u00fcngr\u00fcn');
    const [refused] = await ask(client, 'CONFIG SET requirepass \u00ff');
    expect(refused).toMatch(/must be UTF-8/);
  });

  it('with requirepass: the password of the default user at this node', async () => {
    await ask(admin, 'CONFIG SET requirepass secret', 'ACL SETUSER bob on >pw +@all');
    const [list] = await ask(admin, 'ACL LIST');
    expect(list).toMatch(/user default on sanitize-payload #[0-9a-f]{64} ~\* &\* \+@all/);
    const client = await open();
    expect(
      await ask(client, 'PING', 'AUTH x', 'AUTH secret', 'ACL WHOAMI', 'AUTH bob pw', 'ACL WHOAMI'),
    ).toEqual(['-NOAUTH Authentication required.', wrong, '+OK', 'default', '+OK', 'bob']);
    // The rights of the default user are those of the log all the same.
    await ask(client, 'ACL SETUSER default -ping');
    expect(await ask(await open(), 'AUTH default secret', 'PING')).toEqual([
      '+OK',
      "-NOPERM User default has no permissions to run the 'ping' command",
    ]);
  });

  it('before the log is read nobody may do what needs a right', async () => {
    world.group.settingsKnown = 'loading';
    world.group.share([['user:eve', 'off']]);
    const client = await open();
    const loading = '-LOADING tgcache is loading the dataset in memory';
    expect(
      await ask(client, 'PING', 'CONFIG SET timeout 5', 'DEBUG DIGEST', 'SHUTDOWN', 'AUTH bob pw'),
    ).toEqual(['+PONG', loading, loading, loading, loading]);
    expect(world.shutdowns).toBe(0);
    world.group.share([['user:default', 'on\t~*\t&*\t+@all']]);
    world.group.settingsKnown = 'current';
    expect(await ask(client, 'PING')).toEqual(['-NOAUTH Authentication required.']);
  });

  it('holds for connections that came before a leader was heard', async () => {
    world.group.settingsKnown = 'recovered';
    const client = await open();
    expect(await ask(client, 'PING')).toEqual(['+PONG']);
    world.group.share([['user:default', 'on\t~*\t&*\t+@all']]);
    expect(await ask(client, 'PING')).toEqual(['-NOAUTH Authentication required.']);
  });
});

describe('rights', () => {
  it('to commands, keys and channels, in the words of Redis', async () => {
    const bob = await logIn('bob', '~a %R~r &c +@all -ping -config|set');
    expect(
      await ask(
        bob,
        'PING',
        'CONFIG SET timeout 0',
        'SET a 1',
        'GET r',
        'SET r 1',
        'MGET a r b',
        'PUBLISH c x',
        'PUBLISH d x',
        'PSUBSCRIBE c*',
        'SSUBSCRIBE d',
        'NOPE',
        'GET',
      ),
    ).toEqual([
      "-NOPERM User bob has no permissions to run the 'ping' command",
      "-NOPERM User bob has no permissions to run the 'config|set' command",
      '+OK',
      '',
      '-NOPERM No permissions to access a key',
      '-NOPERM No permissions to access a key',
      ':0',
      '-NOPERM No permissions to access a channel',
      '-NOPERM No permissions to access a channel',
      '-NOPERM No permissions to access a channel',
      "-ERR unknown command 'NOPE', with args beginning with:",
      "-ERR wrong number of arguments for 'get' command",
    ]);
  });

  it('are checked when a transaction is queued', async () => {
    const bob = await logIn('bob', '~a +multi +exec +set');
    expect(await ask(bob, 'MULTI', 'SET a 1', 'GET a', 'SET b 1', 'EXEC')).toEqual([
      '+OK',
      '+QUEUED',
      "-NOPERM User bob has no permissions to run the 'get' command",
      '-NOPERM No permissions to access a key',
      '-EXECABORT Transaction discarded because of previous errors.',
    ]);
    expect(world.group.writes).toBe(0);
  });

  it('and again for each command at EXEC', async () => {
    const bob = await logIn('bob', '~* +@all');
    await ask(bob, 'MULTI', 'SET a 1', 'PING', 'SET b 1');
    await ask(admin, 'ACL SETUSER bob resetkeys ~b -ping');
    const changed =
      '-NOPERM ACLs rules changed between the moment the transaction was accumulated and the ' +
      'EXEC call. This command is no longer allowed for the following reason: ';
    expect(await ask(bob, 'EXEC')).toEqual([
      `[${changed}no permission to touch the specified keys ` +
        `${changed}no permission to execute the command or subcommand +OK]`,
    ]);
    expect(await ask(admin, 'EXISTS a b')).toEqual([':1']);
  });

  it('and once more when EXEC had to wait', async () => {
    const bob = await logIn('bob', '~* +@all');
    world.group.refusal = 'no-leader';
    const waiting = ask(bob, 'MULTI', 'SET a 1', 'EXEC');
    await until(() => [...world.server.connections.values()].some(({ stall }) => stall === 'wait'));
    world.group.share([['user:bob', 'on\t-@all\t+exec']]);
    world.group.refusal = null;
    world.group.changed();
    expect((await waiting).at(-1)).toMatch(/^-NOPERM ACLs rules changed/);
    expect(world.group.writes).toBe(0);
  });

  it('of a transaction are those of the user that AUTH brings', async () => {
    const bob = await logIn('bob', '+@all ~*');
    await ask(admin, 'ACL SETUSER eve on nopass +exec');
    const [reply] = (await ask(bob, 'MULTI', 'AUTH eve x', 'SET a 1', 'EXEC')).slice(3);
    expect(reply).toMatch(/^\[\+OK -NOPERM ACLs rules changed/);
    expect(await ask(admin, 'EXISTS a')).toEqual([':0']);
  });

  it('that were taken away end subscriptions', async () => {
    const bob = await logIn('bob', '&a &b* +@all');
    await bob.ask([
      ['SUBSCRIBE', 'a'],
      ['PSUBSCRIBE', 'b*'],
    ]);
    await ask(admin, 'ACL SETUSER bob ~x');
    expect(await hasEnded(bob)).toBe(false);
    await ask(admin, 'ACL SETUSER bob resetchannels &a &b1');
    expect(await hasEnded(bob)).toBe(true);
  });
});

describe('a removed user', () => {
  it('loses its connections, waiting ones too', async () => {
    const idle = await logIn('bob', '+@all ~* &*');
    const listening = await open();
    await ask(listening, 'AUTH bob pw', 'SUBSCRIBE c');
    const parked = await open();
    await ask(parked, 'AUTH bob pw');
    world.group.refusal = 'no-leader';
    const waiting = parked.ask([['SET', 'a', '1']]).then(
      () => false,
      () => true,
    );
    await until(() => [...world.server.connections.values()].some(({ stall }) => stall === 'wait'));
    world.group.share([['user:bob', '']]);
    world.group.refusal = null;
    world.group.changed();
    expect([await hasEnded(idle), await hasEnded(listening), await waiting]).toEqual([
      true,
      true,
      true,
    ]);
    expect(world.group.writes).toBe(0);
    expect(await ask(admin, 'PING')).toEqual(['+PONG']);
  });

  it('that removes itself hears that it is done', async () => {
    await logIn('bob', '+@all');
    const client = await RawClient.open(world.port);
    client.send('AUTH bob pw\r\nACL DELUSER bob\r\nPING\r\n');
    expect(await client.rest()).toBe('+OK\r\n:1\r\n');
  });
});

describe('DEBUG', () => {
  it('is one command to ACL, which may allow it by its first argument', async () => {
    const bob = await logIn('bob', '+debug|sleep');
    expect(await ask(bob, 'DEBUG SLEEP 0', 'DEBUG OBJECT k', 'DEBUG NOPE', 'ACL WHOAMI')).toEqual([
      '+OK',
      ...Array(2).fill("-NOPERM User bob has no permissions to run the 'debug' command"),
      "-NOPERM User bob has no permissions to run the 'acl|whoami' command",
    ]);
    await ask(admin, 'ACL SETUSER bob +debug');
    expect(await ask(bob, 'DEBUG OBJECT k')).toEqual(['-NOPERM No permissions to access a key']);
  });
});

describe('SET', () => {
  it('with GET anywhere asks for the right to read', async () => {
    const bob = await logIn('bob', '%W~w', '+set');
    const denied = '-NOPERM No permissions to access a key';
    expect(await ask(bob, 'SET w get', 'SET w 1 GET', 'SET w 1 EX GET')).toEqual([
      '+OK',
      denied,
      denied,
    ]);
  });
});

describe('ACL LOG', () => {
  it('tells what was denied to whom', async () => {
    const bob = await logIn('bob', '~a +get +multi +acl|log');
    await ask(bob, 'SET a 1', 'SET a 1', 'GET b', 'MULTI', 'GET c', 'AUTH x y');
    const [entries] = await admin.ask([['ACL', 'LOG']]);
    const fields = entries!.elements!.map(({ elements }) => elements!.map(plain));
    const [info] = await ask(admin, 'INFO stats');
    const denied = [...info!.matchAll(/acl_access_denied_(\w+:\d+)/g)].map(([, count]) => count);
    expect(denied).toEqual(['auth:0', 'cmd:2', 'key:2', 'channel:0']);
    expect(fields.map((entry) => [1, 3, 5, 7, 9].map((at) => entry[at]).join(' '))).toEqual([
      ':1 key multi c bob',
      ':1 key toplevel b bob',
      ':2 command toplevel set bob',
    ]);
  });
});
