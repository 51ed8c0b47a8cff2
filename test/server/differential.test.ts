/** The same introspection commands to redis-server and to a node: replies byte for byte. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encode, RawClient, startServer, type World } from './harness.js';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Null where redis-server is not installed. */
async function startRedis(port: number): Promise<ChildProcess | null> {
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', '/'];
  const child = spawn('redis-server', [...flags, '--enable-debug-command', 'yes'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Promise((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', () => resolve(null));
    let log = '';
    child.stdout.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('Ready to accept connections')) resolve(child);
    });
  });
}

const port = await freePort();
const redis = await startRedis(port);

/** Replies that both give alike; "|" stands between arguments. */
const commands = [
  ...['CLIENT|KILL', 'CLIENT|KILL|ID|0', 'CLIENT|KILL|ID|x', 'CLIENT|KILL|foo|bar'],
  ...['CLIENT|KILL|1.2.3.4:5', 'CLIENT|KILL|TYPE|foo', 'CLIENT|KILL|USER|nobody'],
  ...['CLIENT|KILL|SKIPME|maybe', 'CLIENT|KILL|ID|999', 'CLIENT|KILL|ADDR|a:1|LADDR|b:2'],
  ...['CLIENT|PAUSE', 'CLIENT|PAUSE|x', 'CLIENT|PAUSE|-1', 'CLIENT|PAUSE|1|foo'],
  ...['CLIENT|PAUSE|0', 'CLIENT|UNPAUSE', 'CLIENT|UNPAUSE|x', 'CLIENT|REPLY|x', 'CLIENT|REPLY|ON'],
  ...['CLIENT|UNBLOCK|x', 'CLIENT|UNBLOCK|99', 'CLIENT|UNBLOCK|99|foo', 'CLIENT|UNBLOCK|99|ERROR'],
  ...['CLIENT|NO-EVICT|ON', 'CLIENT|NO-EVICT|x', 'CLIENT|LIST|TYPE|foo', 'CLIENT|LIST|foo|bar'],
  ...['CLIENT|LIST|ID', 'CLIENT|LIST|ID|x', 'CLIENT|LIST|TYPE|pubsub', 'CLIENT|LIST|ID|999'],
  ...['CLIENT|foo', 'CLIENT|GETREDIR', 'CLIENT|TRACKINGINFO'],
  ...['SLOWLOG', 'SLOWLOG|foo', 'SLOWLOG|RESET', 'SLOWLOG|GET|x', 'SLOWLOG|GET|-2'],
  ...['SLOWLOG|GET|0', 'SLOWLOG|GET|1|2', 'SLOWLOG|LEN|x'],
  ...['LATENCY', 'LATENCY|foo', 'LATENCY|LATEST', 'LATENCY|HISTORY', 'LATENCY|HISTORY|none'],
  ...['LATENCY|GRAPH|none', 'LATENCY|RESET', 'LATENCY|RESET|none', 'LATENCY|HISTOGRAM|nosuch'],
  ...['MEMORY|USAGE', 'MEMORY|USAGE|none', 'MEMORY|USAGE|s|SAMPLES', 'MEMORY|USAGE|s|SAMPLES|-1'],
  ...['MEMORY|USAGE|s|SAMPLES|x', 'MEMORY|foo', 'MEMORY|PURGE'],
  ...['OBJECT', 'OBJECT|foo', 'OBJECT|ENCODING', 'OBJECT|ENCODING|none', 'OBJECT|ENCODING|i'],
  ...['OBJECT|ENCODING|s', 'OBJECT|ENCODING|l', 'OBJECT|REFCOUNT|s', 'OBJECT|REFCOUNT|none'],
  ...['OBJECT|IDLETIME|none', 'OBJECT|FREQ|none', 'DEBUG|OBJECT|none'],
  ...['DEBUG|SLEEP|0', 'DEBUG|SET-ACTIVE-EXPIRE|1'],
  ...['DEBUG|PROTOCOL|string', 'DEBUG|PROTOCOL|integer', 'DEBUG|PROTOCOL|double'],
  ...['DEBUG|PROTOCOL|null', 'DEBUG|PROTOCOL|array', 'DEBUG|PROTOCOL|set', 'DEBUG|PROTOCOL|map'],
  ...['DEBUG|PROTOCOL|attrib', 'DEBUG|PROTOCOL|push', 'DEBUG|PROTOCOL|verbatim'],
  ...['DEBUG|PROTOCOL|true', 'DEBUG|PROTOCOL|false', 'DEBUG|PROTOCOL|bignum'],
  ...['DEBUG|PROTOCOL|nosuch', 'DEBUG|ERROR|MY error text'],
  ...['MODULE|LIST', 'MODULE|foo', 'CONFIG|REWRITE', 'CONFIG|RESETSTAT', 'CONFIG|GET'],
  ...['CONFIG|GET|nosuch', 'CONFIG|GET|latency-monitor-threshold'],
  ...['CONFIG|GET|latency-tracking-info-percentiles', 'CONFIG|SET|slowlog-max-len|x|y'],
  ...['COMMAND|GETKEYS', 'COMMAND|GETKEYS|nosuch|a', 'COMMAND|GETKEYS|PING|a'],
  ...['COMMAND|GETKEYS|MSET|a|1|b|2', 'COMMAND|GETKEYS|MEMORY|USAGE|k', 'COMMAND|GETKEYS|GET|a|b'],
  ...['COMMAND|GETKEYSANDFLAGS|DEL|a|b', 'COMMAND|GETKEYSANDFLAGS|MSET|a|1'],
  ...['COMMAND|GETKEYSANDFLAGS|GET|a', 'COMMAND|GETKEYSANDFLAGS|EXISTS|a|b'],
  ...['COMMAND|LIST|foo', 'COMMAND|LIST|FILTERBY|foo|bar', 'COMMAND|LIST|FILTERBY|ACLCAT|nosuch'],
  ...['COMMAND|LIST|FILTERBY|MODULE|none', 'COMMAND|LIST|FILTERBY|PATTERN|slowlog|x'],
  ...['COMMAND|DOCS|nosuch', 'COMMAND|INFO|nosuch', 'COMMAND|foo', 'COMMAND|COUNT|x'],
  ...['WAIT|x|0', 'WAIT|0|x', 'WAIT|0|-1', 'WAIT|0', 'MONITOR|x', 'INFO|nosuch'],
];

describe.runIf(redis !== null)('beside redis-server', () => {
  let world: World;
  let own: RawClient;
  let other: RawClient;

  beforeAll(async () => {
    world = await startServer();
    own = await RawClient.open(world.port);
    other = await RawClient.open(port);
    for (const client of [own, other]) {
      const long = encode('SET', 'l', 'x'.repeat(100));
      await client.ask(`${encode('SET', 'i', '12')}${encode('SET', 's', 'x')}${long}`, 15);
    }
  });

  afterAll(async () => {
    own.close();
    other.close();
    redis?.removeAllListeners('exit');
    redis?.kill();
    await world.stop();
  });

  async function answer(client: RawClient, command: string): Promise<string> {
    const mark = '$4\r\nmark\r\n';
    client.send(encode(...command.split('|')) + encode('ECHO', 'mark'));
    await client.until(() => client.received.endsWith(mark));
    const reply = client.received.slice(0, -mark.length);
    client.received = '';
    return reply;
  }

  describe.each(['2', '3'])('RESP%s', (protocol) => {
    beforeAll(async () => {
      for (const client of [own, other]) await answer(client, `HELLO|${protocol}`);
    });

    it.each(commands)('%s', async (command) => {
      expect(await answer(own, command)).toBe(await answer(other, command));
    });
  });
});
