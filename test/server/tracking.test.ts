/** CLIENT TRACKING over one server; test/cluster/near-cache.test.ts has it over a cluster. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encode, RawClient, startServer, type World } from './harness.js';

let world: World;
const clients: RawClient[] = [];
beforeEach(async () => {
  world = await startServer();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await world.stop();
});

async function open(protocol: 2 | 3 = 3): Promise<RawClient> {
  const client = await RawClient.open(world.port);
  clients.push(client);
  if (protocol === 3) {
    client.send(encode('HELLO', '3'));
    await client.until(() => client.received.includes('modules\r\n*0\r\n'));
    client.received = '';
  }
  return client;
}

async function talk(client: RawClient, words: string[], reply: string): Promise<void> {
  client.send(encode(...words));
  expect(await client.take(reply.length)).toBe(reply);
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const invalidated = (...keys: string[]) =>
  `>2\r\n${bulk('invalidate')}*${keys.length}\r\n${keys.map(bulk).join('')}`;
const ok = '+OK\r\n';

describe('CLIENT TRACKING', () => {
  it('tells a client once about a key it has read and another client changed', async () => {
    const [reader, writer] = [await open(), await open()];
    await talk(writer, ['SET', 'k', '1'], ok);
    await talk(reader, ['CLIENT', 'TRACKING', 'ON'], ok);
    await talk(reader, ['GET', 'k'], bulk('1'));
    await talk(reader, ['GET', 'none'], '_\r\n');
    await talk(writer, ['SET', 'other', '1'], ok);
    await talk(writer, ['SET', 'k', '2'], ok);
    await talk(writer, ['SET', 'k', '3'], ok);
    await talk(writer, ['SET', 'none', '1'], ok);
    await talk(reader, ['PING'], `${invalidated('k')}${invalidated('none')}+PONG\r\n`);
  });

  it('tells of deletion, expiry, a new due time, renaming and flushing', async () => {
    const [reader, writer] = [await open(), await open()];
    await talk(reader, ['CLIENT', 'TRACKING', 'ON'], ok);
    const read = async (...keys: string[]) => {
      await talk(writer, ['MSET', ...keys.flatMap((key) => [key, 'x'])], ok);
      await talk(
        reader,
        ['MGET', ...keys],
        `*${keys.length}\r\n${keys.map(() => bulk('x')).join('')}`,
      );
    };
    await read('a', 'b', 'c', 'd');
    await talk(writer, ['DEL', 'a'], ':1\r\n');
    await talk(writer, ['EXPIRE', 'b', '100'], ':1\r\n');
    await talk(writer, ['RENAME', 'c', 'd'], ok);
    const pushes = ['a', 'b', 'd', 'c'].map((key) => invalidated(key));
    const got = await reader.take(pushes.join('').length);
    for (const push of pushes) expect(got).toContain(push);
    await read('e');
    await talk(writer, ['FLUSHALL'], ok);
    const all = `>2\r\n${bulk('invalidate')}_\r\n`;
    expect(await reader.take(all.length)).toBe(all);
    await read('f');
    await talk(writer, ['PEXPIRE', 'f', '1'], ':1\r\n');
    await talk(reader, ['PING'], `${invalidated('f')}+PONG\r\n`);
    await read('g');
    await talk(writer, ['EXPIRE', 'g', '-1'], ':1\r\n');
    await talk(reader, ['PING'], `${invalidated('g')}+PONG\r\n`);
  });

  it('tells the writer itself behind its reply, unless NOLOOP', async () => {
    const client = await open();
    await talk(client, ['CLIENT', 'TRACKING', 'ON'], ok);
    await talk(client, ['GET', 'k'], '_\r\n');
    await talk(client, ['SET', 'k', '1'], `${ok}${invalidated('k')}`);
    await talk(client, ['CLIENT', 'TRACKING', 'ON', 'NOLOOP'], ok);
    await talk(client, ['GET', 'k'], bulk('1'));
    await talk(client, ['SET', 'k', '2'], ok);
    await talk(client, ['PING'], '+PONG\r\n');
  });

  it('registers what a transaction reads, and what it changes after reading', async () => {
    const [client, writer] = [await open(), await open()];
    await talk(client, ['CLIENT', 'TRACKING', 'ON'], ok);
    const exec = async (...commands: string[][]) => {
      await talk(client, ['MULTI'], ok);
      for (const words of commands) await talk(client, words, '+QUEUED\r\n');
    };
    await exec(['GET', 'k']);
    await talk(client, ['EXEC'], '*1\r\n_\r\n');
    await talk(writer, ['SET', 'k', '1'], ok);
    await talk(client, ['PING'], `${invalidated('k')}+PONG\r\n`);
    await exec(['GET', 'k'], ['SET', 'k', '2']);
    await talk(client, ['EXEC'], `*2\r\n${bulk('1')}${ok}${invalidated('k')}`);
  });

  it('OPTIN and OPTOUT: CLIENT CACHING is about the next command alone', async () => {
    const [client, writer] = [await open(), await open()];
    await talk(client, ['CLIENT', 'TRACKING', 'ON', 'OPTIN'], ok);
    client.send(
      encode('GET', 'a') +
        encode('CLIENT', 'CACHING', 'YES') +
        encode('GET', 'b') +
        encode('GET', 'c'),
    );
    await client.take('_\r\n+OK\r\n_\r\n_\r\n'.length);
    await talk(writer, ['MSET', 'a', '1', 'b', '1', 'c', '1'], ok);
    await talk(client, ['PING'], `${invalidated('b')}+PONG\r\n`);
    await talk(client, ['CLIENT', 'CACHING', 'YES'], ok);
    await talk(client, ['MULTI'], ok);
    await talk(client, ['GET', 'a'], '+QUEUED\r\n');
    await talk(client, ['EXEC'], `*1\r\n${bulk('1')}`);
    await talk(client, ['GET', 'b'], bulk('1'));
    await talk(writer, ['MSET', 'a', '2', 'b', '2'], ok);
    await talk(client, ['PING'], `${invalidated('a')}+PONG\r\n`);
    await talk(client, ['CLIENT', 'TRACKING', 'OFF'], ok);
    await talk(client, ['CLIENT', 'TRACKING', 'ON', 'OPTOUT'], ok);
    await talk(client, ['CLIENT', 'CACHING', 'NO'], ok);
    await talk(client, ['GET', 'a'], bulk('2'));
    await talk(client, ['GET', 'b'], bulk('2'));
    await talk(writer, ['MSET', 'a', '3', 'b', '3'], ok);
    await talk(client, ['PING'], `${invalidated('b')}+PONG\r\n`);
  });

  it('BCAST tells of every key with a prefix, read or not', async () => {
    const [client, all, writer] = [await open(), await open(), await open()];
    await talk(client, ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'user:', 'PREFIX', 'x'], ok);
    await talk(all, ['CLIENT', 'TRACKING', 'ON', 'BCAST'], ok);
    await talk(writer, ['MSET', 'user:1', '1', 'item:1', '1'], ok);
    await talk(writer, ['SET', 'user:1', '2'], ok);
    await talk(client, ['PING'], `${invalidated('user:1')}${invalidated('user:1')}+PONG\r\n`);
    const both = `>2\r\n${bulk('invalidate')}*2\r\n${bulk('user:1')}${bulk('item:1')}`;
    const told = both + invalidated('user:1');
    expect(await all.take(told.length)).toBe(told);
  });

  it('BCAST takes the place of what was read before', async () => {
    const [client, writer] = [await open(), await open()];
    await talk(client, ['CLIENT', 'TRACKING', 'ON'], ok);
    await talk(client, ['GET', 'k'], '_\r\n');
    await talk(client, ['CLIENT', 'TRACKING', 'OFF'], ok);
    await talk(client, ['CLIENT', 'TRACKING', 'ON', 'BCAST'], ok);
    await talk(writer, ['SET', 'k', '1'], ok);
    await talk(client, ['PING'], `${invalidated('k')}+PONG\r\n`);
  });

  it('BCAST tells what a transaction changed in one message for each prefix', async () => {
    const [client, writer] = [await open(), await open()];
    await talk(client, ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'a', 'PREFIX', 'b'], ok);
    for (const words of [['MULTI'], ['SET', 'a1', '1'], ['SET', 'b1', '1'], ['SET', 'a2', '1']]) {
      writer.send(encode(...words));
    }
    await talk(writer, ['EXEC'], `${ok}${'+QUEUED\r\n'.repeat(3)}*3\r\n${ok.repeat(3)}`);
    const both = `>2\r\n${bulk('invalidate')}*2\r\n${bulk('a1')}${bulk('a2')}`;
    await talk(client, ['PING'], `${both}${invalidated('b1')}+PONG\r\n`);
  });

  it('REDIRECT gives messages to a RESP2 listener; a lost one is told', async () => {
    const [listener, reader, writer] = [await open(2), await open(), await open()];
    listener.send(encode('CLIENT', 'ID'));
    const id = (await listener.take(4)).slice(1, 2);
    await talk(
      listener,
      ['SUBSCRIBE', '__redis__:invalidate'],
      `*3\r\n${bulk('subscribe')}${bulk('__redis__:invalidate')}:1\r\n`,
    );
    await talk(reader, ['CLIENT', 'TRACKING', 'ON', 'REDIRECT', id], ok);
    await talk(reader, ['CLIENT', 'GETREDIR'], `:${id}\r\n`);
    await talk(reader, ['GET', 'k'], '_\r\n');
    await talk(writer, ['SET', 'k', '1'], ok);
    const message = `*3\r\n${bulk('message')}${bulk('__redis__:invalidate')}*1\r\n${bulk('k')}`;
    expect(await listener.take(message.length)).toBe(message);
    listener.close();
    while (world.server.connections.size > 2) await new Promise((r) => setImmediate(r));
    await talk(reader, ['GET', 'k'], bulk('1'));
    await talk(writer, ['SET', 'k', '2'], ok);
    const broken = `>2\r\n${bulk('tracking-redir-broken')}:${id}\r\n`;
    expect(await reader.take(broken.length)).toBe(broken);
    reader.send(encode('CLIENT', 'TRACKINGINFO'));
    await reader.until(() => reader.received.includes('broken_redirect'));
  });

  it('invalidates what a full table forgets', async () => {
    const [client, writer] = [await open(), await open()];
    await talk(writer, ['CONFIG', 'SET', 'tracking-table-max-keys', '2'], ok);
    await talk(client, ['CLIENT', 'TRACKING', 'ON'], ok);
    await talk(client, ['GET', 'a'], '_\r\n');
    await talk(client, ['GET', 'b'], '_\r\n');
    await talk(client, ['GET', 'c'], `_\r\n${invalidated('a')}`);
  });

  it('refuses what does not go together, in the words of Redis', async () => {
    const client = await open();
    const refused = async (words: string[], text: string) => {
      client.send(encode('CLIENT', ...words));
      await client.until(() => client.received.endsWith('\r\n'));
      expect(client.received).toBe(`-ERR ${text}\r\n`);
      client.received = '';
    };
    const tracking = (...words: string[]) => ['TRACKING', 'ON', ...words];
    await refused(tracking('PREFIX', 'a'), 'PREFIX option requires BCAST mode to be enabled');
    await refused(tracking('OPTIN', 'OPTOUT'), "You can't specify both OPTIN mode and OPTOUT mode");
    await refused(tracking('BCAST', 'OPTIN'), 'OPTIN and OPTOUT are not compatible with BCAST');
    const nobody = 'The client ID you want redirect to does not exist';
    await refused(tracking('REDIRECT', '99'), nobody);
    await refused(tracking('NONSENSE'), 'syntax error');
    await refused(
      ['CACHING', 'YES'],
      'CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or ' +
        'OPTOUT mode enabled',
    );
    await refused(
      tracking('BCAST', 'PREFIX', 'foo', 'PREFIX', 'foobar'),
      "Prefix 'foo' overlaps with another provided prefix 'foobar'. Prefixes for a single client " +
        'must not overlap.',
    );
    await talk(client, ['CLIENT', ...tracking()], ok);
    await refused(
      tracking('BCAST'),
      "You can't switch BCAST mode on/off before disabling tracking for this client, and then " +
        're-enabling it with a different mode.',
    );
  });
});
